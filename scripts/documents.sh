# shellcheck shell=bash
# What documents say of the rest of the tree; scripts/check compares it, or writes it anew.
#
# Uses configuration_rows, check_page and fail of scripts/check.
# shellcheck disable=SC2154

documents() {
    find . -maxdepth 3 -name '*.md' -not -path '*/.*/*' -not -path '*/node_modules/*' | sed 's|^\./||' | sort
}

# Every path in backquotes, and every target of a link, is there.
check_documents() {
    local document path
    while read -r document; do
        for path in $(named_paths "$document"); do
            [[ -e $path ]] || fail "$document names $path, which is not there"
        done
        for path in $(linked_paths "$document"); do
            [[ -e $(dirname "$document")/$path ]] || fail "$document links to $path, which is not there"
        done
    done < <(documents)
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    grep -qF '`$OM_URL/docs`' README.md || fail 'README.md does not say where the API is described: $OM_URL/docs'
}

named_paths() {
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    grep -oE '`(gateway|services|shared|nats|sql|omctl|scripts|tests|docs|bench|k8s)/[A-Za-z0-9_./-]*`' "$1" |
        tr -d '`' | sort -u
}

linked_paths() {
    grep -oE '\]\([^)# ]+' "$1" | cut -c 3- | grep -v : | sort -u
}

# The newest version in CHANGELOG.md is the project's, and nothing shows an older one.
check_version() {
    local version versions older
    version=$(sed -nE 's/^project\(ordermesh VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)
    mapfile -t versions < <(sed -nE 's/^## ([0-9]+\.[0-9]+\.[0-9]+), .*/\1/p' CHANGELOG.md)
    [[ ${versions[0]:-} == "$version" ]] ||
        fail "CHANGELOG.md: the newest version is ${versions[0]:-missing}, CMakeLists.txt's is $version"
    grep -qx "  version: $version" docs/openapi.yaml || fail "docs/openapi.yaml: info.version is not $version"
    for older in "${versions[@]:1}"; do
        ! grep -rnE "(^|[^0-9.])${older//./[.-]}([^0-9.]|\$)" Dockerfile README.md compose.yaml docs k8s ||
            fail "version $older is shown (above); this is $version"
    done
}

# .env.example with the lines above each setting made anew: its meaning and default from a program's
# table. Of what only the scripts know, they are its own.
print_env_example() {
    awk '
        FNR == NR {
            name = $1
            preset[name] = $2 ~ /^(\(empty\)|required)$/ ? "" : " [" $2 "]"
            sub(/^ +[^ ]+ +[^ ]+ +/, "")
            meaning[name] = $0
            next
        }
        /^# / { above = above $0 "\n"; next }
        /^#?OM_[A-Z0-9_]+=/ {
            name = $0
            gsub(/^#|=.*/, "", name)
            if (name in meaning) above = "# " meaning[name] preset[name] "\n"
        }
        { printf "%s%s\n", above, $0; above = "" }' "$1" .env.example
}

check_env_example() {
    local rows name
    rows=$(for process in gateway "${services[@]}"; do configuration_rows "om-$process"; done)
    check_page .env.example print_env_example <(cat <<<"$rows")
    while read -r name; do
        grep -q "^  $name " <<<"$rows" || grep -qw "$name" scripts/up scripts/lib.sh scripts/servers.sh ||
            fail ".env.example: no program has a setting $name"
    done < <(sed -nE 's/^#?(OM_[A-Z0-9_]+)=.*/\1/p' .env.example)
}

# Each stream's file has the limit of nats/sizing.json.
print_stream() {
    jq --slurpfile sizes nats/sizing.json '.name as $name
        | .max_bytes = ($sizes[0][] | select(.stream == $name) | .mib * 1048576)' "nats/streams/$1.json"
}

# The runbook with the table of what streams hold between its markers made anew.
print_operations() {
    awk -v table="$(jq -r --slurpfile streams <(cat nats/streams/*.json) '
        .[] | .stream as $name | (.bytes_an_order // 0) as $each
        | ($streams[] | select(.name == $name) | .max_age / 86400e9) as $days
        | "| \(.stream) | \(.mib) MiB | \(if $each == 0 then "" else "\($each) bytes" end) | \(
            if $each == 0 then "" else "\(.mib * 1048576 / $each / 1000 | floor),000" end) | \($days) days | \(.when_full) |"
        ' nats/sizing.json)" '
        /<!-- sizing:end -->/ { skips = 0 }
        !skips
        /<!-- sizing:begin -->/ {
            skips = 1
            print "\n| stream | limit | an order takes | room for | kept for | when it is full |\n|---|---|---|---|---|---|\n" table "\n"
        }' docs/operations.md
}

check_sizing() {
    local name
    for name in $(jq -r '.[].stream' nats/sizing.json); do
        check_page "nats/streams/$name.json" print_stream "$name"
    done
    diff <(jq -r '.[].stream' nats/sizing.json | sort) <(basename -s .json nats/streams/*.json | sort) ||
        fail "nats/sizing.json (<) does not have the streams of nats/streams"
    check_page docs/operations.md print_operations
}

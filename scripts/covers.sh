# shellcheck shell=bash
# Which tests cover which files. Source it; it brings lib.sh.
#
# A unit test covers the source that it mirrors: tests/unit/gateway/orders/test_idempotency.c is for
# gateway/orders/idempotency.c. Where two rooms have a source of one name, the room's stands before it:
# tests/unit/services/payment/test_payment_settings.c is for services/payment/settings.c. What else a
# test covers, the last paragraph of its head comment says, in files and folders with a slash at their end:
#
#     Covers: gateway/orders/publish.c gateway/link/

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mapfile -t test_sources < <(cd "$root" && find tests/unit tests/integration tests/scenario -name 'test_*.c' | sort)

# test_name SOURCE: its name in ctest.
test_name() {
    local kind=${1#tests/} name=${1##*/test_}
    echo "${kind%%/*}/${name%.c}"
}

# Prints "SOURCE PATH" for whatever a test says it covers.
declared_covers() {
    (cd "$root" && awk '
        FNR == 1 { is_head = /^\/\*/; is_list = 0 }
        is_head {
            for (i = 1; i <= NF; i++) {
                if (is_list && $i ~ /[a-z]/) { sub(/\*\/$/, "", $i); print FILENAME, $i }
                if ($i == "Covers:") is_list = 1
            }
        }
        /\*\// { is_head = 0 }' "${test_sources[@]}")
}

# mirrored_path TEST: the source that a unit test mirrors, or else the header; nothing if there is none.
mirrored_path() {
    local folder=${1#tests/unit/} name=${1##*/test_} room path
    folder=${folder%/*}
    for room in '' ${folder//\// }; do
        [[ $name == "${room:+${room}_}"* ]] || continue
        path=$folder/${name#"${room:+${room}_}"}
        if [[ -e $root/$path ]]; then echo "$path" && return; fi
        if [[ -e $root/${path%.c}.h ]]; then echo "${path%.c}.h" && return; fi
    done
}

# Prints "SOURCE PATH" for each unit test that mirrors a source.
mirrored_covers() {
    local source path
    for source in "${test_sources[@]}"; do
        [[ $source == tests/unit/* ]] || continue
        path=$(mirrored_path "$source")
        [[ -z $path ]] || echo "$source $path"
    done
}

covers=$(mirrored_covers && declared_covers)

# covering PATH: the sources of the tests that cover a file, or anything in a folder (slash at its end).
covering() {
    local source path
    while read -r source path; do
        if [[ $path == "$1" || ($path == */ && $1 == "$path"*) || ($1 == */ && $path == "$1"*) ]]; then
            echo "$source"
        fi
    done <<<"$covers"
}

# shellcheck shell=bash disable=SC2154 # what who sources it has set
# Installations beside each other, and builds that follow each other. Source it in scripts/test-up.

up() {
    "$root/scripts/up" "$@" >"$output" 2>&1
}

pid_of() {
    cut -d ' ' -f 1 "$run_dir/pid/$1"
}

http_port_of() {
    sed -n 's/^http_port=//p' "$1/ports"
}

# Both look for a port from 8080 on, at the same time.
test_two_at_once() {
    local other
    say "two installations start at once"
    OM_RUN_DIR=$second "$root/scripts/up" >"$place/second.out" 2>&1 &
    other=$!
    up
    wait "$other" || die "$(tail -n 20 "$place/second.out")"
    # shellcheck disable=SC1091
    . "$run_dir/env"
    [[ $(http_port_of "$run_dir") != "$(http_port_of "$second")" ]] || die "both are at port $(http_port_of "$second")"
    expect_new_order
    OM_RUN_DIR=$second "$root/scripts/down" --wipe >/dev/null
    expect_new_order
}

# ask_anew FILE: requests on connections of their own, while there is $place/asking; what fails is in FILE.
ask_anew() {
    while [[ -e $place/asking ]]; do
        curl -sS -o /dev/null -w '%{http_code}\n' --max-time 20 "$OM_URL/api/v1/products" 2>&1 |
            grep -v '^200$' >>"$1" || echo >>"$place/asked"
    done
}

# The load tries an order again until it is accepted: its log has the number of tries last.
test_upgrades() {
    local level failed=$place/failed askers=() name before
    say "three upgrades under load"
    start_traffic
    : >"$failed"
    : >"$place/asked"
    : >"$place/asking"
    for _ in 1 2; do
        ask_anew "$failed" &
        askers+=($!)
    done
    for level in debug info warn; do
        before=$(cat "$run_dir"/pid/*)
        OM_LOG_LEVEL=$level up
        for name in gateway "${services[@]/%/-1}"; do
            ! grep -qxF "$(cat "$run_dir/pid/$name")" <<<"$before" || die "$name is the one before"
            ! compgen -G "$run_dir/pid/.$name.leaving.*" || die "the $name before still runs"
        done
    done
    rm "$place/asking"
    wait "${askers[@]}"
    kill "$traffic"
    wait "$traffic" || die "orders were not accepted: $(cat "$place/traffic.out")"
    traffic=
    [[ ! -s $failed ]] || die "of $(wc -l <"$place/asked") requests some failed: $(sort "$failed" | uniq -c)"
    [[ $(cut -f 7 "$place/traffic.log" | sort -u) == 1 ]] ||
        die "orders were tried again: $(cut -f 7 "$place/traffic.log" | sort | uniq -c)"
    say "$(wc -l <"$place/traffic.log") orders on kept connections and $(wc -l <"$place/asked") other requests, and none failed"
}

# A server is not exchanged by the way.
test_versions() {
    local before
    say "another version of a server"
    before=$(cat "$run_dir/nats/version" "$run_dir/redis/version")
    # No program of this name can be asked.
    echo "1.4.0 /nonexistent" >"$run_dir/nats/version"
    ! up || die "scripts/up took over the data of another NATS"
    expect 'was written by version 1\.4\.0' 'scripts/up --upgrade'
    expect_new_order
    up --upgrade
    echo "5.0.1" >"$run_dir/redis/version"
    ! up || die "scripts/up took over the data of another Redis"
    expect 'was written by version 5\.0\.1'
    up --upgrade
    [[ $(cat "$run_dir/nats/version" "$run_dir/redis/version") == "$before" ]] || die "the versions are not noted"
    before=$(cat "$run_dir/postgres/data/PG_VERSION")
    echo 9 >"$run_dir/postgres/data/PG_VERSION"
    ! up --upgrade || die "scripts/up took over the data of another PostgreSQL"
    expect "is of PostgreSQL 9, and $before is installed"
    echo "$before" >"$run_dir/postgres/data/PG_VERSION"
    up
    expect_new_order
}

# shellcheck shell=bash disable=SC2154 # what who sources it has set
# The nats-server that an instance takes. Source it in scripts/test-up.

# expect_nats PROGRAM
expect_nats() {
    local exe
    exe=$(readlink "/proc/$(pid_of nats)/exe")
    [[ $exe == "$1" ]] || die "$exe has the data, not $1"
}

# expect_same_nats [OPTION...]: of scripts/up, which leaves it running and builds nothing.
expect_same_nats() {
    local before
    before=$(pid_of nats)
    up "$@"
    [[ $(pid_of nats) == "$before" ]] || die "NATS has been exchanged"
    expect_not 'building nats-server'
}

take_second() {
    # shellcheck disable=SC1091
    . "$second/env"
    expect_new_order
}

# Where nothing can be fetched: with Debian's, which the data stays with.
test_debians_server() {
    local program
    program=$(realpath "$(command -v nats-server)")
    OM_CACHE_DIR="$place/no cache" GOMODCACHE="$place/no modules" GOPROXY=off up
    expect 'NATS [0-9.]* cannot be had: .*GOPROXY=off' 'syncs to the disk once a minute'
    expect_nats "$program"
    take_second
    expect_same_nats
    expect 'syncs to the disk once a minute'
    expect_nats "$program"
}

# What it stored is there afterwards.
test_handing_over() {
    expect_new_order
    up --upgrade
    expect_nats "$cache/bin/nats-server-${nats_server[1]}"
    expect_not 'syncs to the disk once a minute'
    grep -qE '^ *sync_interval: always' "$run_dir/nats/server.conf" || die "it does not sync each message"
    omctl audit "$order" >"$output" 2>&1 || die "the streams have lost $order"
    expect 'completed'
    expect_new_order
    expect_same_nats --upgrade
}

# Built once, which shows.
test_current_server() {
    rm -rf "$place/cache"
    OM_CACHE_DIR=$place/cache up
    expect "building nats-server ${nats_server[1]}"
    expect_nats "$place/cache/bin/nats-server-${nats_server[1]}"
    grep -qE '^ *sync_interval: always' "$run_dir/nats/server.conf" || die "it does not sync each message"
    take_second
    OM_CACHE_DIR="$place/no cache" GOPROXY=off expect_same_nats
}

test_nats_servers() (
    local why
    say "which nats-server an instance takes"
    export OM_RUN_DIR=$second
    run_dir=$second
    unset OM_NATS_SERVER
    test_debians_server
    if ! try_program nats-server "${nats_server[@]}"; then
        say "SKIPPED: a current server, which cannot be had: $why"
        return
    fi
    test_handing_over
    wipe_instance
    test_current_server
    wipe_instance
)

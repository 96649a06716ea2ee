# shellcheck shell=bash disable=SC2154 # what who sources it has set
# What dies, hangs or cannot start. Source it in scripts/test-up.

status() {
    "$root/scripts/status" >"$output" 2>&1
}

# is_another NAME PID: it runs, under another pid.
is_another() {
    [[ $(pid_of "$1") != "$2" ]] && is_running "$1"
}

all_ready() {
    status
}

# Each alone, then all at once.
test_kills() {
    local name before all=()
    for name in $(process_names); do
        say "killing $name"
        before=$(pid_of "$name")
        kill -KILL "$before"
        await "another $name" 20 is_another "$name" "$before"
        await "all to be ready" 30 all_ready
        expect_new_order
    done
    say "killing all at once"
    for name in $(process_names); do
        all+=("$(pid_of "$name")")
    done
    kill -KILL "${all[@]}"
    await "all to be ready" 30 all_ready
    expect_new_order
    expect 'ended with signal 9'
}

keeper_of() {
    cut -d ' ' -f 1 "$run_dir/pid/.$1"
}

broken=$root/.build/test/bin/om-payment

mend_build() {
    [[ ! -e $broken.kept ]] || mv "$broken.kept" "$broken"
}

# A build of payment that takes its settings and ends: it shows, the one before goes on, and the next scripts/up heals it.
test_crash_loop() {
    say "a build that does not start"
    cp -p "$broken" "$broken.kept"
    rm "$broken"
    printf '%s\n' '#!/bin/sh' "[ \$# -gt 0 ] || exit 1" "exec '$broken.kept' \"\$@\"" >"$broken"
    chmod +x "$broken"
    ! up || die "payment has started with a program that ends"
    expect 'payment-1 ended; its log is'
    ! status || die "scripts/status is content"
    expect '^payment-1 .*not running; ended with exit code 1 .*the one before runs, too'
    expect_new_order
    mend_build
    up
    status || die "$(cat "$output")"
    ! grep 'the one before' "$output" || die "the one before still runs"
    expect_new_order
}

# What runs, and where.
state() {
    cat "$run_dir"/pid/* "$run_dir"/pid/.[a-z]* "$run_dir/ports" "$run_dir/env"
}

# expect_refusal REGEX VARIABLE=VALUE...: of scripts/up, which changes nothing.
expect_refusal() {
    local before
    before=$(state)
    ! (export "${@:2}" && up) || die "scripts/up takes ${*:2}"
    expect "nothing has been changed, .*$1"
    [[ $(state) == "$before" ]] || die "${*:2} is refused, but something else runs than before"
    expect_new_order
}

test_refusals() {
    say "settings that are refused"
    expect_refusal 'must be loopback' OM_HTTP_ADDRESS=::
    expect_refusal 'OM_FLOW is none of' OM_FLOW=none OM_HTTP_PORT=$((${OM_URL##*:} + 1000)) OM_REPLICAS=2
    expect_refusal 'OM_DRAIN_MS' OM_DRAIN_MS=soon OM_LOG_LEVEL=debug
    expect_refusal 'OM_ADMIN_ADDRESS' OM_ADMIN_ADDRESS=::1
    # NATS was ended for it, and did not start.
    expect_refusal 'OM_NATS_MAX_FILE_STORE' OM_NATS_MAX_FILE_STORE=5XB
    expect_refusal 'OM_STRIPE_KEY_FILE' OM_PAYMENT_PROVIDER=stripe
    expect_refusal '192\.0\.2\.1' OM_HTTP_ADDRESS=192.0.2.1 OM_AUTH=jwt OM_JWT_ALG=HS256 \
        OM_JWT_KEY_FILE=secrets/pii_key OM_JWT_ISSUER=us OM_JWT_AUDIENCE=us
}

test_taken_port() {
    say "a port that is taken"
    ! (OM_RUN_DIR=$second OM_HTTP_PORT=${OM_URL##*:} up) || die "two gateways have one port"
    expect 'port [0-9]+ \(OM_HTTP_PORT\) is taken by another program; nothing has been changed'
    expect_not 'building'
    OM_HTTP_PORT=${OM_URL##*:} up || die "$(cat "$output")"
    expect_new_order
}

# OM_URL names the address that the gateway listens at.
test_address() {
    local port=${OM_URL##*:}
    if ! grep -q ' lo$' /proc/net/if_inet6 2>/dev/null; then
        say "SKIPPED: a gateway at ::1, which this machine has not"
        return
    fi
    say "another address"
    OM_HTTP_ADDRESS=::1 up || die "$(cat "$output")"
    expect "http://\[::1\]:$port/console/"
    # shellcheck disable=SC1091
    . "$run_dir/env"
    [[ $OM_URL == "http://[::1]:$port" ]] || die "OM_URL is $OM_URL"
    status || die "$(cat "$output")"
    expect_new_order
    up || die "$(cat "$output")"
    # shellcheck disable=SC1091
    . "$run_dir/env"
    [[ $OM_URL == "http://127.0.0.1:$port" ]] || die "OM_URL is $OM_URL"
    expect_new_order
}

# What scripts/down ends stays away, also if it was about to be started again; a keeper that is gone is told of.
test_what_is_ended() {
    local keeper
    say "what is ended, and a keeper that is killed"
    keeper=$(keeper_of payment-1)
    kill -KILL "$(pid_of payment-1)"
    "$root/scripts/down" payment-1 >/dev/null
    await "the end of the keeper" 5 not test -e "/proc/$keeper"
    [[ ! -e $run_dir/pid/payment-1 ]] || die "payment-1 is still there"
    status
    ! grep '^payment-1' "$output" || die "payment-1 was started again"
    kill -KILL "$(keeper_of order-1)"
    ! status || die "scripts/status does not miss a keeper"
    expect '^order-1 .*nobody starts it again: scripts/up'
    up
    status || die "$(cat "$output")"
    expect_new_order
}

# Prints the free MB below the store of NATS.
free_mb() {
    df --output=avail -BM "$run_dir/nats" | tail -n 1 | tr -dc 0-9
}

takes_no_order() {
    ! place_order
}

unmount() {
    ! mountpoint -q "$run_dir/nats" || umount "$run_dir/nats"
}

# A stream that could not write takes nothing any more, also when there is room again: NATS is started again for that.
test_full_disk() {
    local before
    wipe_instance
    mkdir -p "$run_dir/nats"
    if ! mount -t tmpfs -o size=96m tmpfs "$run_dir/nats" 2>/dev/null; then
        say "SKIPPED: a disk that is full, since no file system can be mounted here"
        up
        return
    fi
    say "a disk that is full under NATS"
    OM_NATS_MAX_FILE_STORE=1GB up
    # shellcheck disable=SC1091
    . "$run_dir/env"
    before=$(pid_of nats)
    head -c "$((($(free_mb) - 4) * 1048576))" /dev/zero >"$run_dir/nats/filler"
    om-test-load --port "${OM_URL##*:}" --connections 8 --seconds 600 --patience 2 --prefix "$(uuid)" >"$place/filling.out" 2>&1 &
    traffic=$!
    await "the disk to be full" 120 takes_no_order
    kill "$traffic"
    wait "$traffic" || true
    traffic=
    rm "$run_dir/nats/filler"
    await "NATS to be started again" 90 is_another nats "$before"
    say "NATS was started again after $took_ms ms"
    grep -q 'nats: does not do its work any more' "$run_dir/log/keeper.log" || die "the keeper does not say why"
    await "all to be ready" 30 all_ready
    expect_new_order
}

# .env says where the installation is, and the environment counts before it.
test_settings() {
    echo "OM_RUN_DIR='$place/of the file'" >"$place/env"
    ! (unset OM_RUN_DIR && OM_ENV_FILE=$place/env status) || die "there is something in $place/of the file"
    expect "nothing is started in $place/of the file"
    [[ ! -e "$place/of the file" ]] || die "scripts/status leaves a folder behind"
    OM_ENV_FILE=$place/env status || die "the environment does not count before .env: $(cat "$output")"
}

# As after a power cut: nothing runs, and all that is noted of it is there.
test_power_cut() {
    local pids
    say "a power cut"
    mapfile -t pids < <(cut -d ' ' -f 1 "$run_dir"/pid/.[a-z]* "$run_dir"/pid/*)
    kill -KILL "${pids[@]}"
    ! status || die "scripts/status is content"
    expect '^gateway .*not running.*scripts/up'
    up
    expect_new_order
}

# is_left FOLDER: no process works in it or below.
is_left() {
    [[ -z $(find /proc -maxdepth 2 -name cwd -lname "$1*" 2>/dev/null) ]]
}

# Nothing is left running, and data stays.
test_down() {
    "$root/scripts/down" >/dev/null
    await "the end of all" 10 is_left "$run_dir"
    ! status || die "scripts/status sees something"
    [[ ! -e $run_dir/pid && ! -e $run_dir/keep ]] || die "$run_dir/pid is left behind"
    up
    expect_new_order
}

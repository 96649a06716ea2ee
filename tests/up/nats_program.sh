#!/usr/bin/env bash
# scripts/nats-program.sh with small programs: which nats-server takes new data, and which has what is there.
# Run by ctest as integration/nats_program; scripts/test-up does the same with real servers.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
place=$(mktemp -d "/tmp/om test nats-XXXXXX")
trap 'rm -rf -- "$place"' EXIT
export OM_RUN_DIR=$place/run OM_CACHE_DIR=$place/cache
unset OM_NATS_SERVER
# shellcheck source=scripts/servers.sh
source "$here/../../scripts/servers.sh"
# shellcheck source=scripts/nats-program.sh
source "$here/../../scripts/nats-program.sh"

installed=$place/bin/nats-server
current=$cache/bin/nats-server-v2.15.2
nats_server[1]=v2.15.2
# shellcheck disable=SC2034 # go-tools.sh reads it
proxy_limit_s=1
PATH=$place/bin:$PATH

# make_program PATH COMMANDS
make_program() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

# make_server PATH VERSION
make_server() {
    make_program "$1" "echo 'nats-server: v$2'"
}

# given [VERSION PROGRAM]: a machine with Debian's server and no Go, and data that VERSION of PROGRAM has written.
given() {
    rm -rf -- "${place:?}"/{run,cache,bin,old}
    mkdir -p "$run_dir/nats" "$cache"/{bin,log}
    make_server "$installed" 2.9.10
    make_program "$place/bin/go" 'echo "there is no network"; exit 1'
    takes_over=false
    [[ -z ${1:-} ]] || { mkdir "$run_dir/nats/jetstream" && record_version nats "$1" "$2"; }
}

# expect_program PROGRAM [REGEX]: is chosen, and that said.
expect_program() {
    choose_nats_program >"$place/said"
    [[ $nats_program == "$1" ]] || die "$nats_program is taken, not $1"
    grep -qE "${2:-^}" <(cat "$place/said"; echo) || die "$(cat "$place/said"): without $2"
}

# expect_refusal REGEX
expect_refusal() {
    ! (choose_nats_program) >"$place/said" 2>&1 || die "an older server takes the data"
    grep -qE "$1" "$place/said" || die "$(cat "$place/said"): without $1"
}

new_data_is_for_a_current_server() {
    given
    make_server "$current" 2.15.2
    expect_program "$current"
    ! grep -q . "$place/said" || die "it says: $(cat "$place/said")"
}

without_one_it_is_for_the_installed() {
    given
    expect_program "$installed" '2\.15\.2 cannot be had: there is no network'
    expect_program "$installed" '2\.9\.10 syncs to the disk once a minute'
}

# Nobody waits for it.
a_proxy_may_be_silent() {
    given
    make_program "$place/bin/go" 'exec sleep 1000'
    expect_program "$installed" 'cannot be had: not done within 1 s'
}

what_is_installed_may_be_newer() {
    given
    make_server "$current" 2.15.2
    make_server "$installed" 2.16.0
    expect_program "$installed"
}

data_stays_with_its_server() {
    given 2.9.10 "$place/bin/nats-server"
    make_server "$current" 2.15.2
    expect_program "$installed" 'scripts/up --upgrade takes'
    takes_over=true
    expect_program "$current"
    given 2.15.1 "$place/old/nats-server"
    make_server "$place/old/nats-server" 2.15.1
    make_server "$current" 2.15.2
    expect_program "$place/old/nats-server"
}

# Of data without a note nobody knows what could read it but the server that was always taken.
data_without_a_note_stays_with_the_installed() {
    given
    mkdir "$run_dir/nats/jetstream"
    make_server "$current" 2.15.2
    expect_program "$installed"
}

where_its_server_is_gone_it_is_for_one_like_it() {
    given 2.15.1 "$place/old/nats-server"
    make_server "$current" 2.15.2
    expect_program "$current"
    given 2.9.9 "$installed"
    make_server "$current" 2.15.2
    expect_program "$installed"
}

no_older_server_takes_it() {
    given 2.15.1 "$place/old/nats-server"
    expect_refusal '2\.15\.1, and .* is 2\.9\.10, which is older'
    takes_over=true
    expect_refusal '2\.15\.1, and .* is 2\.9\.10, which is older'
}

what_is_named_counts_first() {
    given 2.9.10 "$installed"
    make_server "$place/old/nats-server" 2.11.0
    OM_NATS_SERVER=$place/old/nats-server expect_program "$place/old/nats-server"
}

new_data_is_for_a_current_server
without_one_it_is_for_the_installed
a_proxy_may_be_silent
what_is_installed_may_be_newer
data_stays_with_its_server
data_without_a_note_stays_with_the_installed
where_its_server_is_gone_it_is_for_one_like_it
no_older_server_takes_it
what_is_named_counts_first
say "data stays with its server"

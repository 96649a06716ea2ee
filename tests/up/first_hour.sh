#!/usr/bin/env bash
# What scripts/up says and writes for who runs it for the first time, without a system: addresses in a folder with a space, a
# port that is taken, an installation that was interrupted. Run by ctest as integration/first_hour.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
place=$(mktemp -d "/tmp/om test first-XXXXXX")
trap 'rm -rf -- "$place"' EXIT
export OM_RUN_DIR=$place/run OM_CACHE_DIR=$place/cache
unset OM_HTTP_PORT OM_HTTPS_PORT OM_HTTP_ADDRESS OM_NATS_TLS OM_AUTH
# shellcheck source=scripts/servers.sh
source "$here/../../scripts/servers.sh"
# shellcheck source=scripts/go-tools.sh
source "$here/../../scripts/go-tools.sh"
# shellcheck source=scripts/addresses.sh
source "$here/../../scripts/addresses.sh"

taken=
is_port_taken() { [[ $1 == "$taken" ]]; }
as_root() { "$@"; }
hold_daemons() { :; }
release_daemons() { :; }

# make_program PATH COMMANDS
make_program() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

# An instance at `http_port`, whose programs are in a folder with a space, too.
given() {
    rm -rf -- "$run_dir"
    mkdir -p "$run_dir"/{log,pid}
    bin=$place/bin
    make_program "$bin/omctl" 'echo ours'
    make_program "$cache/bin/nats" 'echo the CLI'
    load_ports
    http_port=8080 nats_port=4222 postgres_port=5432 redis_port=6379 inherited=()
    taken=
}

expect() {
    grep -qF -- "$1" "$place/said" || die "$(cat "$place/said"): without $1"
}

expect_not() {
    ! grep -qF -- "$1" "$place/said" || die "$(cat "$place/said"): with $1"
}

the_addresses_can_be_sourced_by_any_shell() {
    local shell
    given
    write_env
    for shell in sh bash; do
        # shellcheck disable=SC2016 # for that shell
        PATH=/usr/bin:/bin "$shell" -c '. "$1" && path=$PATH && . "$1" && [ "$PATH" = "$path" ] && omctl && nats &&
            echo "$OM_NATS_PASSWORD_FILE at $OM_URL"' "$shell" "$run_dir/env" >"$place/said"
        expect 'ours'
        expect 'the CLI'
        expect "$run_dir/secrets/nats_operator at http://127.0.0.1:8080"
    done
}

what_is_printed_can_be_pasted() {
    given
    print_addresses >"$place/said"
    expect ". $(printf %q "$run_dir/env")"
    expect_not "port 8080"
    expect_not "Port 8080"
}

a_port_that_is_not_the_usual_one_is_said_last() {
    given
    http_port=8081 taken=8080
    print_addresses | tail -n 3 >"$place/said"
    expect "Port 8080 is another program's, so the gateway is at 8081"
    taken=
    print_addresses >"$place/said"
    expect_not 'Port 8080'
    OM_HTTP_PORT=8081 taken=8080 print_addresses >"$place/said"
    expect_not 'Port 8080'
}

a_port_that_was_asked_for_is_refused_where_it_is_taken() {
    given
    taken=8080
    ! (OM_HTTP_PORT=8080 check_wanted_ports) 2>"$place/said" || die "port 8080 is taken twice"
    expect 'port 8080 (OM_HTTP_PORT) is taken by another program; nothing has been changed'
    ! (OM_HTTPS_PORT=8080 check_wanted_ports) 2>"$place/said" || die "port 8080 is taken twice"
    expect 'port 8080 (OM_HTTPS_PORT)'
    ! (OM_HTTP_PORT=-1 check_wanted_ports) 2>"$place/said" || die "-1 is a port"
    OM_HTTP_PORT=8081 OM_HTTPS_PORT=0 check_wanted_ports
    check_wanted_ports
}

# given_packages AUDIT: dpkg knows no package, and says AUDIT of those that it has in hand.
given_packages() {
    given
    dpkg_folder=$place/dpkg
    rm -rf -- "$dpkg_folder" "$place/calls"
    mkdir -p "$dpkg_folder/updates"
    make_program "$place/fake/dpkg-query" 'exit 1'
    make_program "$place/fake/dpkg" "[ \"\$1\" = --audit ] && { printf '%s' '$1'; exit; }; echo \"dpkg \$*\" >>'$place/calls'"
    make_program "$place/fake/apt-get" "echo apt-get \"\$@\" >>'$place/calls'"
    make_program "$place/fake/sudo" 'exit 0'
}

what_was_installed() {
    (PATH=$place/fake:$PATH install_packages one) >"$place/said" 2>&1
    sed -nE 's/^(dpkg).*--configure -a$/\1/p; s/^(apt-get).* install .*one$/\1/p' "$place/calls" | xargs
}

an_interrupted_installation_is_finished_first() {
    given_packages ''
    [[ $(what_was_installed) == apt-get ]] || die "dpkg: $(cat "$place/said" "$place/calls")"
    given_packages 'one is only half installed'
    [[ $(what_was_installed) == 'dpkg apt-get' ]] || die "no dpkg: $(cat "$place/said" "$place/calls")"
    expect 'finishing an interrupted installation'
    given_packages ''
    touch "$dpkg_folder/updates/0001"
    [[ $(what_was_installed) == 'dpkg apt-get' ]] || die "no dpkg: $(cat "$place/said" "$place/calls")"
}

where_it_cannot_be_finished_that_is_said() {
    given_packages 'one is only half installed'
    # shellcheck disable=SC2016 # for that shell
    make_program "$place/fake/dpkg" '[ "$1" = --audit ] && echo half; echo "one does not work"; exit 1'
    ! (PATH=$place/fake:$PATH install_packages one) >"$place/said" 2>&1 || die "it goes on"
    expect 'one does not work'
    expect '(dpkg --configure -a) failed'
}

# NATS was ended for it, did not start, and stayed away.
a_store_that_is_no_size_is_refused_at_once() {
    given
    ! OM_NATS_MAX_FILE_STORE=5XB "$here/../../scripts/up" >"$place/said" 2>&1 || die "5XB is a size"
    expect 'nothing has been changed, since OM_NATS_MAX_FILE_STORE=5XB is no size such as 50GB'
}

# A misspelled setting was handed on to programs that do not know it, and nobody said so.
a_setting_that_is_none_is_named() {
    given
    inherited=(OM_FLWO=parallel OM_FLOW=parallel OM_FAILPOINT=a:1 OM_CACHE_DIR=/x)
    print_addresses >"$place/said"
    expect 'Nothing is called OM_FLWO, so it changes nothing; docs/configuration.md has all settings.'
    [[ $(grep -c 'Nothing is called' "$place/said") == 1 ]] || die "$(cat "$place/said")"
}

# settings_are LINE: what scripts/status says of a file of settings with that line.
settings_are() {
    given
    printf '%s\n' "$1" >"$place/settings"
    ! OM_ENV_FILE=$place/settings "$here/../../scripts/status" >"$place/said" 2>&1 || die "there is something to look at"
}

# It was said, passed over, and the rest went on without that setting.
a_line_that_is_no_setting_ends_it() {
    settings_are 'OM_FLOW = parallel'
    expect 'settings: line 1: OM_FLOW: command not found: write a setting as NAME=value, without blanks'
    settings_are $'OM_FLOW=parallel\r'
    expect 'has the line ends of Windows'
    settings_are $'# two\n\nOM_FLOW="parallel" # one\nexport OM_URL=http://x/?a=b'
    expect 'nothing is started'
    ! OM_ENV_FILE=$place/nowhere "$here/../../scripts/status" >"$place/said" 2>&1 || die "it is read"
    expect "OM_ENV_FILE=$place/nowhere cannot be read"
}

# The last lines of the first replica stood before all of the second one's: `scripts/logs payment | tail` left them out.
the_logs_of_replicas_come_in_the_order_of_their_times() {
    given
    printf '{"time":"2026-01-01T00:00:0%s"}\n' 1Z 4Z >"$run_dir/log/payment-1.log"
    echo 'a line of its own' >>"$run_dir/log/payment-1.log"
    printf '{"time":"2026-01-01T00:00:0%s"}\n' 2Z 3Z >"$run_dir/log/payment-2.log"
    "$here/../../scripts/logs" payment | tr -d '\n' >"$place/said"
    expect '0:01Z"}{"time":"2026-01-01T00:00:02Z"}{"time":"2026-01-01T00:00:03Z"}{"time":"2026-01-01T00:00:04Z"}a line of its own'
}

the_addresses_can_be_sourced_by_any_shell
what_is_printed_can_be_pasted
a_port_that_is_not_the_usual_one_is_said_last
a_port_that_was_asked_for_is_refused_where_it_is_taken
an_interrupted_installation_is_finished_first
where_it_cannot_be_finished_that_is_said
a_store_that_is_no_size_is_refused_at_once
the_logs_of_replicas_come_in_the_order_of_their_times
a_setting_that_is_none_is_named
a_line_that_is_no_setting_ends_it

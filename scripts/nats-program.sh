# shellcheck shell=bash disable=SC2154 # what servers.sh has set
# Which nats-server has the data of an instance. Source it after servers.sh; it brings go-tools.sh.

# shellcheck source=go-tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/go-tools.sh"

nats_program=

# version_of_nats [PROGRAM]: empty when there is no such program.
version_of_nats() {
    [[ -z ${1:-} ]] || "$1" --version 2>/dev/null | sed -n 's/^nats-server: v//p'
}

nats_version() {
    version_of_nats "$nats_program"
}

# is_older VERSION THAN
is_older() {
    [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]
}

# The option came with 2.10; before, the server syncs once a minute.
can_sync_always() {
    ! is_older "$(nats_version)" 2.10
}

# find_nats_program NAME
find_nats_program() {
    nats_program=$(realpath -qe "$(command -v "$1")") || die "there is no $1"
    [[ -n $(nats_version) ]] || die "$nats_program says no version"
}

# The program that is named; else the one that has the data; else, for new data or with --upgrade, a current one; else
# the installed one.
choose_nats_program() {
    local version='' program='' why='' minor=${nats_server[1]%.*}
    if [[ -n ${OM_NATS_SERVER:-} ]]; then
        find_nats_program "$OM_NATS_SERVER"
        return
    fi
    find_nats_program nats-server
    [[ ! -s $run_dir/nats/version ]] || read -r version program <"$run_dir/nats/version"
    if [[ -n $version && $takes_over == false && $(version_of_nats "$program") == "$version" ]]; then
        nats_program=$program
    elif [[ $takes_over == true || ! -e $run_dir/nats/jetstream || v${version%.*} == "$minor" ]]; then
        take_current_server
    fi
    [[ -z $version ]] || refuse_older "$version"
    can_sync_always || say "NATS $(nats_version) syncs to the disk once a minute, so a power cut can lose orders that" \
        "were accepted in the last one; scripts/up --upgrade takes a current NATS where it can be had"
}

# Unless what is installed is as new.
take_current_server() {
    is_older "$(nats_version)" "${nats_server[1]#v}" || return 0
    if build_limit_s=600 try_program nats-server "${nats_server[@]}"; then
        find_nats_program "$cache/bin/nats-server-${nats_server[1]}"
    else
        say "NATS ${nats_server[1]#v} cannot be had: $why"
    fi
}

# refuse_older VERSION: nobody means an older server than has the data without naming it.
refuse_older() {
    ! is_older "$(nats_version)" "${1%.*}" || die "the data in $run_dir/nats was written by version $1, and" \
        "$nats_program is $(nats_version), which is older: name a newer one by OM_NATS_SERVER"
}

# shellcheck shell=bash
# Keeps processes running: beside each runs its keeper (scripts/keeper), which starts it again when it ends.
# Source it; it brings lib.sh.
#
# Of a process NAME, in the run directory: keep/NAME is what its keeper starts, keep/NAME.ended what became of
# it, pid/NAME what runs now, pid/.NAME the keeper, pid/.NAME.leaving.PID one that has been replaced.

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

keep=$run_dir/keep

# write_order NAME PROBE [VARIABLE=VALUE...] -- COMMAND...: what the keeper is to start; sets `generation`. It
# has passwords. PROBE, a command in one word, says by its exit code whether the process still does its work.
write_order() {
    local name=$1 probe=$2 home environment=() command fingerprint
    shift 2
    fingerprint=$(fingerprint_of "$@")
    while [[ $1 != -- ]]; do
        environment+=("$1")
        shift
    done
    shift
    # shellcheck disable=SC2034 # declare -p prints it
    command=("$@")
    home=$(home_of "$name")
    generation=$(date +%s%N)
    mkdir -p "$keep"
    (
        umask 077
        echo "generation=$generation" >"$keep/$name.new"
        declare -p fingerprint home probe environment command >>"$keep/$name.new"
    )
    mv "$keep/$name.new" "$keep/$name"
}

# has_started NAME: what was ordered last, by `generation`.
has_started() {
    local running=''
    read -r _ _ _ running 2>/dev/null <"$run_dir/pid/$1" || true
    [[ $running == "$generation" ]]
}

# start_keeper NAME [HOLDER...]: returns when it has started what was ordered, or with the holder's exit code. HOLDER is a
# program that becomes the keeper, with sockets that outlive what is kept.
start_keeper() {
    local name=$1 keeper code=0 deadline=$((SECONDS + 20))
    shift
    rm -f "$keep/$name.ended"
    pushd "$run_dir" >/dev/null
    (
        export OM_RUN_DIR=$run_dir
        close_descriptors
        exec setsid "$@" "$root/scripts/keeper" "$name" >>"$run_dir/log/keeper.log" 2>&1 </dev/null
    ) &
    keeper=$!
    popd >/dev/null
    until has_started "$name"; do
        ((SECONDS < deadline)) || return 1
        if ! kill -0 "$keeper" 2>/dev/null; then
            wait "$keeper" || code=$?
            return $((code > 0 ? code : 1))
        fi
        sleep 0.02
    done
}

# keep_process NAME PROBE [VARIABLE=VALUE...] -- COMMAND...: unless it runs already as told. What runs otherwise ends first.
keep_process() {
    local name=$1 generation
    if is_running ".$name" && runs_as "$name" "$(fingerprint_of "${@:3}")"; then
        return 0
    fi
    end_process "$name" 30
    write_order "$@"
    start_keeper "$name" || die "$name has no keeper: $(tail -n 1 "$run_dir/log/keeper.log")"
}

# replace_process NAME [VARIABLE=VALUE...] -- COMMAND...: of a program that may run twice for a while. What ran before goes on,
# beside the new one, until end_leaving. Exit code 1: there is no keeper, and so nothing to replace.
replace_process() {
    local name=$1 pid generation deadline=$((SECONDS + 10))
    is_running ".$name" || return 1
    if is_current "$name" "$(fingerprint_of "${@:2}")"; then
        return 0
    fi
    write_order "$name" '' "${@:2}"
    # A keeper may be about to sleep: it is told until it has understood.
    until has_started "$name"; do
        if ! is_running ".$name" || ((SECONDS >= deadline)); then
            die "the keeper of $name does not do as it is told"
        fi
        kill -USR1 "$pid" 2>/dev/null || true
        sleep 0.05
    done
}

# has_leaving NAME
has_leaving() {
    [[ -n $(compgen -G "$run_dir/pid/.$1.leaving.*") ]]
}

end_leaving() {
    local file ending=()
    for file in "$run_dir/pid/.$1.leaving".*; do
        [[ -e $file ]] || continue
        stop_process "${file##*/}" 15 &
        ending+=($!)
    done
    [[ ${#ending[@]} -eq 0 ]] || wait "${ending[@]}"
}

# end_process NAME SECONDS [SIGNAL]: with its keeper, so that it does not come back.
end_process() {
    local lock
    [[ -e $run_dir/pid/$1 || -e $run_dir/pid/.$1 ]] || return 0
    stop_process ".$1" 5
    # What the keeper was just starting has its pid file once nobody holds this.
    if [[ -e $keep/$1.lock ]]; then
        exec {lock}<"$keep/$1.lock"
        flock -w 5 "$lock" || true
        exec {lock}>&-
    fi
    end_leaving "$1"
    stop_process "$@"
    rm -f "$keep/$1"{,.ended,.lock}
}

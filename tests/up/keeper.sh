#!/usr/bin/env bash
# scripts/keep.sh with small programs: what is kept comes back, is replaced beside what ran, and ends for good.
# Run by ctest as integration/keeper; scripts/test-up does the same with the whole system.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
place=$(mktemp -d "/tmp/om test keeper-XXXXXX")
export OM_RUN_DIR=$place OM_PROBE_INTERVAL_S=0.5
# shellcheck source=scripts/keep.sh
source "$here/../../scripts/keep.sh"

end_test() {
    local code=$? name
    for name in $(process_names); do
        end_process "$name" 5
    done
    ((code == 0)) || cat "$place"/log/*.log >&2
    rm -rf -- "$place"
}
trap end_test EXIT
mkdir -p "$run_dir"/{log,pid,admin}

# await WHAT COMMAND...
await() {
    local what=$1 deadline=$((SECONDS + 30))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || die "$what: not within 30 s"
        sleep 0.05
    done
}

pid_of() {
    cut -d ' ' -f 1 "$run_dir/pid/$1"
}

is_another() {
    [[ $(pid_of "$1") != "$2" ]] && is_running "$1"
}

is_gone() {
    [[ ! -e /proc/$1 ]]
}

has_ended_with() {
    grep -qs "$2" "$keep/$1.ended"
}

what_is_killed_comes_back() {
    local before
    keep_process one '' COLOUR='deep blue' -- sleep 1000
    before=$(pid_of one)
    keep_process one '' COLOUR='deep blue' -- sleep 1000
    [[ $(pid_of one) == "$before" ]] || die "it was started anew though it ran as told"
    kill -KILL "$before"
    await "another one" is_another one "$before"
    [[ $(restarts_of one) == 1 ]] || die "its restart is not counted"
    grep -qz '^COLOUR=deep blue$' "/proc/$(pid_of one)/environ" || die "it lost its setting"
}

# A program that is replaced goes on until it is told to end, and does not come back.
a_replacement_runs_beside_what_ran() {
    local before
    before=$(pid_of one)
    replace_process one COLOUR=red -- sleep 2000
    is_another one "$before" || die "nothing was started"
    ! is_gone "$before" || die "what ran has ended"
    has_leaving one
    end_leaving one
    await "the end of what ran" is_gone "$before"
    ! has_leaving one || die "what ran is still noted"
    [[ $(restarts_of one) == 0 ]] || die "that counts as a restart"
}

what_ends_at_once_is_given_time() {
    keep_process fails '' -- sh -c 'exit 7'
    await "a third restart" has_ended_with fails '3 ended with exit code 7 .*again after 800 ms'
    replace_process fails -- sleep 1000
    await "what does not fail" is_running fails
    [[ $(restarts_of fails) == 0 ]] || die "restarts of what was before are counted"
}

# The keeper is gone with what it kept, and all that is noted of them is there.
after_a_power_cut_it_starts_anew() {
    local before keeper
    keep_process lights '' -- sleep 1000
    before=$(pid_of lights) keeper=$(cut -d ' ' -f 1 "$run_dir/pid/.lights")
    kill -KILL "$keeper" "$before"
    await "the end of both" is_gone "$before"
    keep_process lights '' -- sleep 1000
    is_another lights "$before" || die "it was not started anew"
    end_process lights 5
}

# It is ended once the probe has failed three times.
what_works_no_longer_is_started_again() {
    local before
    keep_process hangs "test ! -e '$place/hangs'" -- sleep 1000
    before=$(pid_of hangs)
    : >"$place/hangs"
    await "another one" is_another hangs "$before"
    rm "$place/hangs"
    grep -q 'hangs: does not do its work any more' "$run_dir/log/keeper.log" || die "nobody says why"
}

# scripts/up said "not within 30 s" of a process that was stopped, and no more.
what_does_not_get_ready_is_told_to_be_looked_at() {
    local said
    keep_process stuck '' -- sleep 1000
    said=$(wait_for stuck 1 stuck false 2>&1) && die "it is ready"
    [[ $said == *"stuck is not ready within 1 s: scripts/status says why; if it hangs, kill -9 $(pid_of stuck), "* ]] ||
        die "it says: $said"
    end_process stuck 5
}

# Also what was just about to be started again.
what_is_ended_stays_away() {
    local name keeper before
    for name in one fails; do
        keeper=$(cut -d ' ' -f 1 "$run_dir/pid/.$name") before=$(pid_of "$name")
        kill -KILL "$before"
        end_process "$name" 5
        await "the end of the keeper of $name" is_gone "$keeper"
        [[ ! -e $run_dir/pid/$name && ! -e $keep/$name ]] || die "$name is still noted"
    done
}

what_is_killed_comes_back
a_replacement_runs_beside_what_ran
what_ends_at_once_is_given_time
what_is_ended_stays_away
after_a_power_cut_it_starts_anew
what_works_no_longer_is_started_again
what_does_not_get_ready_is_told_to_be_looked_at
say "what is kept is kept"

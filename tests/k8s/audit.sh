# shellcheck shell=bash
# Sourced by cluster.sh and pods.sh.

# shellcheck disable=SC2154 # run_dir

# expect_clean_audit NATS...: the NATS CLI as the user `system`. Streams expect three copies by their labels, so it fails
# where one is away.
expect_clean_audit() {
    local archive=$run_dir/audit.zip
    "$@" audit gather --no-progress --output "$archive" >"$run_dir/log/audit.log" 2>&1 ||
        die "the audit gathers nothing: $(tail -n 5 "$run_dir/log/audit.log")"
    nats audit analyze "$archive" >>"$run_dir/log/audit.log"
    nats audit analyze --json "$archive" | jq -e 'all(.checks[]; .outcome_string | IN("PASS", "SKIP"))' >/dev/null ||
        die "the audit is not clean: $(cat "$run_dir/log/audit.log")"
    say "nats audit finds nothing"
}

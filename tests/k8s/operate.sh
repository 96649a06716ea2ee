# shellcheck shell=bash
# What operators do to an installation, as docs/deploying.md and docs/operations.md say. Sourced by pods.sh, whose functions
# and settings it uses.

# shellcheck disable=SC2154 # these settings

# forward NAME TARGET PORT: a port of this machine is TARGET's. A forward ends with the pod that it leads to.
forward() {
    stop_process "forward-$1" 5
    start_process "forward-$1" -- kubectl -n ordermesh port-forward "$2" "$3"
    wait_for "the port of $1" 30 "forward-$1" bash -c "exec 3<>/dev/tcp/127.0.0.1/$3"
}

# --- NATS ------------------------------------------------------------------------------------------

# by_context USER ARGUMENT...: USER is nothing for the operator, or `system-`.
by_context() {
    nats --context "$secrets/nats-$1context.json" "${@:2}"
}

check_nats_users() {
    forward nats service/nats 4222
    by_context '' stream ls --names >"$place/nats-streams.log" || die "the operator sees no streams"
    grep -qx ORDERS "$place/nats-streams.log" || die "the operator sees no stream ORDERS: $place/nats-streams.log"
    by_context system- server ls --json >"$place/nats-servers.json" || die "the system user sees no servers"
    [[ $(jq -r 'map(.server.name) | sort | join(" ")' "$place/nats-servers.json") == 'nats-0 nats-1 nats-2' ]] ||
        die "the system user does not see three servers: $place/nats-servers.json"
    expect_clean_audit by_context system-
}

# On a disk of its own, which can be filled.
give_small_disk() {
    local disk=$node/disk-$1 folder=$node/volumes/$1
    mkdir -p "$folder"
    truncate -s 3G "$disk" && mkfs.ext4 -q -m 0 "$disk" && mount -o loop "$disk" "$folder" && rmdir "$folder/lost+found"
}

restarts_of_server() {
    mesh get pod "$1" -o jsonpath='{.status.containerStatuses[0].restartCount}'
}

# fails_liveness SERVER: by the probe's own path.
fails_liveness() {
    local address path
    address=$(mesh get pod "$1" -o jsonpath='{.status.podIP}')
    path=$(mesh get pod "$1" -o jsonpath='{.spec.containers[0].livenessProbe.httpGet.path}')
    [[ $(curl -sS --max-time 5 -o /dev/null -w '%{http_code}' "http://$address:8222$path") == 503 ]]
}

has_restarted() {
    (($(restarts_of_server "$1") > 0))
}

# A server that could not write stays off when there is room again, and the kubelet starts it again.
check_full_disk() {
    local folder=$node/volumes/data-nats-2 free
    if ! mountpoint -q "$folder"; then
        say "SKIPPED: a disk that is full, since no file system can be mounted here"
        return
    fi
    [[ $(restarts_of_server nats-2) == 0 ]] || die "nats-2 was started again before its disk was full"
    start_load disk
    free=$(df --output=avail -B1 "$folder" | tail -n 1)
    # The server may take the rest meanwhile.
    head -c "$((free - 2097152))" /dev/zero >"$folder/filler" || true
    wait_for "a liveness probe that fails" 120 kubelet fails_liveness nats-2
    rm "$folder/filler"
    fails_liveness nats-2 || die "nats-2 heals by itself: the probe asks for nothing"
    wait_for "nats-2 to be started again" 240 kubelet has_restarted nats-2
    mesh wait --for=condition=Ready pod/nats-2 --timeout=300s >>"$place/rollout.log"
    mesh get events --field-selector involvedObject.name=nats-2,reason=Killing -o jsonpath='{.items[*].message}' |
        grep -q 'failed liveness probe' || die "nats-2 was started again, and not for its liveness probe"
    end_load disk
    say "nats-2 could not write, and is current again since its liveness probe had it restarted"
}

# --- settings and secrets --------------------------------------------------------------------------

# can_log_in ROLE PASSWORD: through the network, as services do, since PostgreSQL may trust its own machine.
can_log_in() {
    mesh exec postgres-0 -- psql -qtA "postgresql://$1:$2@postgres/ordermesh" -c 'SELECT 1' >>"$place/psql.log" 2>&1
}

# says_debug PROCESS: counted, since a grep that stops reading is a failure of who writes.
says_debug() {
    (($(mesh logs "deployment/$1" --tail=-1 | grep -c '"level":"debug"') > 0))
}

# Another password of the database's administrator, of a service in the database, and of one with the broker, and another
# log level: files removed, a line in the user's own overlay, and all of it applied.
check_rotation() {
    local role name tag
    local -A file=([ordermesh]=database-password [om_payments]=role/om_payments) old=()
    for role in "${!file[@]}"; do
        old[$role]=$(cat "$secrets/${file[$role]}")
        can_log_in "$role" "${old[$role]}" || die "$role does not log in by ${file[$role]}"
    done
    ! says_debug payment || die "payment says debug before it is told to"
    tag=$(images)
    start_load rotation
    rm "$secrets"/{database-password,role/om_payments,nats/nats_payment}
    (cd "$project" && scripts/make-secrets k8s dev) >"$place/secrets.log" 2>&1 || die "$(tail -n 5 "$place/secrets.log")"
    write_mine "${tag#*:}" 'configMapGenerator: [{name: common-config, behavior: merge, literals: [OM_LOG_LEVEL=debug]}]'
    apply_mine
    await_servers
    await_rollout
    end_load rotation
    for role in "${!file[@]}"; do
        can_log_in "$role" "$(cat "$secrets/${file[$role]}")" || die "the new password of $role did not reach the database"
        ! can_log_in "$role" "${old[$role]}" || die "$role logs in by the old password, too"
    done
    for name in gateway payment; do
        wait_for "$name to say debug" 30 kubelet says_debug "$name"
    done
    say "passwords of database and broker, and a log level, are changed"
}

# --- its end ---------------------------------------------------------------------------------------

claims() {
    mesh get persistentvolumeclaims -o custom-columns=NAME:.metadata.name,VOLUME:.spec.volumeName,STATUS:.status.phase
}

has_no_pods() {
    [[ -z $(mesh get pods -o name) ]]
}

# The data are there for the next `apply`.
check_deletion() {
    local before
    before=$(claims)
    kubectl delete -k "$project/k8s/overlays/mine" >"$place/delete.log" 2>&1 || die "$(tail -n 5 "$place/delete.log")"
    wait_for "the end of all pods" 180 kubelet has_no_pods
    [[ $(claims) == "$before" && $(wc -l <<<"$before") == 6 ]] || die "not all data are kept: $(claims)"
    apply_mine
    mesh wait --for=condition=Available deployment --all --timeout=15m >>"$place/rollout.log"
    start_load again
    sleep 10
    end_load again
    say "deleted and applied again, with the data of $(($(wc -l <<<"$before") - 1)) claims"
}

check_namespace_deletion() {
    kubectl delete namespace ordermesh --timeout=300s >>"$place/delete.log"
    [[ -z $(kubectl get persistentvolumeclaims -A -o name) ]] || die "a namespace's end keeps claims"
    say "deleting the namespace gives up the claims"
}

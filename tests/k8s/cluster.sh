#!/usr/bin/env bash
# Three NATS servers by the configuration of k8s/components/nats, here on loopback, and everything else
# beside them: streams with three copies, orders under load, the server that leads ORDERS killed midway
# and started again. Then om-test-check says whether anything was lost. At last the disk of one is full.
#
#     tests/k8s/cluster.sh NATS-SERVER
#
# Called by scripts/test-k8s, with the programs of .build/test.
set -euo pipefail

: "${1:?the nats-server program, 2.10 or newer}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OM_RUN_DIR=$here/../../.build/k8s/cluster
# shellcheck source=scripts/servers.sh
source "$here/../../scripts/servers.sh"
# shellcheck source=tests/k8s/audit.sh
source "$here/audit.sh"

nats_program=$1
bin=$root/.build/test/bin
seconds=${OM_CLUSTER_SECONDS:-40}
nodes=(0 1 2)
client_ports=() cluster_ports=() monitor_ports=()

stop_all() {
    local name
    for name in $(process_names); do
        case $name in
        postgres) stop_postgres ;;
        *) end_process "$name" 15 ;;
        esac
    done
    unmount
}

choose_node_ports() {
    local node port=$((20000 + RANDOM % 10000))
    for node in "${nodes[@]}"; do
        port=$(pick_port $((port + 1))) && client_ports[node]=$port
        port=$(pick_port $((port + 1))) && cluster_ports[node]=$port
        port=$(pick_port $((port + 1))) && monitor_ports[node]=$port
    done
}

# write_node_config NODE: the component's file, with this machine's ports and folders.
write_node_config() {
    local node=$1 folder=$run_dir/nats-$1 other edits=()
    mkdir -p "$folder/users"
    cp "$run_dir/users.conf" "$run_dir/system.conf" "$folder/users"
    for other in "${nodes[@]}"; do
        edits+=(-e "s|nats-$other.nats-nodes:6222|127.0.0.1:${cluster_ports[other]}|")
    done
    sed -e "s|0.0.0.0:4222|127.0.0.1:${client_ports[node]}|" \
        -e "s|0.0.0.0:6222|127.0.0.1:${cluster_ports[node]}|" \
        -e "s|0.0.0.0:8222|127.0.0.1:${monitor_ports[node]}|" "${edits[@]}" \
        -e "s|/etc/nats/tls/tls\.|$run_dir/tls/server.|" -e "s|/etc/nats/tls|$run_dir/tls|" \
        -e "s|/run/nats|$folder|" -e "s|\"/data\"|\"$folder/jetstream\"|" \
        "$root/k8s/components/nats/nats.conf" >"$folder/nats.conf"
    if grep -nE '/etc/|0\.0\.0\.0|nats-nodes' "$folder/nats.conf"; then
        die "$folder/nats.conf still speaks of the cluster (above)"
    fi
}

start_node() {
    start_process "nats-$1" POD_NAME="nats-$1" JETSTREAM_MAX_FILE_STORE=9GB -- \
        "$nats_program" -c "$run_dir/nats-$1/nats.conf"
}

node_is_current() {
    curl -fsS --max-time 2 "http://127.0.0.1:${monitor_ports[$1]}/healthz"
}

start_nodes() {
    local user node
    for user in $(nats_users); do
        secret "nats_$user" >/dev/null
    done
    "$bin/omctl" nats-users --dir "$root/nats" --secrets "$secrets" >"$run_dir/users.conf"
    nats_system_user >"$run_dir/system.conf"
    "$root/scripts/nats-certificates" "$run_dir/tls" server >"$run_dir/log/certificates.log" 2>&1
    choose_node_ports
    for node in "${nodes[@]}"; do
        write_node_config "$node"
        start_node "$node"
    done
    for node in "${nodes[@]}"; do
        wait_for "nats-$node" 60 "nats-$node" node_is_current "$node"
    done
    say "three servers of $("$nats_program" --version) are one cluster"
}

nats_servers() {
    printf 'tls://127.0.0.1:%s,' "${client_ports[@]}" | sed 's/,$//'
}

as_operator() {
    OM_DATABASE_URL=$(database_url "$database_admin") OM_NATS_URL=$(nats_servers) OM_NATS_USER=operator \
        OM_NATS_PASSWORD_FILE=$secrets/nats_operator OM_NATS_TLS_CA_FILE=$run_dir/tls/ca.crt "$@"
}

prepare() {
    local role
    as_operator "$bin/omctl" migrate --dir "$root/sql" >/dev/null
    mkdir -p "$secrets/role"
    for role in $(admin_psql -c "SELECT rolname FROM pg_roles WHERE rolname ^@ 'om_'"); do
        secret "$role" >"$secrets/role/$role"
    done
    as_operator "$bin/omctl" migrate --dir "$root/sql" --passwords "$secrets/role" >/dev/null
    as_operator "$bin/omctl" provision --dir "$root/nats" --replicas 3
}

# start NAME VARIABLE=VALUE...: a process of ours.
start() {
    local name=$1
    shift
    start_process "$name" OM_NATS_URL="$(nats_servers)" OM_NATS_USER="$name" \
        OM_NATS_PASSWORD_FILE="$secrets/nats_$name" OM_NATS_TLS_CA_FILE="$run_dir/tls/ca.crt" \
        OM_INSTANCE="$name" OM_ADMIN_PORT_FILE="$run_dir/admin/$name.port" \
        OM_PII_KEY_FILE="$secrets/pii_key" "$@" -- "$bin/om-$name"
}

is_ready() {
    curl -fsS --max-time 2 "http://127.0.0.1:$(cat "$run_dir/admin/$1.port")/readyz"
}

start_all() {
    local service
    secret pii_key >/dev/null
    for service in "${services[@]}"; do
        start "$service" OM_TEMPLATE_DIR="$root/services/notification/templates" \
            OM_NOTIFY_LOG="$run_dir/log/notifications.log" \
            OM_DATABASE_URL="$(database_url "om_$("$bin/om-$service" --describe | jq -r .schema)")"
    done
    start gateway OM_HTTP_PORT="$http_port" OM_REDIS_URL="redis://127.0.0.1:$redis_port"
    for service in gateway "${services[@]}"; do
        wait_for "$service" 60 "$service" is_ready "$service"
    done
    as_operator "$bin/omctl" seed demo --wait >/dev/null
    say "every process is ready"
}

# Which of the three leads the stream ORDERS.
leader() {
    curl -fsS "http://127.0.0.1:${monitor_ports[0]}/jsz?streams=true&accounts=true" |
        jq -r '.account_details[].stream_detail[]? | select(.name == "ORDERS") | .cluster.leader' |
        grep -oE '[0-9]+$'
}

kill_leader_under_load() {
    local load node pid
    "$bin/om-test-load" --port "$http_port" --connections 16 --seconds "$seconds" \
        --mix ok=80,declined=10,stock=10 --log "$run_dir/load.log" >"$run_dir/load.json" &
    load=$!
    sleep $((seconds / 4))
    node=$(leader)
    is_running "nats-$node"
    say "killing nats-$node, which leads ORDERS, after $(wc -l <"$run_dir/load.log") orders"
    kill -KILL "$pid"
    sleep $((seconds / 4))
    say "$(wc -l <"$run_dir/load.log") orders; starting nats-$node again"
    start_node "$node"
    wait "$load" || die "orders were not accepted: $(cat "$run_dir/load.json")"
    wait_for "nats-$node" 60 "nats-$node" node_is_current "$node"
    say "load: $(jq -c . "$run_dir/load.json")"
}

check_nothing_is_lost() {
    "$bin/om-test-check" --database-url "$(database_url "$database_admin")" \
        --nats-url "tls://127.0.0.1:${client_ports[0]}" --nats-user operator --nats-password-file "$secrets/nats_operator" \
        --nats-ca-file "$run_dir/tls/ca.crt" --log "$run_dir/load.log" --settle 120
}

as_system() {
    nats --server "$(nats_servers)" --user system --password "$(secret nats-system)" --tlsca "$run_dir/tls/ca.crt" "$@"
}

# What the liveness probe of nats.yaml asks.
is_alive() {
    local path
    path=$(sed -n '/livenessProbe:/,/httpGet/s/.*path: "\([^"]*\)".*/\1/p' "$root/k8s/components/nats/nats.yaml")
    curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:${monitor_ports[$1]}$path" 2>/dev/null
}

unmount() {
    ! mountpoint -q "$run_dir/nats-2" || umount "$run_dir/nats-2"
}

# move_to_small_disk NODE: one with little room besides what it has.
move_to_small_disk() {
    local folder=$run_dir/nats-$1 used
    stop_process "nats-$1" 30
    used=$(du -sm "$folder" | cut -f 1)
    mv "$folder" "$folder.before"
    mkdir "$folder"
    mount -t tmpfs -o "size=$((used + 64))m" tmpfs "$folder" || return 1
    cp -a "$folder.before/." "$folder"
    rm -rf "$folder.before"
    start_node "$1"
    wait_for "nats-$1" 60 "nats-$1" node_is_current "$1"
}

# A server that could not write stays off when there is room again; the probe fails until it is started again.
fill_a_disk() {
    local free load tries
    if ! move_to_small_disk 2; then
        say "SKIPPED: a disk that is full, since no file system can be mounted here"
        return
    fi
    free=$(df --output=avail -BM "$run_dir/nats-2" | tail -n 1 | tr -dc 0-9)
    head -c "$(((free - 2) * 1048576))" /dev/zero >"$run_dir/nats-2/filler"
    "$bin/om-test-load" --port "$http_port" --connections 16 --seconds 20 --prefix full- >"$run_dir/full.json" &
    load=$!
    for ((tries = 0; tries < 60; tries++)); do
        is_alive 2 || break
        sleep 0.5
    done
    wait "$load" || die "orders were not accepted: $(cat "$run_dir/full.json")"
    rm "$run_dir/nats-2/filler"
    ! is_alive 2 || die "the liveness probe does not see that nats-2 could not write"
    say "nats-2 could not write, and its liveness probe fails also when there is room again"
    stop_process nats-2 30
    start_node 2
    wait_for nats-2 60 nats-2 node_is_current 2
    is_alive 2 || die "nats-2 was started again, and its liveness probe fails"
}

unmount
rm -rf "$run_dir" && mkdir -p "$run_dir"/{log,pid,admin,secrets}
trap stop_all EXIT
choose_ports
start_postgres
start_redis
start_nodes
prepare
start_all
kill_leader_under_load
check_nothing_is_lost
expect_clean_audit as_system
fill_a_disk

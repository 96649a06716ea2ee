#!/usr/bin/env bash
# The dev overlay on a cluster of one node: what docs/deploying.md says works word for word, each pod
# reaches just what the network policies say, and an upgrade, its rollback half-way and the way back cost no request.
# Then servers are replaced, a disk is full, passwords change, all of it is deleted and applied again; no order is lost.
#
#     unshare --net --mount --pid --fork --mount-proc tests/k8s/pods.sh PROGRAMS KUBERNETES KUBE-ROUTER
#
# With OM_HOLD=1 the node stays after a failure until it is interrupted: nsenter its kubelet and look around.
# PROGRAMS is the folder with Kubernetes' programs, by the versions that follow.
# Called by scripts/test-k8s, with the programs of .build/test and the images in .build/k8s/images.
set -euo pipefail

programs=$1 kubernetes_version=$2 kube_router_version=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OM_RUN_DIR=$here/../../.build/k8s/run
# shellcheck source=scripts/lib.sh
source "$here/../../scripts/lib.sh"

place=$root/.build/k8s
project=$place/project
secrets=$project/k8s/overlays/dev/secrets
bin=$root/.build/test/bin
node_port=30080
processes=(gateway "${services[@]}")
# shellcheck source=tests/k8s/node/node.sh
source "$here/node/node.sh"
# shellcheck source=tests/k8s/audit.sh
source "$here/audit.sh"
# shellcheck source=tests/k8s/operate.sh
source "$here/operate.sh"

mesh() {
    kubectl -n ordermesh "$@"
}

# --- the installation ------------------------------------------------------------------------------

copy_project() {
    rm -rf "$project" && mkdir -p "$project/.build/release"
    cp -r "$root"/{CMakeLists.txt,scripts,nats,services,k8s,docs} "$project"
    rm -rf "$project"/k8s/overlays/*/secrets
    ln -s "$bin" "$project/.build/release/bin"
    # One machine is the node, its load and three synchronous disks: what is slow here is no downtime.
    sed -i 's/^      - OM_AUTH=jwt$/&\n      - OM_PUBLISH_TIMEOUT_MS=8000/' "$project/k8s/overlays/dev/kustomization.yaml"
    grep -q OM_PUBLISH_TIMEOUT_MS "$project/k8s/overlays/dev/kustomization.yaml"
}

give_volumes() {
    give_small_disk data-nats-2 || say "there is no small disk here"
    give_volume ordermesh data-nats-0 10Gi
    give_volume ordermesh data-nats-1 10Gi
    give_volume ordermesh data-nats-2 10Gi
    give_volume ordermesh data-postgres-0 10Gi
    give_volume ordermesh data-redis-0 2Gi
}

# The commands of the section "Try it" of docs/deploying.md.
commands() {
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    sed -n '/^### Try it/,/^##* [^T]/p' "$project/docs/deploying.md" |
        sed -n '/^```sh$/,/^```$/{/^```/d;p}'
}

install() {
    (cd "$project" && bash -euo pipefail -c "$(commands)"$'\necho "order=$id key=$key"') </dev/null
}

show_progress() {
    while sleep 10; do
        say "$(mesh get pods --no-headers 2>/dev/null | awk '{ split($2, n, "/"); ready += n[1] == n[2] && $3 == "Running" }
            END { print ready + 0 " of " NR " pods are ready" }')"
    done
}

check_installation() {
    local started=$SECONDS progress
    copy_project
    give_volumes >"$place/volumes.log"
    say "following docs/deploying.md"
    show_progress &
    progress=$!
    install >"$place/install.log" 2>&1 || die "$(tail -n 20 "$place/install.log")"
    kill "$progress"
    grep -q '^event: OrderCompleted' "$place/install.log" || die "no order was completed: $place/install.log"
    # As om-test-load would have written it down.
    sed -nE 's/^order=(.*) key=(.*)$/\2\t202\t\1\t0\t0\tok\t1/p' "$place/install.log" >"$place/load-install.log"
    say "everything runs after $((SECONDS - started)) s, and an order is COMPLETED"
}

# kubectl says "configured" of what it sends again although nothing changes; the generation counts changes.
generations() {
    mesh get deployments,statefulsets,poddisruptionbudgets,networkpolicies \
        -o custom-columns=KIND:.kind,NAME:.metadata.name,GENERATION:.metadata.generation
}

check_second_apply() {
    local before
    kubectl diff -k "$project/k8s/overlays/dev" >"$place/second.diff" ||
        die "applying again would change something: $place/second.diff"
    before=$(generations)
    kubectl apply -k "$project/k8s/overlays/dev" >"$place/apply.log"
    [[ $(generations) == "$before" ]] || die "applying again changed something"
    say "applying again changes nothing: $(wc -l <"$place/apply.log") objects"
}

# --- who reaches whom ------------------------------------------------------------------------------

# pods: one line each of those that run: APP POD ADDRESS PID.
pods() {
    local tasks
    tasks=$(ctr tasks list | awk 'NR > 1 { print $1, $2 }')
    kubectl get pods -A --field-selector=status.phase=Running -o json |
        jq -r '.items[] | select(.metadata.deletionTimestamp == null) | [
            .metadata.labels["app.kubernetes.io/name"] // .metadata.labels["k8s-app"], .metadata.name,
            .status.podIP, (.status.containerStatuses[0].containerID | ltrimstr("containerd://"))] | join(" ")' |
        while read -r app name address id; do
            echo "$app $name $address $(awk -v id="$id" '$1 == id { print $2 }' <<<"$tasks")"
        done
}

# The ports open in the pods of APP.
ports_of() {
    case $1 in
    gateway) echo 8080 9464 ;;
    nats) echo 4222 6222 8222 ;;
    postgres) echo 5432 ;;
    redis) echo 6379 ;;
    kube-dns) echo 53 ;;
    *) echo 9464 ;;
    esac
}

# With the node's programs, in the pod's network: the pods have none.
try_path() {
    ! nsenter --target "$1" --net timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null || echo "$4 $5 $3"
}
export -f try_path

# PID ADDRESS PORT FROM TO, from one pod of each kind to all others.
possible_paths() {
    local all from pid to address port
    all=$(pods)
    while read -r from _ _ pid; do
        while read -r to _ address _; do
            for port in $(ports_of "$to"); do
                echo "$pid $address $port $from $to"
            done
        done < <(grep -v " $pid$" <<<"$all")
    done < <(sort -u -k1,1 <<<"$all")
}

reachable_paths() {
    # shellcheck disable=SC2016 # for the shell that xargs starts
    possible_paths | xargs -P 32 -L 1 bash -c 'try_path "$@"' - | sort -u
}

# Each service, and setup, may use its servers, and names; each other and the outside, by nothing here.
allowed_paths() {
    local service
    for service in "${services[@]}" setup; do
        printf '%s\n' "$service nats 4222" "$service postgres 5432" "$service kube-dns 53"
    done
    printf '%s\n' "gateway nats 4222" "gateway redis 6379" "gateway kube-dns 53" \
        "nats nats 6222" "nats kube-dns 53" "postgres kube-dns 53" "redis kube-dns 53" \
        "kube-dns gateway 8080"
}

check_network() {
    reachable_paths >"$place/reachable"
    allowed_paths | sort >"$place/allowed"
    diff "$place/allowed" "$place/reachable" >"$place/paths.diff" ||
        die "pods reach (>) or do not reach (<) what they should: $(cat "$place/paths.diff")"
    say "pods reach just what the policies say: $(wc -l <"$place/allowed") paths"
}

# --- load ------------------------------------------------------------------------------------------

# The gateway as a client outside the cluster has it: by the Service, on a port of the node.
expose_gateway() {
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: from-outside, namespace: ordermesh}
spec:
  type: NodePort
  selector: {app.kubernetes.io/name: gateway}
  ports: [{port: 80, targetPort: http, nodePort: $node_port}]
YAML
    mesh exec deployment/gateway -- /usr/bin/omctl token --alg HS256 --key-file /credentials/jwt-key \
        --issuer ordermesh --audience ordermesh --sub load --scope 'orders:write orders:read admin' \
        --ttl 12h >"$place/token"
    wait_for "the gateway's port" 30 kube-proxy curl -fsS --max-time 2 "http://127.0.0.1:$node_port/readyz"
}

start_load() {
    "$bin/om-test-load" --port "$node_port" --token-file "$place/token" --rate 20 --connections 16 \
        --seconds 3600 --mix ok=80,declined=10,stock=10 --prefix "$1-" --log "$place/load-$1.log" \
        >"$place/load-$1.json" &
    load=$!
}

end_load() {
    kill -TERM "$load"
    wait "$load" || die "orders were not accepted: $(cat "$place/load-$1.json")"
    say "$1: $(jq -c 'del(.seed)' "$place/load-$1.json")"
}

# expect_no_downtime NAME: no connection ends with a request in it. A few answers of 503, after which it is sent again, are a
# broker that one small machine slows down. The log's last column counts how often an order was sent.
expect_no_downtime() {
    local again
    again=$(awk -F '\t' '{ again += $7 - 1 } END { print again + 0 }' "$place/load-$1.log")
    jq -e --argjson again "$again" '.refused == 0 and .given_up == 0 and (.answers."503" // 0) == $again and
        $again < .placed / 100' "$place/load-$1.json" >/dev/null ||
        die "clients noticed: $again requests were sent again: $(cat "$place/load-$1.json")"
}

# --- an upgrade ------------------------------------------------------------------------------------

# write_mine TAG [LINE...]: a user's own overlay, with a version and what else is to be changed.
write_mine() {
    mkdir -p "$project/k8s/overlays/mine"
    printf '%s\n' 'apiVersion: kustomize.config.k8s.io/v1beta1' 'kind: Kustomization' 'namespace: ordermesh' \
        'resources: [../dev]' "images: [{name: ordermesh, newTag: $1}]" "${@:2}" \
        >"$project/k8s/overlays/mine/kustomization.yaml"
}

apply_mine() {
    kubectl apply -k "$project/k8s/overlays/mine" >"$place/apply.log" 2>&1 || die "$(tail -n 5 "$place/apply.log")"
}

await_rollout() {
    local name
    for name in setup "${processes[@]}"; do
        mesh rollout status "deployment/$name" --timeout=600s >>"$place/rollout.log"
    done
}

await_servers() {
    local name
    for name in nats postgres redis; do
        mesh rollout status "statefulset/$name" --timeout=600s >>"$place/rollout.log"
    done
}

# images: of the pods that run our programs, each once.
images() {
    mesh get pods -l 'app.kubernetes.io/component in (gateway, service, setup)' --field-selector=status.phase=Running \
        -o jsonpath='{range .items[*]}{.spec.containers[0].image}{"\n"}{end}' | sort -u
}

expect_image() {
    wait_for "pods of ordermesh:$1 only" 120 kubelet is_only_image "ordermesh:$1"
    mesh exec deployment/setup -- omctl provision --check --replicas 3 >"$place/provision.log" ||
        die "streams are not what ordermesh:$1 declares: $(tail -n 5 "$place/provision.log")"
}

is_only_image() {
    [[ $(images) == "$1" ]]
}

both_versions_run() {
    (($(images | wc -l) == 2))
}

in_database() {
    mesh exec postgres-0 -- psql -qtA -U ordermesh -d ordermesh -c "$1"
}

# One changed tag, and back while both versions run; then all the way, and all the way back.
check_upgrade() {
    local old
    old=$(images) && old=${old#*:}
    : >"$place/rollout.log"
    start_load upgrade
    write_mine next
    apply_mine
    wait_for "pods of both versions" 300 kubelet is_half_way
    write_mine "$old"
    apply_mine
    await_rollout
    expect_image "$old"
    say "back from half an upgrade: only $old runs"
    write_mine next
    apply_mine
    await_rollout
    expect_image next
    [[ $(in_database "SELECT count(*) FROM om_migrations WHERE name = '9999_next.sql'") == 1 ]] || die "nothing was migrated"
    say "every pod is of the next version, and so is the schema"
    write_mine "$old"
    apply_mine
    await_rollout
    expect_image "$old"
    say "and back, on the newer schema"
    end_load upgrade
    expect_no_downtime upgrade
}

# The next gateway serves while services of both versions do.
is_half_way() {
    both_versions_run && mesh get pods -l app.kubernetes.io/component=gateway -o json | jq -e 'any(.items[];
        (.spec.containers[0].image | endswith(":next")) and .status.containerStatuses[0].ready)'
}

# Servers are replaced one by one.
check_servers() {
    start_load servers
    mesh rollout restart statefulset/nats >/dev/null
    mesh rollout status statefulset/nats --timeout=600s >>"$place/rollout.log"
    end_load servers
}

# By ports of this machine, of all orders since the installation.
check_nothing_is_lost() {
    local log logs=()
    forward nats service/nats 4222
    forward postgres postgres-0 5432
    for log in "$place"/load-*.log; do
        logs+=(--log "$log")
    done
    "$bin/om-test-check" --nats-url tls://127.0.0.1:4222 --nats-password-file "$secrets/nats/nats_operator" \
        --nats-ca-file "$secrets/nats/ca.crt" "${logs[@]}" \
        --database-url "postgresql://ordermesh:$(cat "$secrets/database-password")@127.0.0.1/ordermesh" \
        --settle 120
}

describe_failure() {
    local code=$?
    if ((code != 0)); then
        kubectl get pods -A -o wide >&2 || true
        kubectl get events -A --sort-by=.lastTimestamp >"$place/events.log" 2>&1 || true
        for name in $(mesh get pods -o name); do
            mesh logs "$name" --all-containers --prefix --tail=200
        done >"$place/pods.log" 2>&1 || true
        say "what happened is in $place/events.log, what the pods said in $place/pods.log"
        [[ -z ${OM_HOLD:-} ]] || sleep infinity
    fi
    exit "$code"
}

trap describe_failure EXIT
trap 'exit 130' INT TERM
rm -f "$place"/load-*
start_cluster
check_installation
check_second_apply
check_network
expose_gateway
check_upgrade
check_servers
check_nats_users
check_full_disk
check_rotation
check_deletion
check_nothing_is_lost
check_namespace_deletion

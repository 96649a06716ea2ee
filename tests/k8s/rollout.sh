# shellcheck shell=bash
# A good and a bad version of the gateway before Argo Rollouts' own controller, which asks a Prometheus that scrapes both: the
# good one gets all requests, the bad one is taken back. The versions are processes, and what a node would report of pods the
# test reports, since this API server has none. Shares are numbers of pods here: the plugin that turns them into an HTTPRoute's
# weights is not published where Go's modules are. Sourced by scripts/test-k8s after manifests.sh, whose settings it uses.

# shellcheck disable=SC2154 # these settings

system=$place/rollout
helpers=()

end_rollout() {
    [[ ${#helpers[@]} -eq 0 ]] || kill "${helpers[@]}" 2>/dev/null || true
    helpers=()
    stop_process rollouts-controller 10
    stop_process rollouts-prometheus 10
    stop_process gateway-bad 5
    stop_process nats-bad 5
    in_system "$root/scripts/down" --wipe >/dev/null 2>&1 || true
}

in_system() {
    env OM_PRESET=test OM_RUN_DIR="$system" OM_ENV_FILE=/dev/null "$@"
}

start_rollouts_controller() {
    local folder
    folder=$(module_folder "$argo_rollouts")/manifests/crds
    kube create -f "$folder/analysis-run-crd.yaml" -f "$folder/cluster-analysis-template-crd.yaml" \
        -f "$folder/experiment-crd.yaml" >/dev/null
    kube create namespace argo-rollouts >/dev/null
    jq -n --arg server "https://127.0.0.1:$port" '{apiVersion: "v1", kind: "Config", "current-context": "test",
        clusters: [{name: "test", cluster: {server: $server, "insecure-skip-tls-verify": true}}],
        users: [{name: "test", user: {token: "admin"}}],
        contexts: [{name: "test", context: {cluster: "test", user: "test"}}]}' >"$place/rollouts.kubeconfig"
    start_process rollouts-controller -- "$cache/bin/$rollouts_controller" --kubeconfig="$place/rollouts.kubeconfig" \
        --leader-elect=false --metricsport=$((port + 3)) --healthzPort=$((port + 4))
}

# A gateway whose broker has no stream for orders: it answers, and takes none.
start_bad_gateway() {
    local redis_port
    # shellcheck source=/dev/null
    redis_port=$(. "$system/ports" && echo "$redis_port")
    bad_port=$((port + 5))
    start_process nats-bad -- "$cache/bin/nats-server" -a 127.0.0.1 -p $((port + 7))
    start_process gateway-bad "OM_NATS_URL=nats://127.0.0.1:$((port + 7))" OM_REDIS_URL="redis://127.0.0.1:$redis_port" \
        OM_PII_KEY_FILE="$system/secrets/pii_key" OM_HTTP_PORT="$bad_port" OM_ADMIN_PORT_FILE="$place/bad.port" \
        -- "$root/.build/test/bin/om-gateway"
    wait_for "the bad gateway" 20 gateway-bad test -s "$place/bad.port"
}

start_prometheus_of_rollouts() {
    rollouts_prometheus=http://127.0.0.1:$((port + 6))
    printf '%s\n' 'global: {scrape_interval: 1s}' 'scrape_configs:' '  - job_name: ordermesh' \
        '    file_sd_configs: [{files: [rollout-targets.json], refresh_interval: 1s}]' >"$place/rollouts-prometheus.yml"
    echo '[]' >"$place/rollout-targets.json"
    rm -rf "$place/rollouts-prometheus"
    start_process rollouts-prometheus -- prometheus --config.file="$place/rollouts-prometheus.yml" \
        --storage.tsdb.path="$place/rollouts-prometheus" --web.listen-address="${rollouts_prometheus#http://}" --log.level=warn
    wait_for Prometheus 30 rollouts-prometheus curl -fsS "$rollouts_prometheus/-/ready"
}

# scrape_as HASH PORT_FILE: the gateway with this admin port as the pods of that ReplicaSet, beside those before.
scrape_as() {
    jq --arg instance "gateway-$1-1" --arg target "127.0.0.1:$(cat "$2")" \
        '[.[] | select(.targets != [$target])] + [{targets: [$target], labels: {service: "gateway", instance: $instance}}]' \
        "$place/rollout-targets.json" >"$place/rollout-targets.new"
    mv "$place/rollout-targets.new" "$place/rollout-targets.json"
}

# send_orders PORT: ten a second, whatever becomes of them.
send_orders() {
    while sleep 0.1; do
        curl -sS -o /dev/null --max-time 5 "http://127.0.0.1:$1/api/v1/orders" -H 'Content-Type: application/json' \
            -d '{"customerId":"C1","email":"c1@example.com","currency":"USD",
                "items":[{"sku":"SKU-123","quantity":1}],"paymentMethod":"pm_card_visa"}'
    done 2>/dev/null
}

# Each ReplicaSet has the pods that it wants, and they are ready.
report_pods() {
    local name count generation
    while sleep 0.3; do
        kube get -n ordermesh replicasets -o json 2>/dev/null | jq -r '.items[]
            | select((.status.availableReplicas // 0) != .spec.replicas or .status.observedGeneration != .metadata.generation)
            | "\(.metadata.name) \(.spec.replicas) \(.metadata.generation)"' |
            while read -r name count generation; do
                kube patch -n ordermesh replicaset "$name" --subresource=status --type=merge -p "{\"status\": {\"replicas\": $count,
                    \"readyReplicas\": $count, \"availableReplicas\": $count, \"observedGeneration\": $generation}}"
            done
    done >/dev/null 2>&1
}

# The Rollout and its analysis as they are, but for what is minutes there being seconds here.
hasten_rollout() {
    kube get -n ordermesh analysistemplate gateway -o json | jq --arg prometheus "$rollouts_prometheus" '
        (.spec.args[] | select(.name == "prometheus").value) = $prometheus
        | .spec.metrics[] |= (.initialDelay = "8s" | .interval = "1s" | .provider.prometheus.query |= gsub("\\[2m\\]"; "[6s]"))' |
        kube replace -f - >/dev/null
    kube get -n ordermesh rollout gateway -o json |
        jq '.spec.replicas = 4 | .spec.strategy.canary |= del(.trafficRouting, .canaryService, .stableService)' |
        kube replace -f - >/dev/null
}

rollout_has() {
    kube get -n ordermesh rollout gateway -o json | jq -e "$1" >/dev/null
}

# await_rollout WHAT SECONDS CONDITION
await_rollout() {
    local deadline=$((SECONDS + $2))
    until rollout_has "$3"; do
        ((SECONDS < deadline)) || die "the Rollout: not $1 within $2 s: $(kube get -n ordermesh rollout gateway -o json |
            jq -c '.status | {phase, message, abort, currentPodHash, stableRS}') $(kube get -n ordermesh analysisruns -o json |
            jq -c '.items[] | {name: .metadata.name, measured: [.status.metricResults[]? | {name, phase, measurements}]}')"
        sleep 0.5
    done
}

# release IMAGE PORT_FILE: as the next version; sets `hash`.
release() {
    local before
    before=$(kube get -n ordermesh rollout gateway -o jsonpath='{.status.currentPodHash}')
    kube set image -n ordermesh deployment/gateway "*=$1" >/dev/null
    await_rollout "at the next version" 30 ".status.currentPodHash != \"$before\""
    hash=$(kube get -n ordermesh rollout gateway -o jsonpath='{.status.currentPodHash}')
    scrape_as "$hash" "$2"
}

# judged HASH: what its analyses ended as.
judged() {
    kube get -n ordermesh analysisruns -l "rollouts-pod-template-hash=$1" -o json | jq -r '[.items[].status.phase] | unique | join(" ")'
}

# pods_of HASH
pods_of() {
    kube get -n ordermesh replicaset -l "rollouts-pod-template-hash=$1" -o jsonpath='{.items[0].spec.replicas}'
}

check_rollout() {
    local hash good bad_port rollouts_prometheus
    trap 'end_rollout; stop_api_server' EXIT
    in_system "$root/scripts/up" >"$place/rollout-up.log" 2>&1 || die "no system: $(tail -n 5 "$place/rollout-up.log")"
    start_bad_gateway
    start_prometheus_of_rollouts
    hasten_rollout
    start_rollouts_controller
    report_pods &
    helpers+=($!)
    # shellcheck source=/dev/null
    send_orders "$(. "$system/ports" && echo "$http_port")" &
    helpers+=($!)
    send_orders "$bad_port" &
    helpers+=($!)
    await_rollout "at its first version" 60 '.status.phase == "Healthy"'
    release ordermesh:good "$(find "$system/admin" -name 'gateway*.port' | sort | head -n 1)"
    good=$hash
    await_rollout "at the good version" 180 ".status.phase == \"Healthy\" and .status.stableRS == \"$good\""
    [[ $(judged "$good") == Successful ]] || die "the good version is judged $(judged "$good")"
    release ordermesh:bad "$place/bad.port"
    await_rollout "back from the bad version" 120 ".status.abort == true and .status.stableRS == \"$good\""
    [[ $(judged "$hash") == Failed ]] || die "the bad version is judged $(judged "$hash")"
    await_rollout "without the bad version's pods" 60 ".status.HPAReplicas == 4 and .status.updatedReplicas == null"
    [[ $(pods_of "$good") == 4 && $(pods_of "$hash") == 0 ]] || die "$(pods_of "$good") good and $(pods_of "$hash") bad pods"
    end_rollout
    trap stop_api_server EXIT
    say "Argo Rollouts promotes a good version, and takes a bad one back, on what Prometheus scraped of them"
}

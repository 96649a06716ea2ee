# shellcheck shell=bash
# Metrics, dashboards and alerts, through Prometheus. Source it in scripts/test-observe.
#
# shellcheck disable=SC2154 # what servers.sh and test-observe set

monitoring=$root/k8s/components/monitoring

test_rules() {
    promtool check rules "$monitoring/alerts.yaml" >"$place/rules.log" || die "the rules: $(cat "$place/rules.log")"
    (cd "$tests" && promtool test rules alerts_test.yaml) >"$place/rules.log" || die "the alerts: $(cat "$place/rules.log")"
}

test_names() {
    local name
    for name in "$run_dir"/admin/*.port; do
        curl -fsS "http://127.0.0.1:$(cat "$name")/metrics" | promtool check metrics >"$place/names.log" 2>&1 ||
            die "the metrics of $(basename "$name" .port): $(cat "$place/names.log")"
    done
}

# prometheus_query EXPRESSION: its result, a JSON array.
prometheus_query() {
    curl -sS --max-time 10 "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode "query=$1" |
        jq -e 'if .status == "success" then .data.result else error(.error) end'
}

# Some data, and numbers. A ratio or quantile of nothing would be NaN.
has_data() {
    prometheus_query "$1" | jq -e 'length > 0 and any(.[]; .value[1] != "NaN")' >/dev/null
}

dashboard_queries() {
    jq -r '.title as $title | .panels[] | .title as $panel | .targets[]
        | "\($title), \($panel)\t\(.expr | gsub("\\$__rate_interval"; "1m") | gsub("\\$namespace"; "local"))"' "$monitoring"/dashboards/*.json
}

test_dashboards() {
    local what expression count=0
    while IFS=$'\t' read -r what expression; do
        await "$what has data: $expression" 40 has_data "$expression"
        count=$((count + 1))
    done < <(dashboard_queries)
    ((count > 30)) || die "only $count queries in the dashboards"
    say "all $count queries of the dashboards have data"
}

# write_compose_prometheus FOLDER: compose.yaml's, with the ports that the processes have here.
write_compose_prometheus() {
    local name edits=()
    for name in $(process_names); do
        [[ -e $run_dir/admin/$name.port ]] || continue
        edits+=(-e "s|\"${name%-1}:9464\"|\"127.0.0.1:$(cat "$run_dir/admin/$name.port")\"|")
    done
    mkdir -p "$1"
    sed "${edits[@]}" -e "s|/etc/prometheus/alerts.yaml|$monitoring/alerts.yaml|" "$root/compose/prometheus.yaml" >"$1/prometheus.yml"
    promtool check config "$1/prometheus.yml" >"$1/check.log" 2>&1 || die "compose/prometheus.yaml: $(tail -n 3 "$1/check.log")"
}

# It reaches each process, under the labels that alerts and dashboards go by.
compose_prometheus_sees_all() {
    curl -s --max-time 5 "$1/api/v1/query" --data-urlencode 'query=up{job="ordermesh", namespace="compose"} == 1' |
        jq -r '.data.result[].metric | select(.service == .instance) | .service' | sort |
        diff - <(printf '%s\n' gateway "${services[@]}" | sort) >"$place/compose-prometheus.diff"
}

test_compose_prometheus() {
    local folder=$place/compose-prometheus port url
    rm -rf "$folder"
    write_compose_prometheus "$folder"
    port=$(pick_port 19090)
    url=http://127.0.0.1:$port
    prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
        --web.listen-address="127.0.0.1:$port" --log.level=warn >"$folder/log" 2>&1 {lock}>&- &
    prometheus_pid=$!
    await "every process in the Prometheus of compose.yaml" 60 compose_prometheus_sees_all "$url"
    [[ $(curl -sS "$url/api/v1/rules" | jq '[.data.groups[].rules[]] | length') == $(grep -c 'alert: ' "$monitoring/alerts.yaml") ]] ||
        die "the Prometheus of compose.yaml does not have the alert rules"
    kill "$prometheus_pid" && prometheus_pid=
    say "the Prometheus of compose.yaml reaches all processes"
}

firing() {
    curl -fsS "http://127.0.0.1:$prometheus_port/api/v1/alerts" |
        jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname' | sort -u
}

is_firing() {
    firing | grep -qx "$1"
}

is_silent() {
    [[ -z $(firing) ]]
}

start_traffic() {
    "$bin/om-test-load" --port "$http_port" --rate 10 --connections 4 --seconds 600 --log "$place/traffic.log" \
        --prefix "observe-$RANDOM" >"$place/traffic.out" 2>&1 {lock}>&- &
    traffic=$!
}

# Puts a message that no service can read into the stream of the orders.
publish_garbage() {
    local user=operator
    exec 3<>"/dev/tcp/127.0.0.1/$nats_port"
    printf 'CONNECT {"verbose":false,"pedantic":false,"user":"%s","pass":"%s"}\r\n' "$user" "$(secret "nats_$user")" >&3
    printf 'PUB orders.evt.created 8\r\nnot JSON\r\nPING\r\n' >&3
    timeout 5 grep -q PONG <&3 || die "NATS does not take the garbage"
    exec 3>&-
}

# Readiness is lost and orders are held while PostgreSQL is away; then all is well again.
test_lost_database() {
    say "stopping PostgreSQL"
    stop_postgres
    place_order >/dev/null || true
    await "NotReady" 60 is_firing NotReady
    await "ConsumerHeld" 60 is_firing ConsumerHeld
    start_postgres
    say "NotReady and ConsumerHeld told of it; PostgreSQL is back"
    await "silence after the outage" 120 is_silent
}

# Redis takes no writes, and then NATS stores no orders; nobody orders meanwhile, and both mend themselves.
test_refusals() {
    redis-cli -p "$redis_port" replicaof 127.0.0.1 1 >/dev/null
    await "IdempotencyDegraded" 60 is_firing IdempotencyDegraded
    redis-cli -p "$redis_port" replicaof no one >/dev/null
    local pid
    is_running nats
    kill -STOP "$pid"
    await "OrdersRefused" 60 is_firing OrdersRefused
    kill -CONT "$pid"
    say "IdempotencyDegraded and OrdersRefused told of a Redis and a NATS that take nothing"
    await "silence after the refusals" 120 is_silent
}

test_dead_letter() {
    publish_garbage
    await "DeadLetters" 60 is_firing DeadLetters
    say "DeadLetters told of a message that nobody can read"
}

test_metrics() {
    test_rules
    # What lasts for minutes in earnest lasts for seconds here.
    sed -E 's/for: [0-9]+[mh]/for: 3s/' "$monitoring/alerts.yaml" >"$place/alerts.yaml"
    start_system OM_SCRAPE_INTERVAL=1s OM_ALERT_RULES="$place/alerts.yaml"
    start_traffic
    test_names
    test_compose_prometheus
    test_dashboards
    is_silent || die "all is well, and yet: $(firing)"
    kill "$traffic"
    wait "$traffic" || true
    traffic=
    test_lost_database
    test_refusals
    test_dead_letter
}

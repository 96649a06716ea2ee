# shellcheck shell=bash
# What is logged, through a real OpenTelemetry Collector with the configuration of k8s/logs. Source it in scripts/test-observe.
#
# shellcheck disable=SC2034,SC2154 # what servers.sh and test-observe set

# What stands in the files of container runtimes: Docker's JSON, and the lines of containerd and CRI-O, the longest of them in parts.
as_docker() {
    jq -cR '{log: (. + "\n"), stream: "stderr", time: "2026-01-31T10:00:00.123456789Z"}'
}

as_containerd() {
    awk '{ while (length($0) > 400) { print "2026-01-31T10:00:00.123456789Z stderr P " substr($0, 1, 400); $0 = substr($0, 401) }
        print "2026-01-31T10:00:00.123456789Z stderr F " $0 }'
}

# What our processes wrote, of all processes: servers write other lines.
our_lines() {
    grep -h '^{"time":' "$place/lines"/*.log
}

# A line as a gateway writes it that NATS takes nothing from, and one that says much.
unusual_lines() {
    printf '%s\n' '{"time":"2026-01-31T10:00:00.000001Z","level":"warn","service":"gateway","instance":"g-1","msg":"a kept command was not published again","traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","orderId":"01a22822-1ff2-73ba-8a9a-aa1976c775b2","attempt":2}' \
        "{\"time\":\"2026-01-31T10:00:01.500000Z\",\"level\":\"error\",\"service\":\"order\",\"instance\":\"o-1\",\"msg\":\"relay stopped\",\"error\":\"$(printf 'a \\"long\\" one, %.0s' {1..60})\",\"errorStatus\":\"internal\"}"
}

# write_files: as both runtimes would, with what is not to be collected.
write_files() {
    local log name
    mkdir -p "$place"/docker/{1..3} "$place/pods"
    for log in "$place/lines"/*.log; do
        name=$(basename "$log" .log)
        mkdir -p "$place/docker/$name" "$place/pods/ordermesh_$name-0_1/main"
        as_docker <"$log" >"$place/docker/$name/$name-json.log"
        as_containerd <"$log" >"$place/pods/ordermesh_$name-0_1/main/0.log"
    done
    printf '%s\n' '{"time":"then","level":"info","msg":"of another program"}' '{"service":"order"}' 'no JSON' |
        as_docker >"$place/docker/1/1-json.log"
    # Other namespaces' pods, and other containers.
    mkdir -p "$place"/pods/{others_order-0_1/main,ordermesh_order-0_1/await-schema}
    unusual_lines | as_containerd | tee "$place/pods/others_order-0_1/main/0.log" \
        >"$place/pods/ordermesh_order-0_1/await-schema/0.log"
}

start_receiver() {
    receiver_port=$(pick_port $((32000 + RANDOM % 500)))
    "$tests/receive-logs" "$receiver_port" "$place/received" {lock}>&- &
    receiver_pid=$!
    await "what receives logs" 20 is_port_taken "$receiver_port"
}

# start_collector NAMESPACE FILES: with the file that is deployed; here it may neither take that port nor that folder,
# and what it sends is to be read without a decoder.
start_collector() {
    local health
    health=$(pick_port $((receiver_port + 1)))
    mkdir -p "$place/position-$1"
    LOG_FILES=$2 LOG_NAMESPACE=$1 OTLP_LOGS_URL=http://127.0.0.1:$receiver_port/otlp OTLP_LOGS_HEADER='' \
        "$cache/bin/$collector" --config="$root/k8s/logs/collector.yaml" \
        --config="yaml:extensions::health_check::endpoint: 127.0.0.1:$health" \
        --config="yaml:extensions::file_storage::directory: $place/position-$1" \
        --config="yaml:exporters::otlp_http::encoding: json" >>"$place/collector.log" 2>&1 {lock}>&- &
    collector_pid=$!
    await "the collector" 30 curl -fs -o /dev/null "http://127.0.0.1:$health/"
}

# It sends what it holds before it ends, and has nothing to complain of.
stop_collector() {
    kill "$collector_pid"
    wait "$collector_pid" || die "the collector fails: $(tail -n 3 "$place/collector.log")"
    collector_pid=
    ! grep -m 3 -wE 'warn|error' "$place/collector.log" >&2 || die "the collector complains (above): $place/collector.log"
}

records() {
    [[ ! -e $place/received ]] || jq -cS -f "$tests/records.jq" "$place/received" | sort
}

has_records() {
    (($(records | wc -l) >= $1))
}

# check_records NAMESPACE: each line of ours is one record, with all that it says, and there is no other record.
check_records() {
    local expected
    expected=$(our_lines | wc -l)
    await "$expected records of $1" 60 has_records "$expected"
    stop_collector
    diff <(our_lines | jq -cS --arg namespace "$1" -f "$tests/lines.jq" | sort) <(records) >"$place/records.diff" ||
        die "$1: lines (<) and records (>) differ: $(head -n 6 "$place/records.diff")"
    say "$1: all $expected lines have come, each whole and once"
}

# check_restart NAMESPACE FILES FILE FORMAT: a collector that starts again sends what is new.
check_restart() {
    : >"$place/received"
    unusual_lines | tail -n 1 | "$4" >>"$3"
    start_collector "$1" "$2"
    await "what was logged meanwhile" 60 has_records 1
    sleep 2
    stop_collector
    [[ $(records | jq -r .msg) == "relay stopped" ]] || die "a restart of the collector sends: $(records | head -n 3)"
}

# log_files_of FILE: LOG_FILES there.
log_files_of() {
    sed -nE 's/^ *(- )?LOG_FILES[:=] ?(.*)$/\2/p' "$root/$1"
}

# check_order TRACE: the order's trace goes through its logs, and an order's id is where one was logged.
check_order() {
    records | jq -es --arg trace "$1" '
        ([.[] | select(.traceId == $trace) | .service] | unique | (["inventory", "notification", "order", "payment", "shipping"] - . == []))
        and any(.[]; .level == "warn" and .severity == 13 and .service == "gateway" and .traceId != ""
            and .msg == "a kept command was not published again"
            and .fields.orderId == "01a22822-1ff2-73ba-8a9a-aa1976c775b2")' >/dev/null ||
        die "the logs do not tell of the order with the trace $1: $place/received"
}

is_logged() {
    grep -qs "$1" "$run_dir"/log/notification*.log
}

test_logs() {
    local trace docker pods
    rm -rf "$place"/{lines,docker,pods,received,collector.log} "$place"/position-*
    start_system OM_LOG_LEVEL=debug
    trace=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    place_order "traceparent: 00-$trace-00000000000000ff-01" >/dev/null
    await "the order's notice in the logs" 60 is_logged "$trace"
    "$root/scripts/down" >/dev/null 2>&1
    mkdir -p "$place/lines"
    cp "$run_dir"/log/*.log "$place/lines"
    unusual_lines >"$place/lines/unusual.log"
    write_files
    start_receiver

    docker=$place/docker/$(log_files_of compose.yaml | sed 's|^/logs/||')
    start_collector compose "$docker"
    check_records compose
    check_order "$trace"
    check_restart compose "$docker" "$place/docker/unusual/unusual-json.log" as_docker

    : >"$place/received"
    pods=$place/pods/$(log_files_of k8s/logs/kustomization.yaml | sed 's|^/var/log/pods/||')
    start_collector ordermesh "$pods"
    check_records ordermesh
    check_restart ordermesh "$pods" "$place/pods/ordermesh_unusual-0_1/main/0.log" as_containerd
    kill "$receiver_pid" && receiver_pid=
    say "the collector sends what Docker and Kubernetes keep of our logs, and nothing else"
}

# shellcheck shell=bash
# One order's trace, through Jaeger. Source it in scripts/test-observe.
#
# shellcheck disable=SC2034,SC2154 # what servers.sh and test-observe set

start_jaeger() {
    local first=$((30000 + RANDOM % 2000)) flag ports=()
    for flag in collector.otlp.http collector.otlp.grpc query.http-server query.grpc-server admin.http \
        collector.http-server collector.grpc-server http-server; do
        first=$(pick_port $((first + 1)))
        ports+=("--$flag.host-port=127.0.0.1:$first")
    done
    for flag in jaeger-binary jaeger-compact zipkin-compact; do
        first=$((first + 1))
        ports+=("--processor.$flag.server-host-port=127.0.0.1:$first")
    done
    otlp_url=http://${ports[0]#*=} jaeger_url=http://${ports[2]#*=}
    "$cache/bin/jaeger-${jaeger[1]}" "${ports[@]}" --memory.max-traces=1000 >"$place/jaeger.log" 2>&1 {lock}>&- &
    jaeger_pid=$!
    await "Jaeger" 30 curl -fs -o /dev/null "$jaeger_url/api/services"
}

# trace_is_whole ID: every process that an order concerns has told of it, what is last has come, and all
# parents are there but the one of the request, which is its caller's. Leaves the trace in $place/trace.json.
trace_is_whole() {
    curl -sS "$jaeger_url/api/traces/$1" >"$place/trace.json" && jq -e '
        (.data // [])[0] as $trace | ($trace.spans // []) as $spans
        | [$spans[] | $trace.processes[.processID].serviceName] | unique as $services
        | ($spans | map(.spanID)) as $ids
        | (["analytics", "gateway", "inventory", "loyalty", "notification", "order", "payment", "shipping"] - $services == [])
          and any($spans[]; .operationName == "send orders.evt.completed")
          and any($spans[]; .operationName == "process orders.evt.completed")
          and any($spans[]; .operationName | test("^inbox_find .* outbox_insert$"))
          and ([$spans[] | select(.references[] | .refType == "CHILD_OF" and (.spanID | IN($ids[]) | not))
                | .operationName] == ["POST /api/v1/orders"])
        ' "$place/trace.json" >/dev/null
}

test_traces() {
    local trace accepted id
    start_jaeger
    start_system OM_OTLP_URL="$otlp_url" OM_TRACE_SAMPLE=0
    trace=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    accepted=$(place_order "traceparent: 00-$trace-00000000000000ff-01")
    id=$(jq -r .orderId <<<"$accepted")
    await "the whole trace of order $id in Jaeger" 60 trace_is_whole "$trace"
    say "Jaeger shows order $id whole: $(jq -r '[.data[0].spans[].operationName] | length' "$place/trace.json") spans"
    jq -r '.data[0] as $t | $t.spans | sort_by(.startTime)[]
        | "          \($t.processes[.processID].serviceName): \(.operationName)"' "$place/trace.json"
    # The demo order came without a traceparent, and its share is none.
    [[ $(curl -sS "$jaeger_url/api/traces?service=gateway" | jq '.data | length') == 1 ]] ||
        die "traces that nobody asked for are recorded"
}

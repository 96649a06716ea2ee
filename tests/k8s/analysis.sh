# shellcheck shell=bash
# The analysis of components/rollout, by Prometheus' own engine: the queries of the rendered AnalysisTemplate, asked of what a
# good and a bad version count, against the limits of its conditions. Sourced by scripts/test-k8s, whose settings it uses.

# shellcheck disable=SC2154 # these settings

# analysis_rules FILE: each query as a rule of the metric's name, for the pods of ReplicaSet gateway-new.
analysis_rules() {
    kubectl annotate --local -f "$1" -o json ordermesh- | jq -s '
        [.[] | select(.kind == "AnalysisTemplate") | .spec.metrics[]] |
        {groups: [{name: "analysis", rules: map({record: (.name | gsub("-"; "_")),
            expr: (.provider.prometheus.query | gsub("{{args.pods}}"; "new"))})}]}'
}

# limit NAME: above which the metric's failureCondition holds; what is at most that is its successCondition.
limit() {
    kubectl annotate --local -f "$1" -o json ordermesh- | jq -rs --arg name "$2" '
        .[] | select(.kind == "AnalysisTemplate") | .spec.metrics[] | select(.name == $name)
        | (.failureCondition | capture("> (?<limit>[0-9.]+)$").limit) as $limit
        | select(.successCondition | endswith("<= \($limit)")) | $limit'
}

# print_figures POD STATUS RATE SLOW: of requests, and of orders of which SLOW in a hundred take more than half a second.
print_figures() {
    local labels="service=\"gateway\",instance=\"$1\",method=\"POST\",route=\"/api/v1/orders\""
    echo "      - {series: 'ordermesh_http_requests_total{$labels,status=\"202\"}', values: '0+$((100 - $3))x20'}"
    echo "      - {series: 'ordermesh_http_requests_total{$labels,status=\"$2\"}', values: '0+$3x20'}"
    echo "      - {series: 'ordermesh_http_request_seconds_bucket{$labels,le=\"0.5\"}', values: '0+$((100 - $4))x20'}"
    echo "      - {series: 'ordermesh_http_request_seconds_bucket{$labels,le=\"2\"}', values: '0+100x20'}"
    echo "      - {series: 'ordermesh_http_request_seconds_bucket{$labels,le=\"+Inf\"}', values: '0+100x20'}"
}

# print_case NAME FAILED SLOW POD STATUS RATE SLOW: FAILED and SLOW are what the analysis has to say, 1 or 0, or nothing.
print_case() {
    local name
    printf '  - name: %s\n    interval: 1m\n    input_series:\n' "$1"
    print_figures "${@:4}"
    # The version before answers well all the while.
    print_figures gateway-old-1 503 0 0
    echo '    promql_expr_test:'
    for name in "failed_requests > bool $failed_limit=$2" "seconds_to_accept_an_order > bool $slow_limit=$3"; do
        printf '      - expr: %s\n        eval_time: 10m\n        exp_samples: [%s]\n' "${name%=*}" \
            "${name##*=}"
    done
}

value() {
    [[ -z $1 ]] || echo "{labels: \"{}\", value: $1}"
}

check_analysis() {
    local failed_limit slow_limit
    failed_limit=$(limit "$1" failed-requests)
    slow_limit=$(limit "$1" seconds-to-accept-an-order)
    [[ -n $failed_limit && -n $slow_limit ]] || die "the analysis' two conditions leave figures undecided"
    analysis_rules "$1" >"$place/analysis-rules.yaml"
    {
        printf 'rule_files: [analysis-rules.yaml]\nevaluation_interval: 1m\ntests:\n'
        print_case "a good version" "$(value 0)" "$(value 0)" gateway-new-1 503 1 0
        print_case "a version that fails requests" "$(value 1)" "$(value 0)" gateway-new-1 503 10 0
        print_case "a version that is slow" "$(value 0)" "$(value 1)" gateway-new-1 503 0 5
        print_case "a client's mistakes" "$(value 0)" "$(value 0)" gateway-new-1 422 50 0
        print_case "nobody asks the new version" "" "" gateway-other-1 503 0 0
    } >"$place/analysis-tests.yaml"
    (cd "$place" && promtool test rules analysis-tests.yaml) >"$place/analysis.log" 2>&1 ||
        die "the analysis misjudges: $(cat "$place/analysis.log")"
    say "the analysis takes back a version that fails or is slow, and waits where there are no figures"
}

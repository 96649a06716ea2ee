# shellcheck shell=bash
# Prometheus for one run directory: Debian's, with the alert rules of k8s/, scraping the admin ports.
# servers.sh brings it.
#
# Uses $prometheus_port, $http_port and $run_dir of servers.sh.
# shellcheck disable=SC2154

write_prometheus_config() {
    cat <<END
global:
  scrape_interval: ${OM_SCRAPE_INTERVAL:-5s}
  evaluation_interval: ${OM_SCRAPE_INTERVAL:-5s}
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: ordermesh
    file_sd_configs:
      - files: [targets.json]
        refresh_interval: 5s
END
}

# Admin ports change with each start of a process. Whole files only, since Prometheus watches this one.
write_prometheus_targets() {
    local file=$run_dir/prometheus/targets.json new=$run_dir/prometheus/targets.$BASHPID name
    for name in $(process_names); do
        [[ -e $run_dir/admin/$name.port ]] || continue
        jq -n --arg name "$name" --arg port "$(cat "$run_dir/admin/$name.port")" '
            {targets: ["127.0.0.1:" + $port], labels: {namespace: "local", service: ($name | sub("-[0-9]+$"; "")), instance: $name}}'
    done | jq -s . >"$new"
    mv "$new" "$file"
}

start_prometheus() {
    local folder=$run_dir/prometheus
    mkdir -p "$folder"
    write_prometheus_config >"$folder/prometheus.yml"
    # The runbook is this tree's.
    sed "s|https://ordermesh.example/|file://$root/|" "${OM_ALERT_RULES:-$root/k8s/components/monitoring/alerts.yaml}" \
        >"$folder/alerts.yaml"
    write_prometheus_targets
    is_running prometheus || say "starting Prometheus on port $prometheus_port"
    keep_process prometheus '' -- prometheus --config.file="$folder/prometheus.yml" \
        --storage.tsdb.path="$folder/data" --web.listen-address="127.0.0.1:$prometheus_port" \
        --web.enable-lifecycle --log.level=warn
    wait_for Prometheus 30 prometheus prometheus_answers
    curl -fsS -X POST "http://127.0.0.1:$prometheus_port/-/reload"
}

prometheus_answers() {
    curl -fsS --max-time 2 "http://127.0.0.1:$prometheus_port/-/ready"
}

# shellcheck shell=bash
# What in k8s/ follows from the rest of the tree; scripts/check compares it, or writes it anew.
#
# Uses $programs and configuration_rows of scripts/check.
# shellcheck disable=SC2154

# print_env ROWS: a configuration table as a ConfigMap's file. A row without a default is a comment.
print_env() {
    echo "# Made by scripts/check --update from the programs' tables. Overlays override it by a merge."
    [[ -z $1 ]] || sed -E \
        -e 's/^  (OM_[A-Z0-9_]+) +(\(empty\)|required) +(.*)$/\n# \3\n# \1=/' \
        -e 's/^  (OM_[A-Z0-9_]+) +([^ ]+) +(.*)$/\n# \3\n\1=\2/' <<<"$1"
}

print_common_env() {
    print_env "$common"
}

# print_process_env NAME: what only the process has, of `order` as of `gateway`.
print_process_env() {
    print_env "$(configuration_rows "om-$1" | grep -vxF "$common" || true)"
}

# The alert rules as the Prometheus operator's resource.
print_prometheus_rule() {
    cat <<'END'
# Made by scripts/check --update from alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ordermesh
spec:
END
    sed -e '/^#/d' -e 's/^\(.\)/  \1/' k8s/components/monitoring/alerts.yaml
}

# Streams and consumers as NACK's resources, three copies of each stream.
print_nack() {
    echo "# Made by scripts/check --update from nats/streams and nats/consumers."
    "$programs/omctl" provision --print --replicas=3 --dir nats | jq -rf scripts/nack.jq
}

# print_external_secret NAME
print_external_secret() {
    cat <<END
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: $1
spec:
  refreshInterval: 1h
  secretStoreRef: {kind: SecretStore, name: ordermesh}
  dataFrom:
    - extract: {key: ordermesh/$1}
END
}

# What pods read, of any service.
print_external_secrets() {
    local name
    echo "# Made by scripts/check --update, for what scripts/make-secrets makes."
    for name in nats-users nats-tls nats-contexts migrate-database role-passwords gateway-redis operator-credentials \
        gateway-credentials; do
        print_external_secret "$name"
    done
    for name in "${services[@]}"; do
        print_external_secret "$name-database"
        print_external_secret "$name-credentials"
    done
}

# The chart's values, each with its comment, as the table in docs/deploying.md.
print_values_table() {
    echo '| value | default | |'
    echo '|---|---|---|'
    awk '/^#/ { next }
        /^[a-zA-Z]+:$/ { group = $1; sub(":", ".", group); next }
        /^[a-zA-Z]/ { group = "" }
        { name = $1; sub(":", "", name); value = $2
          text = $0; sub(/^[^#]*# /, "", text)
          printf "| `%s%s` | `%s` | %s |\n", group, name, value, text }' k8s/chart/values.yaml
}

print_deploying() {
    awk -v table="$(print_values_table)" '
        /<!-- values:end -->/ { skips = 0 }
        !skips { print }
        /<!-- values:begin -->/ { skips = 1; print "\n" table "\n" }' docs/deploying.md
}

# check_deployment SERVICE: it has one, and base/ knows it; a new one is made like loyalty's.
check_deployment() {
    local file=k8s/base/services/$1.yaml base=k8s/base/kustomization.yaml
    if [[ $update == true && ! -e $file ]]; then
        sed -e "1s/.*/# om-$1. What all processes have in common is in ..\/patches./" -e "s/loyalty/$1/g" \
            k8s/base/services/loyalty.yaml >"$file"
        sed -i -e "s|^  - services/loyalty.yaml|&\n  - services/$1.yaml|" \
            -e "s|^  - {name: loyalty-config, .*|&\n  - {name: $1-config, envs: [config/$1.env]}|" "$base"
    fi
    [[ -e $file ]] || fail "$file is missing, the service's Deployment: scripts/check --update"
    grep -qx "  - services/$1.yaml" "$base" || fail "$base has no resource of $1"
    grep -q "^  - {name: $1-config," "$base" || fail "$base has no configuration of $1"
}

# The Prometheus of compose.yaml asks each process there; the programs that observe are of the same versions in k8s/, and in tests.
check_observe() {
    local process file image
    while read -r process; do
        grep -qF "targets: [\"$process:9464\"], labels: {namespace: compose, service: $process, instance: $process}" \
            compose/prometheus.yaml || fail "compose/prometheus.yaml does not ask $process"
    done < <(sed -nE 's|^    command: \[/usr/bin/om-([a-z]+)\]$|\1|p' compose.yaml)
    while read -r file; do
        [[ -e $file || $file == compose/secrets/* ]] || fail "compose.yaml mounts $file, which is not there"
    done < <(sed -nE 's|^ +- \./([^:]+):.*|\1|p' compose.yaml)
    while read -r image; do
        grep -qx "    image: $image" compose.yaml || fail "$image in k8s/ is not what compose.yaml runs"
    done < <(sed -nE 's/^ *image: //p' k8s/components/observe/*.yaml k8s/logs/*.yaml | sort -u)
    grep -qx "    image: otel/opentelemetry-collector-contrib:$(sed -nE 's/^dist: .* version: ([0-9.]+).*/\1/p' tests/observe/collector.yaml)" \
        compose.yaml || fail "compose.yaml runs another collector than tests/observe/collector.yaml builds"
    grep -qx "    image: jaegertracing/all-in-one:$(sed -nE 's/^jaeger=\([^ ]+ v([0-9.]+) .*/\1/p' scripts/test-observe)" compose.yaml ||
        fail "compose.yaml runs another Jaeger than scripts/test-observe builds"
    # Debian's Prometheus knows no Kubernetes: all but how it finds pods is checked.
    ! type promtool >&/dev/null ||
        promtool check config --syntax-only <(sed '/kubernetes_sd_configs:/,/selectors:/d; /role: pod, label/d' \
            k8s/components/observe/prometheus.yml) >/dev/null || fail "k8s/components/observe/prometheus.yml (above)"
}

check_kubernetes() {
    local process common processes=(gateway "${services[@]}")
    common=$(configuration_rows om-gateway)
    for process in "${processes[@]}"; do
        common=$(configuration_rows "om-$process" | grep -xF "$common")
    done
    check_page k8s/base/config/common.env print_common_env
    for process in "${processes[@]}"; do
        check_page "k8s/base/config/$process.env" print_process_env "$process"
        [[ $process == gateway ]] || check_deployment "$process"
    done
    check_page k8s/components/monitoring/rules.yaml print_prometheus_rule
    check_page k8s/components/observe/alerts.yaml cat k8s/components/monitoring/alerts.yaml
    check_observe
    check_page k8s/components/nack/resources.yaml print_nack
    check_page k8s/components/external-secrets/external-secrets.yaml print_external_secrets
    check_page docs/deploying.md print_deploying
    check_image_version
}

# Whoever applies base/ gets the image of this version.
check_image_version() {
    local version
    version=$("$programs/omctl" version | cut -d ' ' -f 2)
    grep -q "newTag: $version}" k8s/base/kustomization.yaml ||
        fail "k8s/base/kustomization.yaml: the image's tag is not $version"
    [[ $(grep -c "ersion: $version\$" k8s/chart/Chart.yaml) == 2 ]] || fail "k8s/chart/Chart.yaml is not of version $version"
}

# shellcheck shell=bash
# components/nats-chart: NATS' own Helm chart with those values makes objects that are accepted, and a configuration that
# nats-server takes. Sourced by scripts/test-k8s, whose settings it uses, after manifests.sh.

# shellcheck disable=SC2154 # these settings

# check_nats_configuration FILE: nats-server takes the one that it has, with the overlay's users and certificates.
check_nats_configuration() {
    local folder=$place/nats-chart-etc secrets=$place/k8s/overlays/nats-chart/secrets/nats
    rm -rf "$folder" && mkdir -p "$folder"/{nats-config,nats-users}
    cp "$secrets"/{users,system}.conf "$folder/nats-users/"
    kubectl annotate --local -f "$1" -o json ordermesh- |
        jq -rs '.[] | select(.kind == "ConfigMap" and .metadata.name == "nats-config") | .data["nats.conf"]' |
        sed -e "s|/etc/nats-c[^/\"]*/[a-z]*/*tls|$secrets/server|" -e "s|/etc/nats-ca-cert|$secrets|" \
            >"$folder/nats-config/nats.conf"
    SERVER_NAME=nats-0 "$cache/bin/nats-server" -t -c "$folder/nats-config/nats.conf" >"$place/nats-server.log" 2>&1 ||
        die "nats-server does not take what NATS' chart makes: $(cat "$place/nats-server.log")"
}

check_nats_chart() {
    local chart=${OM_NATS_CHART:-}
    if [[ -z $chart ]]; then
        say "SKIPPED: NATS' own chart: OM_NATS_CHART names no folder with it"
        return
    fi
    helm template nats "$chart" --namespace ordermesh -f "$root/k8s/components/nats-chart/values.yaml" \
        >"$place/nats-chart-servers.yaml" 2>"$place/chart.log" || die "NATS' chart is not rendered: $(cat "$place/chart.log")"
    { echo --- && cat "$place/nats-chart.yaml"; } >>"$place/nats-chart-servers.yaml"
    conform "$place/nats-chart-servers.yaml"
    lint "$place/nats-chart-servers.yaml"
    check_nats_configuration "$place/nats-chart-servers.yaml"
    kube create --validate=strict --dry-run=server -f "$place/nats-chart-servers.yaml" >"$place/chart.log" 2>&1 ||
        die "what NATS' chart makes is refused: $(cat "$place/chart.log")"
    say "NATS' own chart: its objects are accepted, and nats-server takes their configuration"
}

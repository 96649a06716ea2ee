# shellcheck shell=bash
# The Helm chart: it lints, and makes of the same sources the same objects as the overlays. Sourced by scripts/test-k8s,
# whose settings it uses, after manifests.sh.

# shellcheck disable=SC2154 # these settings

# objects FILE: sorted, and with names that do not tell of their content, which kustomize and Helm hash differently; kustomize
# also breaks the lines of what is encoded.
objects() {
    kubectl annotate --local -f "$1" -o json ordermesh- | jq -S -s '
        map(if .kind == "Secret" then .data |= map_values(gsub("\n"; "")) else . end)
        | (map(select(.kind | IN("ConfigMap", "Secret")) | .metadata.name)
            | map(select(test("-[0-9a-z]{10}$")) | {key: ., value: sub("-[0-9a-z]{10}$"; "")}) | from_entries) as $plain
        | map(walk(if type == "string" then $plain[.] // . else . end)) | sort_by(.kind, .metadata.name)'
}

# chart_values NAME: the file with which the chart is the overlay of that name, where there is one.
chart_values() {
    ls "$root/k8s/chart/$1.yaml" "$tests/overlays/$1/chart.yaml" 2>/dev/null || true
}

# render_chart NAME: with the Secrets of the overlay of that name, if it has them.
render_chart() {
    local secrets=()
    ! grep -q '^  - secrets\b' "$place/k8s/overlays/$1/kustomization.yaml" ||
        secrets=(-f "$place/k8s/overlays/$1/secrets/values.yaml")
    helm template ordermesh "$root/k8s/chart" --namespace ordermesh --kube-version "$kubernetes_version" \
        -f "$(chart_values "$1")" \
        "${secrets[@]}" >"$place/chart-$1.yaml" 2>"$place/chart.log" ||
        die "the chart is not rendered: $(tail -n 5 "$place/chart.log")"
}

# check_chart NAME: after the overlay was rendered.
check_chart() {
    helm lint --strict "$root/k8s/chart" -f "$(chart_values "$1")" >"$place/chart.log" 2>&1 ||
        die "the chart does not lint: $(cat "$place/chart.log")"
    render_chart "$1"
    diff <(objects "$place/$1.yaml") <(objects "$place/chart-$1.yaml") >"$place/chart.diff" ||
        die "overlays/$1 (<) and the chart (>) are not the same: $place/chart.diff: $(head -n 20 "$place/chart.diff")"
    conform "$place/chart-$1.yaml"
    lint "$place/chart-$1.yaml"
    say "$1: the chart makes the same objects"
}

# shellcheck shell=bash
# The overlays on a real API server. Sourced by scripts/test-k8s, whose settings it uses.

# shellcheck disable=SC2154 # these settings
port=0

stop_api_server() {
    stop_process kube-apiserver 10
    stop_process etcd 10
}

kube() {
    kubectl --server="https://127.0.0.1:$port" --insecure-skip-tls-verify=true --token=admin \
        --cache-dir="$place/kubectl" "$@"
}

# start_api_server NAME: an empty cluster's API, with pod security and quotas but without controllers.
start_api_server() {
    local folder=$place/$1 etcd=$((20000 + RANDOM % 10000))
    port=$((etcd + 2))
    rm -rf "$folder" && mkdir -p "$folder"
    start_process etcd -- etcd --data-dir "$folder/etcd" \
        --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
        --listen-peer-urls "http://127.0.0.1:$((etcd + 1))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((etcd + 1))" \
        --initial-cluster "default=http://127.0.0.1:$((etcd + 1))"
    openssl genrsa -out "$folder/service-accounts.key" 2048 2>/dev/null
    echo 'admin,admin,admin,"system:masters"' >"$folder/tokens.csv"
    start_process kube-apiserver -- "$cache/bin/kube-apiserver-$kubernetes_version" \
        --etcd-servers="http://127.0.0.1:$etcd" --secure-port="$port" --bind-address=127.0.0.1 \
        --cert-dir="$folder/certificates" --token-auth-file="$folder/tokens.csv" \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$folder/service-accounts.key" \
        --service-account-signing-key-file="$folder/service-accounts.key" \
        --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/16
    wait_for "the API server" 90 kube-apiserver api_server_is_ready
}

api_server_is_ready() {
    kube get --raw /readyz >/dev/null 2>&1
}

# The kinds that operators bring along, which the components use.
install_custom_resources() {
    local folder
    folder=$(module_folder "$keda")/config/crd/bases
    kube create -f "$folder/keda.sh_scaledobjects.yaml" >/dev/null
    folder=$(module_folder "$prometheus_operator")/example/prometheus-operator-crd
    kube create -f "$folder/monitoring.coreos.com_servicemonitors.yaml" -f "$folder/monitoring.coreos.com_podmonitors.yaml" \
        -f "$folder/monitoring.coreos.com_prometheusrules.yaml" >/dev/null
    folder=$(module_folder "$gateway_api")/config/crd/standard
    kube create -f "$folder/gateway.networking.k8s.io_gateways.yaml" \
        -f "$folder/gateway.networking.k8s.io_httproutes.yaml" >/dev/null
    folder=$(module_folder "$argo_rollouts")/manifests/crds
    kube create -f "$folder/rollout-crd.yaml" -f "$folder/analysis-template-crd.yaml" >/dev/null
    folder=$(module_folder "$argo_cd")/manifests/crds
    kube create -f "$folder/application-crd.yaml" \
        -f "$(module_folder "$flux_source")/config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml" \
        -f "$(module_folder "$flux_kustomize")/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml" >/dev/null
    kube create -f "$(module_folder "$cnpg")/config/crd/bases/postgresql.cnpg.io_clusters.yaml" >/dev/null
    folder=$(module_folder "$external_secrets")/config/crds/bases
    kube create -f "$folder/external-secrets.io_externalsecrets.yaml" \
        -f "$folder/external-secrets.io_secretstores.yaml" >/dev/null
    install_if_named "NACK's" OM_NACK_CRDS
    install_if_named "the Valkey operator's" OM_VALKEY_CRDS
    kube wait --for=condition=Established --timeout=60s crd --all >/dev/null
}

# install_if_named WHOSE VARIABLE: a file that no module proxy has.
install_if_named() {
    if [[ -n ${!2:-} ]]; then
        kube create -f "${!2}" >/dev/null
    else
        say "SKIPPED: $1 resources: $2 names no file with their definitions"
    fi
}

# render OVERLAY: with its Secrets; k8s/ itself stays as it is.
render() {
    kubectl kustomize "$place/k8s/overlays/$1" >"$place/$1.yaml"
    say "$1: $(grep -c '^kind:' "$place/$1.yaml") objects"
}

copy_overlays() {
    local name user
    rm -rf "$place/k8s" && cp -r "$root/k8s" "$place/k8s"
    rm -rf "$place"/k8s/overlays/*/secrets
    cp -r "$tests/overlays/." "$place/k8s/overlays/"
    [[ -n ${OM_NACK_CRDS:-} ]] || rm -r "$place/k8s/overlays/nack"
    [[ -n ${OM_VALKEY_CRDS:-} ]] || rm -r "$place/k8s/overlays/valkey-operator"
    for name in $(overlays); do
        make_secrets "$name"
        for user in "" system-; do
            jq -e '.url == "tls://127.0.0.1:4222" and (.password | length > 0) and (.ca | test("/nats/ca.crt$"))' \
                "$place/k8s/overlays/$name/secrets/nats-${user}context.json" >/dev/null ||
                die "$name has no context for the NATS CLI"
        done
    done
}

make_secrets() {
    OMCTL=$root/.build/test/bin/omctl OM_DATABASE_HOST=database.example:5432 \
        OM_DATABASE_ADMIN_URL=postgresql://admin:admin@database.example/ordermesh \
        OM_REDIS_URL=redis://redis.example:6379 \
        "$root/scripts/make-secrets" k8s "$place/k8s/overlays/$1" \
        >"$place/secrets.log" 2>&1 || die "no Secrets: $(tail -n 3 "$place/secrets.log")"
}

overlays() {
    find "$place/k8s/overlays" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort
}

# The server's own description of every kind, as kubeconform's schemas.
write_schemas() {
    kube get --raw /openapi/v2 >"$place/openapi.json"
    rm -rf "$place/schemas" && mkdir -p "$place/schemas"
    jq -f "$tests/schemas.jq" "$place/openapi.json" >"$place/schemas/definitions.json"
    jq -r '.definitions | to_entries[] | .key as $key
        | .value["x-kubernetes-group-version-kind"][]?
        | [$key, ([.kind, (.group | split(".")[0] // empty), .version] | join("-") | ascii_downcase)]
        | @tsv' "$place/openapi.json" |
        while read -r key name; do
            echo "{\"\$ref\":\"definitions.json#/definitions/$key\"}" >"$place/schemas/$name.json"
        done
}

conform() {
    kubeconform -strict -summary \
        -schema-location "$place/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$1" ||
        die "$1 does not conform"
    check_image_versions "$1"
    check_references "$1"
}

# check_image_versions FILE: each image is of one version or digest, and a server's is the one that compose.yaml runs.
check_image_versions() {
    local image
    while read -r image; do
        [[ $image =~ @sha256:[0-9a-f]{64}$ || $image =~ :v?[0-9]+\.[0-9]+[^:/]*$ ]] || die "$1: $image is of no version"
        [[ ! $image =~ ^(nats|postgres|redis): ]] || grep -q "image: $image$" "$root/compose.yaml" ||
            die "$1: $image is not what compose.yaml runs"
    done < <(sed -nE 's/^[ -]*image(Name)?: *"?([^" ]+)"?$/\2/p' "$1" | sort -u)
}

# check_references FILE: each ConfigMap and Secret that a pod, or a Cluster, reads is there.
check_references() {
    local lacking
    lacking=$(kubectl annotate --local -f "$1" -o json ordermesh- | jq -rs '
        ([.[] | select(.kind | IN("ConfigMap", "Secret", "ExternalSecret")) | "\(.kind | ltrimstr("External")) \(.metadata.name)"]) as $there
        | [.[] | select(.kind | IN("Deployment", "StatefulSet", "CronJob", "Cluster")) | .. | objects
            | ((.configMapRef, .configMap) | select(.name?) | "ConfigMap \(.name)"),
              ((.secretRef, .secretKeyRef, .secret, .passwordSecret) | (.name? // .secretName?) // empty | "Secret \(.)")]
        | unique - $there | .[]')
    [[ -z $lacking ]] || die "$1: pods read what is not there: $lacking"
}

# One that is installed, else the one that can be built.
find_linter() {
    command -v kube-linter >/dev/null || have_versioned kube-linter "${kube_linter[@]}" ||
        say "SKIPPED: kube-linter cannot be built: $(tail -n 1 "$cache"/log/kube-linter-*.log)"
}

lint() {
    ! command -v kube-linter >/dev/null || kube-linter lint --config "$root/k8s/.kube-linter.yaml" "$1" ||
        die "$1 does not pass kube-linter"
}

apply() {
    kube apply --server-side --field-manager=test -f "$place/$1.yaml"
}

# All objects on the server, without the figures that it counts itself.
stored() {
    kube get -n ordermesh -o json \
        deployments,statefulsets,services,configmaps,secrets,networkpolicies,poddisruptionbudgets |
        jq -S '[.items[] | {kind, name: .metadata.name, resourceVersion: .metadata.resourceVersion}]'
}

# Deployments only warn about pods that may not run. Each template as a pod: the server says.
check_pod_security() {
    kube get -n ordermesh -o json deployments,statefulsets,cronjobs |
        jq '{apiVersion: "v1", kind: "List", items: [.items[] | .spec |= (.jobTemplate.spec // .)
            | {apiVersion: "v1", kind: "Pod", metadata: {name: "\(.kind | ascii_downcase)-\(.metadata.name)",
                namespace: "ordermesh", labels: .spec.template.metadata.labels},
                spec: (.spec.template.spec + {volumes: (.spec.template.spec.volumes
                    + [.spec.volumeClaimTemplates[]? | {name: .metadata.name, emptyDir: {}}])})}]}' \
            >"$place/pods.json"
    kube create --dry-run=server -f "$place/pods.json" >"$place/pods.log" 2>&1 ||
        die "pods are refused: $(tail -n 5 "$place/pods.log")"
    say "$(grep -c created "$place/pods.log") kinds of pods pass the restricted standard"
    jq '.items[0] | .spec.containers[0].securityContext.allowPrivilegeEscalation = true' \
        "$place/pods.json" >"$place/bad-pod.json"
    if kube create --dry-run=server -f "$place/bad-pod.json" >"$place/bad-pod.log" 2>&1; then
        die "a pod that may escalate its privileges is accepted: nothing enforces the standard"
    fi
    grep -q 'violates PodSecurity "restricted' "$place/bad-pod.log" || die "$(cat "$place/bad-pod.log")"
}

# write_settings FOLDER: the deployment on standard input as a process here would have it: what its
# environment is, and its credentials as files.
write_settings() {
    local folder=$1 kind name
    mkdir -p "$folder/credentials"
    cat >"$folder/deployment.json"
    jq -r '.spec.template.spec.containers[0].envFrom[]
        | (.configMapRef | select(.) | "configmap \(.name)"), (.secretRef | select(.) | "secret \(.name)")' \
        "$folder/deployment.json" |
        while read -r kind name; do
            kube get -n ordermesh "$kind" "$name" -o json | jq -r --arg kind "$kind" '.data // {}
                | if $kind == "secret" then map_values(@base64d) else . end
                | to_entries[] | "\(.key)=\(.value)"'
        done >"$folder/environment"
    jq -r '.spec.template.spec.containers[0].env[] | select(has("value")) | "\(.name)=\(.value)"' \
        "$folder/deployment.json" | sed "s|/credentials/|$folder/credentials/|" >>"$folder/environment"
    name=$(jq -r '.spec.template.spec.volumes[] | select(.name == "credentials") | .secret.secretName' \
        "$folder/deployment.json")
    kube get -n ordermesh secret "$name" -o json | jq -r '.data | to_entries[] | "\(.key) \(.value)"' |
        while read -r name kind; do
            base64 -d <<<"$kind" >"$folder/credentials/$name"
        done
}

# Each program says itself whether it would start with what its pods are given.
check_configuration() {
    local name folder program settings
    for name in $(kube get -n ordermesh deployments -o name -l 'app.kubernetes.io/component in (gateway, service)'); do
        folder=$place/settings/$1/${name#*/}
        kube get -n ordermesh "$name" -o json | write_settings "$folder"
        program=$(jq -r '.spec.template.spec.containers[0].command[0]' "$folder/deployment.json")
        mapfile -t settings <"$folder/environment"
        env -i "${settings[@]}" "$root/.build/test/bin/${program##*/}" --check-config >"$folder/check.log" 2>&1 ||
            die "$1: $name would not start: $(tail -n 3 "$folder/check.log")"
    done
    say "$1: each process accepts its configuration"
}

# write_next OVERLAY: a user's own on top of it, with another version and another log level.
write_next() {
    mkdir -p "$place/k8s/overlays/$1-next"
    cat >"$place/k8s/overlays/$1-next/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordermesh
resources: [../$1]
images:
  - {name: ordermesh, newName: registry.example/ordermesh, newTag: next}
configMapGenerator:
  - {name: common-config, behavior: merge, literals: [OM_LOG_LEVEL=debug]}
YAML
}

# Every process of version next, and every password another one: nothing that is there stands in the way, nor
# on the way back. The figures of autoscalers stay.
check_upgrade() {
    local scaled old before
    before=$(images)
    scaled=$(kube get -n ordermesh horizontalpodautoscalers,scaledobjects -o jsonpath='{.items[*].spec.scaleTargetRef.name}')
    # shellcheck disable=SC2086 # these are words
    [[ -z $scaled ]] || kube scale -n ordermesh deployment $scaled --replicas=7 >/dev/null
    old=$(cat "$place/k8s/overlays/$1/secrets/role/om_orders")
    rm -r "$place/k8s/overlays/$1/secrets"
    make_secrets "$1"
    [[ $(cat "$place/k8s/overlays/$1/secrets/role/om_orders") != "$old" ]] || die "$1: no other passwords"
    write_next "$1"
    render "$1-next"
    apply "$1-next" >"$place/apply.log" 2>&1 || die "$1: no upgrade: $(tail -n 5 "$place/apply.log")"
    check_images "$1" registry.example/ordermesh:next
    check_replicas "$1" "$scaled"
    apply "$1" >"$place/apply.log" 2>&1 || die "$1: no way back: $(tail -n 5 "$place/apply.log")"
    check_images "$1" "$before"
    check_replicas "$1" "$scaled"
    say "$1: another version and other passwords are accepted, and the way back is${scaled:+; autoscalers keep their figures}"
}

# apply_vault_secrets NAME: what External Secrets would make, from a vault that has what scripts/make-secrets makes.
apply_vault_secrets() {
    jq '{apiVersion: "v1", kind: "List", items: [.secrets | to_entries[] | {apiVersion: "v1", kind: "Secret",
        metadata: {name: .key, namespace: "ordermesh"}, stringData: .value}]}' \
        "$place/k8s/overlays/$1/secrets/values.yaml" | kube apply -f - >/dev/null
    kube create --validate=strict --dry-run=server -f "$root/k8s/components/external-secrets/store.yaml" \
        >"$place/store.log" 2>&1 || die "the SecretStore is refused: $(cat "$place/store.log")"
}

# What Argo CD and Flux are given is of their kinds, and says nothing that they do not know.
check_gitops() {
    kube create namespace argocd >/dev/null
    kube create namespace flux-system >/dev/null
    kube create --validate=strict --dry-run=server -f "$root/k8s/gitops" >"$place/gitops.log" 2>&1 ||
        die "k8s/gitops is refused: $(cat "$place/gitops.log")"
    say "k8s/gitops: $(grep -c created "$place/gitops.log") objects of Argo CD and Flux are accepted"
}

# write_collector_pod NAMESPACE: of the DaemonSet, as a pod there.
write_collector_pod() {
    kube get -n ordermesh-logs daemonset collector -o json | jq --arg namespace "$1" '{apiVersion: "v1", kind: "Pod",
        metadata: {name: "collector", namespace: $namespace},
        spec: .spec.template.spec}' >"$place/collector-pod.json"
}

# k8s/logs is accepted, in its namespace, and would not be in ours.
check_logs() {
    kubectl kustomize "$root/k8s/logs" >"$place/logs.yaml"
    conform "$place/logs.yaml"
    lint "$place/logs.yaml"
    apply logs >"$place/apply.log" 2>&1 || die "k8s/logs is not accepted: $(tail -n 5 "$place/apply.log")"
    ! grep -i warning "$place/apply.log" || die "k8s/logs is accepted with warnings (above)"
    write_collector_pod ordermesh-logs
    kube create --dry-run=server -f "$place/collector-pod.json" >"$place/pods.log" 2>&1 ||
        die "the collector's pod is refused: $(tail -n 5 "$place/pods.log")"
    write_collector_pod ordermesh
    kube create -n ordermesh serviceaccount collector >/dev/null
    kube create --dry-run=server -f "$place/collector-pod.json" >"$place/pods.log" 2>&1 &&
        die "a pod with a folder of the node is accepted in the namespace ordermesh"
    kube delete -n ordermesh serviceaccount collector >/dev/null
    grep -q 'violates PodSecurity "restricted.*hostPath' "$place/pods.log" || die "$(cat "$place/pods.log")"
    say "k8s/logs: accepted in its namespace, and refused in ours"
}

# images: of all that is ours, each once.
images() {
    kube get -n ordermesh deployments -o json |
        jq -r '[.items[].spec.template.spec | (.containers + (.initContainers // []))[].image] | unique
            | map(select(test("(^|/)ordermesh:"))) | join(" ")'
}

# check_images OVERLAY IMAGES
check_images() {
    [[ $(images) == "$2" ]] || die "$1 runs $(images) and not $2"
}

# check_replicas OVERLAY NAMES
check_replicas() {
    local name
    for name in $2; do
        [[ $(kube get -n ordermesh deployment "$name" -o jsonpath='{.spec.replicas}') == 7 ]] ||
            die "$1: applying undid the number of pods of $name"
    done
}

test_overlay() {
    local before
    start_api_server "api-$1"
    install_custom_resources
    kube create -f "$root/k8s/namespace.yaml" >/dev/null
    [[ -d $place/schemas ]] || write_schemas
    render "$1"
    conform "$place/$1.yaml"
    lint "$place/$1.yaml"
    [[ -z $(chart_values "$1") ]] || check_chart "$1"
    [[ $1 != production ]] || check_gitops
    [[ $1 != dev ]] || check_logs
    [[ $1 != vault ]] || apply_vault_secrets "$1"
    [[ $1 != nats-chart ]] || check_nats_chart
    [[ $1 != rollout ]] || check_analysis "$place/$1.yaml"
    apply "$1" >"$place/apply.log" 2>&1 || die "$1 is not accepted: $(tail -n 5 "$place/apply.log")"
    ! grep -i warning "$place/apply.log" || die "$1 is accepted with warnings (above)"
    before=$(stored)
    apply "$1" >"$place/apply.log" 2>&1 || die "$1 is not accepted twice: $(tail -n 5 "$place/apply.log")"
    [[ $(stored) == "$before" ]] || die "applying $1 again changed something"
    say "$1: accepted, and nothing changed the second time"
    check_pod_security
    check_configuration "$1"
    check_upgrade "$1"
    [[ $1 != rollout ]] || check_rollout
    stop_api_server
}

test_manifests() {
    local name
    trap stop_api_server EXIT
    find_linter
    copy_overlays
    rm -rf "$place/schemas" "$place/settings"
    for name in $(overlays); do
        test_overlay "$name"
    done
    trap - EXIT
}

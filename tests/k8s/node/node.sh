# shellcheck shell=bash
# A cluster of one node, for real: etcd, API server, scheduler, controllers, kubelet with containerd,
# kube-proxy, CoreDNS, and kube-router, which enforces network policies. For a network, mount and process
# namespace of its own (pods.sh), with which all of it ends.
#
# Uses $place, $programs, the versions, and the functions of scripts/lib.sh.
# shellcheck disable=SC2154

node=$place/node
node_address=10.240.0.1
pods_cidr=10.244.0.0/24
services_cidr=10.96.0.0/16
dns_address=10.96.0.10
export KUBECONFIG=$node/kubeconfig CONTAINERD_ADDRESS=$node/containerd.sock CONTAINERD_NAMESPACE=k8s.io

# --- the machine -----------------------------------------------------------------------------------

# The folders that containers and networks keep their state in are this node's own and begin empty.
make_machine() {
    local folder
    mount --make-rshared /
    for folder in /run/netns /var/lib/cni /var/log/pods /var/log/containers; do
        mkdir -p "$folder"
        mount -t tmpfs tmpfs "$folder"
    done
    mount --make-rshared /run/netns
    ip link set lo up
    ip link add node0 type veth peer name outside
    ip address add "$node_address/24" dev node0
    ip link set node0 up
    ip link set outside up
    ip route add default dev node0
    echo 1 >/proc/sys/net/ipv4/ip_forward
}

# Pods are routed, not bridged: each packet between two of them passes the node's rules.
write_network() {
    mkdir -p "$node/networks"
    cat >"$node/networks/10-pods.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {"type": "ptp", "ipam": {"type": "host-local", "subnet": "$pods_cidr", "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
}

write_containerd_config() {
    cat >"$node/containerd.toml" <<TOML
version = 2
root = "$node/containerd"
state = "$node/containerd-state"
[grpc]
  address = "$CONTAINERD_ADDRESS"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "docker.io/library/pause:node"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$node/networks"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
}

# --- the control plane -----------------------------------------------------------------------------

start_etcd() {
    start_process etcd -- etcd --data-dir "$node/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
}

write_kubeconfig() {
    echo 'admin,admin,admin,"system:masters"' >"$node/tokens.csv"
    cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://$node_address:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: node, context: {cluster: node, user: admin}}]
current-context: node
YAML
}

kubernetes() {
    echo "$programs/kube$1-$kubernetes_version"
}

start_control_plane() {
    start_etcd
    write_kubeconfig
    openssl genrsa -out "$node/service-accounts.key" 2048 2>/dev/null
    start_process kube-apiserver -- "$(kubernetes -apiserver)" --etcd-servers=http://127.0.0.1:2379 \
        --bind-address=0.0.0.0 --advertise-address="$node_address" --cert-dir="$node/certificates" \
        --token-auth-file="$node/tokens.csv" --authorization-mode=RBAC --allow-privileged \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$node/service-accounts.key" \
        --service-account-signing-key-file="$node/service-accounts.key" \
        --service-cluster-ip-range="$services_cidr" --kubelet-preferred-address-types=InternalIP
    wait_for "the API server" 90 kube-apiserver kubectl get --raw /readyz
    start_process kube-controller-manager -- "$(kubernetes -controller-manager)" --kubeconfig="$KUBECONFIG" \
        --leader-elect=false --service-account-private-key-file="$node/service-accounts.key" \
        --root-ca-file="$node/certificates/apiserver.crt"
    start_process kube-scheduler -- "$(kubernetes -scheduler)" --kubeconfig="$KUBECONFIG" --leader-elect=false
}

# --- the node --------------------------------------------------------------------------------------

# The kubelet keeps no hierarchy of control groups, which the machine may not let it have; each container
# has its own limits all the same.
write_kubelet_config() {
    cat >"$node/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://$CONTAINERD_ADDRESS
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
clusterDNS: [$dns_address]
clusterDomain: cluster.local
resolvConf: $node/resolv.conf
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
YAML
    echo 'nameserver 127.0.0.1' >"$node/resolv.conf"
}

import_images() {
    local file
    for file in "$place"/images/*.tar; do
        ctr images import --all-platforms "$file"
    done
}

start_node() {
    write_network
    write_containerd_config
    start_process containerd -- containerd --config "$node/containerd.toml"
    wait_for "containerd" 30 containerd ctr version
    with_progress "giving the node its images" "$place/import.log" import_images
    write_kubelet_config
    start_process kubelet -- "$(kubernetes let)" --config="$node/kubelet.yaml" --kubeconfig="$KUBECONFIG" \
        --root-dir="$node/kubelet" --hostname-override=node --node-ip="$node_address"
    start_process kube-proxy -- "$(kubernetes -proxy)" --kubeconfig="$KUBECONFIG" --hostname-override=node \
        --proxy-mode=iptables --cluster-cidr="$pods_cidr" --conntrack-max-per-core=0 \
        --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
    wait_for "the node" 60 kubelet kubectl wait --for=condition=Ready node/node --timeout=1s
    start_process kube-router -- "$programs/kube-router-$kube_router_version" --kubeconfig="$KUBECONFIG" \
        --hostname-override=node --run-firewall --run-router=false --run-service-proxy=false \
        --run-loadbalancer=false --service-cluster-ip-range="$services_cidr"
}

# give_volume NAMESPACE CLAIM SIZE: the folder that this claim, and no other, is bound to.
give_volume() {
    mkdir -p "$node/volumes/$2"
    kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: $2}
spec:
  capacity: {storage: $3}
  accessModes: [ReadWriteOnce]
  claimRef: {namespace: $1, name: $2}
  local: {path: $node/volumes/$2}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node]}]
YAML
}

start_cluster() {
    rm -rf "$node" && mkdir -p "$node"
    make_machine
    start_control_plane
    start_node
    kubectl apply -f "$here/node/names.yaml" >"$place/names.log"
    kubectl -n kube-system rollout status deployment/coredns --timeout=120s >>"$place/names.log"
    say "a node of Kubernetes $(kubectl get node node -o jsonpath='{.status.nodeInfo.kubeletVersion}') is ready"
}

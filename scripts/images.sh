# shellcheck shell=bash
# The image and the servers' images, made with a podman of our own: images and tools are kept in
# ~/.cache/ordermesh (OM_CACHE_DIR), 3 GB; nothing of the user's own podman is touched. One script at a
# time uses it, and what a killed one left is removed. Where no registry can be reached, the base image is
# made by debootstrap and the servers' images by tests/image/stand-ins.
#
# Source it after go-tools.sh; its functions want root, and $place, a folder for logs.
# shellcheck disable=SC2154 # place, root, cache

# Of the containers that run. The same for every clone: podman's database, in the cache, has it written down.
state=/run/ordermesh-image
base=docker.io/library/debian:bookworm-slim
bases=localhost/ordermesh-base
both=localhost/ordermesh-both
machine=$(dpkg --print-architecture)
version=$(sed -n 's/^project(ordermesh VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
image=ordermesh:built
nats_version=${nats_server[1]#v}

# --- podman --------------------------------------------------------------------------------------

# write_podman_config RUNTIME DRIVER: a podman of our own.
write_podman_config() {
    cat >"$place/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$(at_most 65536 "$(ulimit -Hn)")", "nproc=$(at_most 16384 "$(ulimit -Hu)")"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "$1"
tmp_dir = "$state/libpod"
[network]
network_config_dir = "$state/networks"
CONF
    cat >"$place/storage.conf" <<CONF
[storage]
driver = "$2"
graphroot = "$cache/containers-$2"
runroot = "$state/containers"
CONF
    export CONTAINERS_CONF=$place/containers.conf CONTAINERS_STORAGE_CONF=$place/storage.conf
}

# at_most MOST LIMIT: what podman asks for by itself may be more than it is given here.
at_most() {
    [[ $2 != unlimited ]] && (($2 < $1)) && echo "$2:$2" || echo "$1:$1"
}

have_image() {
    podman image exists "$1"
}

# To podman it looks as after a restart of the machine: no container runs, and so any can go.
forget_last_run() {
    exec {lock}>"$state.lock"
    flock "$lock"
    rm -rf "$state"
}

remove_containers() {
    podman ps --all --external --quiet | xargs --no-run-if-empty podman rm --force --volumes
    podman volume prune --force
}

# The first pair of runtime and storage that runs a container of the base image.
find_podman() {
    local runtime driver
    for driver in overlay vfs; do
        for runtime in crun runc; do
            command -v "$runtime" >/dev/null || continue
            write_podman_config "$runtime" "$driver"
            remove_containers >"$place/podman.log" 2>&1 || true
            get_base >>"$place/podman.log" 2>&1 || continue
            if podman run --rm --read-only "$base" /bin/true >>"$place/podman.log" 2>&1; then
                say "podman runs containers by $runtime, and keeps them by $driver"
                return 0
            fi
        done
    done
    skip "podman runs no container here: $place/podman.log"
}

# --- the base image ------------------------------------------------------------------------------

# What the official slim image leaves out, too; copyright notices stay.
trim_base() {
    local tree=$1
    printf 'path-exclude /usr/share/%s/*\n' doc groff info linda lintian locale man \
        >"$tree/etc/dpkg/dpkg.cfg.d/slim"
    printf 'path-include /usr/share/%s\n' 'doc/*/copyright' locale/locale.alias \
        >>"$tree/etc/dpkg/dpkg.cfg.d/slim"
    find "$tree/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete
    find "$tree/usr/share/locale" -mindepth 1 ! -type d ! -name locale.alias -delete
    find "$tree/usr/share/doc" "$tree/usr/share/locale" -mindepth 1 -type d -empty -delete
    rm -rf "$tree"/usr/share/{man,info,groff,linda,lintian}/* "$tree"/var/{cache/apt,lib/apt/lists,log}/*
    mkdir -p "$tree"/var/cache/apt/archives/partial "$tree/var/lib/apt/lists/partial"
}

# make_base ARCHITECTURE
make_base() {
    local tree
    tree=$(mktemp -d)
    chmod 755 "$tree"
    debootstrap --arch "$1" --variant=minbase bookworm "$tree"
    trim_base "$tree"
    # Security updates come from their own archive, beside the one that debootstrap used.
    sed -i -E 's|^deb (.*)/debian/? bookworm main$|&\ndeb \1/debian-security bookworm-security main|' \
        "$tree/etc/apt/sources.list"
    grep -q bookworm-security "$tree/etc/apt/sources.list" || return 1
    tar -C "$tree" --sort=name --numeric-owner --one-file-system -c . | gzip -1 >"$cache/base-$1.tar.gz.new"
    mv "$cache/base-$1.tar.gz.new" "$cache/base-$1.tar.gz"
    rm -rf "$tree"
}

get_base() {
    have_image "$base" && return 0
    timeout 60 podman pull -q "$base" && return 0
    import_base "$machine" "$base"
}

# import_base ARCHITECTURE NAME
import_base() {
    [[ -s $cache/base-$1.tar.gz ]] || make_base "$1" || return 1
    podman import -q --arch "$1" "$cache/base-$1.tar.gz" "$2"
}

# --- another architecture ------------------------------------------------------------------------

# The kernel runs its programs by qemu, in containers, too.
emulate_arm64() {
    local registered=/proc/sys/fs/binfmt_misc
    install_packages qemu-user-static
    [[ -e $registered/register ]] || mount -t binfmt_misc binfmt_misc "$registered" || return 1
    [[ -e $registered/qemu-aarch64 ]] || cat /usr/lib/binfmt.d/qemu-aarch64*.conf >"$registered/register"
}

# $bases names a base for each architecture, as a registry's name does.
get_bases() {
    local architecture
    podman manifest rm "$bases" 2>/dev/null || true
    podman manifest create "$bases"
    for architecture in amd64 arm64; do
        have_image "$bases-$architecture" || import_base "$architecture" "$bases-$architecture" || return 1
        podman manifest add "$bases" "containers-storage:$bases-$architecture"
    done
}

# $both names an image for each architecture.
build_for_both() {
    podman manifest rm "$both" 2>/dev/null || true
    podman build --network host --timestamp 0 --platform linux/amd64,linux/arm64 --manifest "$both" \
        --build-arg BASE="$bases" --build-arg BUILDPLATFORM="linux/$machine" "$root"
}

# --- images --------------------------------------------------------------------------------------

build_image() {
    podman build --network host --timestamp 0 -t "$1" "${@:2}"
}

image_id() {
    podman image inspect --format '{{.Id}}' "$1"
}

megabytes() {
    echo "$(($(podman image inspect --format '{{.Size}}' "$1") / 1000000)) MB"
}

# What is run of it in tests needs no shell, so it gets none.
build_without_shell() {
    printf 'FROM %s\nUSER 0:0\nRUN rm /bin/sh /bin/dash /bin/bash\nUSER 10001:10001\n' "$image" |
        podman build --network none --timestamp 0 -t "ordermesh:$version" -
    ! podman run --rm "ordermesh:$version" /bin/sh -c true
}

# get_server NAME IMAGE: pulled, or what stands in for it.
get_server() {
    local name=docker.io/library/$2
    if [[ $(podman image inspect --format '{{index .Labels "ordermesh.stand-in"}}' "$name" 2>/dev/null) != "$1" ]]; then
        have_image "$name" && return 0
        timeout 60 podman pull -q "$name" >"$place/pull.log" 2>&1 && return 0
    fi
    with_progress "no registry: making what stands in for $2" "$place/$1.log" \
        podman build --network host --target "$1" -t "$name" "$place/stand-ins"
}

# In an image of its own nats-server has no C library.
get_nats_server() {
    local program=nats-server-static-$nats_version
    have "$program" "nats-server $nats_version" \
        build_module "github.com/nats-io/nats-server/v2@v$nats_version" . "$program" ||
        skip "nats-server cannot be built: $cache/log"
    cp "$cache/bin/$program" "$place/stand-ins/nats-server"
}

# server_images: what compose.yaml runs besides ours, as k8s/ does.
server_images() {
    sed -nE 's/^    image: ((nats|postgres|redis):.*)$/\1/p' "$root/compose.yaml" | sort -u
}

get_servers() {
    local name
    server_images | grep -qxF "nats:$nats_version" || die "compose.yaml has another NATS server than $nats_version"
    rm -rf "$place/stand-ins" && cp -r "$root/tests/image/stand-ins" "$place/stand-ins"
    get_nats_server
    for name in $(server_images); do
        get_server "${name%:*}" "$name"
    done
}

# A podman that works here.
prepare_podman() {
    (install_packages podman runc crun netavark aardvark-dns iptables debootstrap openssl curl jq) ||
        skip "podman or debootstrap cannot be installed"
    forget_last_run
    find_podman
}

# build_images: $image, by a podman that works here.
build_images() {
    prepare_podman
    with_progress "building the image" "$place/build.log" build_image "$image" "$root"
    say "the image is $(megabytes "$image"), on a base of $(megabytes "$base")"
}

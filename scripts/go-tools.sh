# shellcheck shell=bash
# Programs of others that have no Debian package: built by Go from their published modules, once, in
# ~/.cache/ordermesh (OM_CACHE_DIR), under their version's name. Source it after lib.sh.

cache=${OM_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-$root/.build}/.cache}/ordermesh}
# Where that cannot be, try_program() says so.
mkdir -p "$cache"/{bin,log} 2>/dev/null || true
# Behind what is installed: Debian's nats-server stays the one that is meant by its name.
PATH=$PATH:$cache/bin
# Module, version and package, as have_versioned() takes them. A current server: Debian 12's is 2.9.
# shellcheck disable=SC2034 # for who sources this
nats_server=(github.com/nats-io/nats-server/v2 v2.15.2 github.com/nats-io/nats-server/v2)
# shellcheck disable=SC2034
nats_cli=(github.com/nats-io/natscli v0.5.0 github.com/nats-io/natscli/nats)
# shellcheck disable=SC2034
stripe_mock=(github.com/stripe/stripe-mock v0.203.0 github.com/stripe/stripe-mock)
# Seconds for a module proxy to answer, and for all of a build.
proxy_limit_s=20
build_limit_s=1800

skip() {
    say "SKIPPED: $*"
    exit 3
}

module_folder() {
    timeout --foreground "$build_limit_s" go mod download -json "$1" 2>/dev/null | jq -r '.Dir // empty'
}

# use_go MINOR: makes `go` 1.MINOR or newer; false when there is none. An older one, such as Debian
# 12's, fetches the newer as a module, which comes without its programs' permission to be run.
use_go() {
    local version folder
    command -v go >/dev/null || return 1
    version=$(go env GOVERSION | grep -oE '[0-9]+' | sed -n 2p)
    ((version < $1)) || return 0
    [[ $(go env GOTOOLCHAIN) != auto* ]] || return 0
    say "fetching Go 1.$1"
    folder=$(module_folder "golang.org/toolchain@v0.0.1-go1.$1.0.$(go env GOOS)-$(go env GOARCH)")
    [[ -n $folder ]] || return 1
    chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/*
    PATH=$folder/bin:$PATH
    hash -r
}

# have PROGRAM WHAT COMMAND...: builds a program unless the cache has it; false when it cannot, and
# then $cache/log/PROGRAM.log says why.
have() {
    local code log=$cache/log/$1.log
    [[ ! -x $cache/bin/$1 ]] || return 0
    run_with_progress "building $2" "$log" build_alone "$1" "${@:3}"
    [[ -x $cache/bin/$1 ]]
}

# build_alone PROGRAM COMMAND...: nothing, when another script has built it meanwhile.
build_alone() {
    local lock
    exec {lock}>"$cache/log/$1.lock"
    flock -w "$build_limit_s" "$lock" || return
    [[ ! -x $cache/bin/$1 ]] || return 0
    GOBIN=$cache/bin GOFLAGS=-buildvcs=false "${@:2}"
}

# have_versioned PROGRAM MODULE VERSION PACKAGE: linked to as PROGRAM.
have_versioned() {
    have "$1-$3" "$1 $3" install_versioned "$@" || return
    [[ $(readlink "$cache/bin/$1") == "$1-$3" ]] || ln -sf "$1-$3" "$cache/bin/$1"
}

# From a module of our own that requires just that version: nothing is asked about other versions.
install_versioned() {
    local folder code=0
    folder=$(mktemp -d "$cache/build-XXXXXX") && cd "$folder" || return
    install_there "$@" || code=$?
    rm -rf -- "$folder"
    return "$code"
}

# build_module MODULE@VERSION PACKAGE PROGRAM: within the module's folder, so by its own list of versions.
build_module() {
    cd "$(module_folder "$1")" || return
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$cache/bin/$3" "$2"
}

# within SECONDS COMMAND...
within() {
    local code=0
    timeout --foreground "$@" || code=$?
    ((code != 124)) || echo "not done within $1 s: ${*:2}"
    return "$code"
}

# The last line that it prints says why it fails. A proxy that cannot be reached shows by a question of few bytes.
install_there() {
    within "$proxy_limit_s" go list -m "$2@$3" || return
    use_go 26 || { echo "Go 1.26 cannot be fetched" && return 1; }
    go mod init tool && go mod edit -require="$2@$3" || return
    GOBIN=$PWD within "$build_limit_s" go install -v -mod=mod "$4" || return
    mv "$1" "$cache/bin/$1-$3"
}

# Debian's, where there is none. False when there still is none, and then `why` says why.
find_go() {
    local log=$cache/log/go.log
    if ! : 2>/dev/null >"$log"; then
        why="$cache cannot be written"
        return 1
    fi
    ! command -v go >/dev/null || return 0
    (
        # shellcheck disable=SC2034 # apt_get reads it
        apt_options=(-o Acquire::http::Timeout="$proxy_limit_s" -o Acquire::Retries=0)
        # Without certificates no proxy is trusted.
        install_packages golang-go ca-certificates
    ) 2>"$log" && return 0
    why="there is no Go, and golang-go cannot be installed: $(tail -n 1 "$log" | sed 's/^\[[ 0-9]* s\] [^ ]*: //')"
    return 1
}

# try_program PROGRAM MODULE VERSION PACKAGE: false when it cannot be had, and then `why` says why.
try_program() {
    [[ -x $cache/bin/$1-$3 ]] || find_go || return
    have_versioned "$@" && return
    why=$(tail -n 1 "$cache/log/$1-$3.log")
    return 1
}

# have_program PROGRAM MODULE VERSION PACKAGE: or the script ends, with exit code 3.
have_program() {
    try_program "$@" || skip "$1 cannot be had: $why"
}

# For all that this script starts.
use_current_nats_server() {
    have_program nats-server "${nats_server[@]}"
    export OM_NATS_SERVER=$cache/bin/nats-server
}

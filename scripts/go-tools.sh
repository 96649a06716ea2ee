# shellcheck shell=bash
# Programs of others that have no Debian package: built by Go from their published modules, once, in
# ~/.cache/ordermesh (OM_CACHE_DIR), under their version's name. Source it after lib.sh.

cache=${OM_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ordermesh}
mkdir -p "$cache"/{bin,log}
# Behind what is installed: Debian's nats-server stays the one that is meant by its name.
PATH=$PATH:$cache/bin
# Module, version and package, as have_versioned() takes them. A current server: Debian 12's is 2.9.
# shellcheck disable=SC2034 # for who sources this
nats_server=(github.com/nats-io/nats-server/v2 v2.15.2 github.com/nats-io/nats-server/v2)

skip() {
    say "SKIPPED: $*"
    exit 3
}

module_folder() {
    go mod download -json "$1" 2>/dev/null | jq -r '.Dir // empty'
}

# use_go MINOR: makes `go` 1.MINOR or newer; false when there is none. An older one, such as Debian
# 12's, fetches the newer as a module, which comes without its programs' permission to be run.
use_go() {
    local version folder
    command -v go >/dev/null || return 1
    version=$(go env GOVERSION | grep -oE '[0-9]+' | sed -n 2p)
    ((version < $1)) || return 0
    [[ $(go env GOTOOLCHAIN) != auto* ]] || return 0
    folder=$(module_folder "golang.org/toolchain@v0.0.1-go1.$1.0.$(go env GOOS)-$(go env GOARCH)")
    [[ -n $folder ]] || return 1
    chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/*
    PATH=$folder/bin:$PATH
    hash -r
}

# have PROGRAM WHAT COMMAND...: builds a program unless the cache has it; false when it cannot, and
# then $cache/log/PROGRAM.log says why.
have() {
    local program=$1 log=$cache/log/$1.log
    [[ ! -x $cache/bin/$1 ]] || return 0
    say "building $2"
    shift 2
    (GOBIN=$cache/bin GOFLAGS=-buildvcs=false "$@") >"$log" 2>&1 </dev/null && [[ -x $cache/bin/$program ]]
}

# have_versioned PROGRAM MODULE VERSION PACKAGE: linked to as PROGRAM.
have_versioned() {
    have "$1-$3" "$1 $3" install_versioned "$@" && ln -sf "$1-$3" "$cache/bin/$1"
}

# From a module of our own that requires just that version: nothing is asked about other versions.
install_versioned() {
    local folder
    folder=$(mktemp -d)
    cd "$folder" || return
    go mod init tool
    go mod edit -require="$2@$3"
    rm -f "$cache/bin/$1"
    go install -mod=mod "$4"
    mv "$cache/bin/$1" "$cache/bin/$1-$3"
    rm -rf "$folder"
}

# have_program PROGRAM MODULE VERSION PACKAGE: or the script ends, with exit code 3.
have_program() {
    command -v go >/dev/null || install_packages golang-go
    use_go 25 || skip "there is no $1, and no Go 1.25 to build it with"
    have_versioned "$@" || skip "$1 cannot be built: see $cache/log"
}

# For all that this script starts.
use_current_nats_server() {
    have_program nats-server "${nats_server[@]}"
    export OM_NATS_SERVER=$cache/bin/nats-server
}

# shellcheck shell=bash
# Shared by the scripts beside this file: where things are, progress, packages, the build, and
# processes that outlive the script. Source it; it changes no setting but `set -euo pipefail`.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Absolute, and without links, since programs are started from other folders.
run_dir=$(realpath -m "${OM_RUN_DIR:-$root/.run}")
# A folder below services/ is a service.
# shellcheck disable=SC2034 # for who sources this, as are the next three
mapfile -t services < <(cd "$root/services" && printf '%s\n' */main.c | sed 's|/main\.c$||')

# shellcheck disable=SC2034
build_packages=(gcc libc6-dev cmake ninja-build pkg-config libh2o-evloop-dev libnats-dev libpq-dev
    libjson-c-dev libhiredis-dev libcurl4-openssl-dev libsodium-dev libssl-dev
    zlib1g-dev)
# shellcheck disable=SC2034
run_packages=(postgresql redis-server nats-server curl jq)
# shellcheck disable=SC2034
test_packages=(libcmocka-dev clang-format shellcheck openssl python3-aiosmtpd pgbouncer spin)

say() {
    printf '[%3d s] %s\n' "$SECONDS" "$*"
}

die() {
    printf '[%3d s] %s: %s\n' "$SECONDS" "${0##*/}" "$*" >&2
    exit 1
}

# run_with_progress WHAT LOG COMMAND...: runs the command with its output in LOG, and says a line every ten seconds. Sets
# `code`, and succeeds, since what is run in a condition would go on after errors.
run_with_progress() {
    local what=$1 log=$2 pid ticks=0
    shift 2
    code=0
    say "$what"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        ticks=$((ticks + 1))
        if ((ticks % 50 == 0)); then
            say "$what: $(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)"
        fi
    done
    wait "$pid" || code=$?
}

# with_progress WHAT LOG COMMAND...: or the script ends, with the end of LOG.
with_progress() {
    local code
    mkdir -p "$(dirname "$2")"
    run_with_progress "$@"
    if ((code != 0)); then
        tail -n 40 "$2" >&2
        die "$1 failed; all of it is in $2"
    fi
}

# --- packages ------------------------------------------------------------------------------------

is_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]] && return
    # Whoever built h2o has no package of it.
    [[ $1 == "$h2o_package" ]] && pkg-config --exists libh2o-evloop 2>/dev/null
}

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# Packages that come with a server start it, on its default port. While we install, they may not, and
# PostgreSQL makes no cluster: ours are private. What we put there for that goes again.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/ordermesh.conf

hold_daemons() {
    umask 022
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\n# ordermesh: no daemons while its packages are installed\nexit 101\n' |
            as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
}

release_daemons() {
    if grep -qs '^# ordermesh:' "$policy"; then
        as_root rm -f "$policy"
    fi
    as_root rm -f "$no_cluster"
}

dpkg_folder=/var/lib/dpkg

# More options for apt-get, of who can do without what it installs.
apt_options=()

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "${apt_options[@]}" "$@"
}

# Where Debian has no h2o any more, 12's is put beside its own packages.
h2o_package=libh2o-evloop-dev
h2o_files=(libh2o-evloop0.13 libh2o-dev-common libh2o-evloop-dev)
h2o_suite=bookworm

is_offered() {
    [[ $(apt-cache policy "$1") =~ Candidate:\ [^\(] ]]
}

# From where this system's packages come, with lists of its own: nothing of the system's settings changes.
download_h2o() {
    local dir=$run_dir/setup/h2o site apt_private
    # shellcheck disable=SC2016 # apt-get fills it in
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/\?$')
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $h2o_suite main" >"$dir/sources.list"
    apt_private=(-q -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=)
    apt-get "${apt_private[@]}" update
    (cd "$dir" && rm -f ./*.deb && apt-get "${apt_private[@]}" download "${h2o_files[@]}")
}

# In `missing`, its package by the files of the older one, where this system offers none.
replace_h2o() {
    is_offered "$h2o_package" && return
    say "this system's packages have no h2o: those of Debian's $h2o_suite (${h2o_files[*]}) go beside them"
    with_progress "getting h2o" "$run_dir/log/setup/h2o.log" download_h2o
    local package others=()
    for package in "${missing[@]}"; do
        [[ $package == "$h2o_package" ]] || others+=("$package")
    done
    missing=("${others[@]}" "$run_dir"/setup/h2o/*.deb)
}

# A run of dpkg that ended in its midst is finished first, since apt installs nothing after it.
finish_dpkg() {
    [[ -n $(dpkg --audit 2>&1) || -n $(find "$dpkg_folder/updates" -type f 2>/dev/null) ]] || return 0
    with_progress "finishing an interrupted installation (dpkg --configure -a)" "$run_dir/log/setup/dpkg.log" \
        as_root env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a
}

# install_packages NAME...: those that are missing, through apt.
install_packages() {
    local missing=() package
    command -v dpkg-query >/dev/null ||
        die "this is not a Debian system; install the counterparts of: $*"
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null ||
            die "packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
        say "sudo is needed to install: ${missing[*]}"
        sudo -v || die "sudo refused; as root: apt-get install ${missing[*]}"
    fi
    trap release_daemons EXIT
    hold_daemons
    finish_dpkg
    say "missing: ${missing[*]}"
    with_progress "asking which versions there are" "$run_dir/log/setup/update.log" apt_get update
    [[ " ${missing[*]} " != *" $h2o_package "* ]] || replace_h2o
    with_progress "installing ${#missing[@]} packages" "$run_dir/log/setup/apt.log" \
        apt_get install "${missing[@]}"
    release_daemons
    trap - EXIT
}

# --- the build -----------------------------------------------------------------------------------

# With targets, what is configured already is not configured anew: the build does that when it must.
configure_and_build() {
    local preset=$1
    shift
    cd "$root"
    if (($# == 0)) || [[ ! -e .build/$preset/build.ninja ]]; then
        cmake --preset "$preset"
    fi
    cmake --build --preset "$preset" -j "$(nproc)" ${1:+--target "$@"}
}

# build_preset NAME [TARGET...]: into .build/NAME, everything or what is named. One build at a time; a
# build of another folder is redone.
build_preset() {
    local folder=$root/.build/$1 lock
    mkdir -p "$folder"
    exec {lock}>"$folder/.lock"
    flock "$lock"
    if [[ -e $folder/CMakeCache.txt ]] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
        say "the build in $folder is another folder's and is made anew"
        find "$folder" -mindepth 1 ! -name .lock -delete
    fi
    with_progress "building ($1)" "$folder/build.log" configure_and_build "$@"
    exec {lock}>&-
}

# --- processes -----------------------------------------------------------------------------------

# A pid file holds the pid, the process's start time (pids are used again) and a fingerprint of what
# was started.
start_time_of() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    awk '{ print $20 }' <<<"$stat"
}

# is_running NAME: sets `pid` when it does.
is_running() {
    local file=$run_dir/pid/$1 started
    [[ -r $file ]] || return 1
    read -r pid started _ <"$file"
    [[ $(start_time_of "$pid" || true) == "$started" ]] || return 1
    # A copied run directory has pid files of the original's processes.
    [[ $(stat -Lc %i "/proc/$pid/cwd" 2>/dev/null) == "$(stat -Lc %i "$(home_of "$1")")" ]]
}

# The folder a process works in.
home_of() {
    case $1 in
    postgres) echo "$run_dir/postgres/data" ;;
    redis) echo "$run_dir/redis" ;;
    *) echo "$run_dir" ;;
    esac
}

remember_process() {
    echo "$2 $(start_time_of "$2") ${3:-}" >"$run_dir/pid/$1"
}

# fingerprint_of [VARIABLE=VALUE...] -- COMMAND...
fingerprint_of() {
    printf '%s\n' "$@" | sha256sum | cut -c1-16
}

# runs_as NAME FINGERPRINT: sets `pid` when it runs.
runs_as() {
    local fingerprint
    is_running "$1" || return 1
    read -r _ _ fingerprint _ <"$run_dir/pid/$1"
    [[ $fingerprint == "$2" ]]
}

# Whether what runs is what would be started now: the same command, and a program not rebuilt since.
is_current() {
    local pid
    runs_as "$@" && [[ $(readlink "/proc/$pid/exe") != *' (deleted)' ]]
}

# So that no lock of ours goes along into what lives on.
close_descriptors() {
    local descriptor
    for descriptor in /proc/self/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor <= 2 || descriptor == 255)) || eval "exec $descriptor>&-"
    done
}

# start_process NAME [VARIABLE=VALUE...] -- COMMAND...: unless it runs already as told.
start_process() {
    local name=$1 environment=() fingerprint
    shift
    fingerprint=$(fingerprint_of "$@")
    is_current "$name" "$fingerprint" && return 0
    stop_process "$name" 12
    while [[ $1 != -- ]]; do
        environment+=("$1")
        shift
    done
    shift
    pushd "$(home_of "$name")" >/dev/null
    (
        [[ ${#environment[@]} -eq 0 ]] || export "${environment[@]}"
        close_descriptors
        exec setsid nohup "$@" >>"$run_dir/log/$name.log" 2>&1 </dev/null
    ) &
    remember_process "$name" $! "$fingerprint"
    popd >/dev/null
}

# stop_process NAME SECONDS [SIGNAL]: SIGTERM, or that, and SIGKILL to what has not ended by then.
stop_process() {
    local pid deadline=$((SECONDS + $2))
    if is_running "$1"; then
        kill -s "${3:-TERM}" "$pid" 2>/dev/null || true
        while is_running "$1" && ((SECONDS < deadline)); do
            sleep 0.05
        done
        if is_running "$1"; then
            say "$1 did not end in $2 s and is killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$run_dir/pid/$1"
}

# The names of all that was started, servers last.
process_names() {
    local file name
    for file in "$run_dir"/pid/*; do
        [[ -e $file ]] || continue
        name=${file##*/}
        case $name in postgres | redis | nats) ;; *) echo "$name" ;; esac
    done
    for name in redis nats postgres; do
        [[ ! -e $run_dir/pid/$name ]] || echo "$name"
    done
}

# restarts_of NAME: how often its keeper (keep.sh) has started it again.
restarts_of() {
    local count=0
    [[ ! -e $run_dir/keep/$1.ended ]] || read -r count _ <"$run_dir/keep/$1.ended"
    echo "$count"
}

# has_ended NAME: and is not about to be started again, or was so often that this helps no more.
has_ended() {
    ! is_running "$1" && { ! is_running ".$1" || (($(restarts_of "$1") > 4)); }
}

# wait_for WHAT SECONDS NAME COMMAND...: until the command succeeds; dies when process NAME ends.
wait_for() {
    local what=$1 limit=$2 name=$3 pid deadline=$((SECONDS + $2))
    shift 3
    until "$@" >/dev/null 2>&1; do
        if has_ended "$name"; then
            tail -n 20 "$run_dir/log/$name.log" >&2 || true
            die "$name ended; its log is $run_dir/log/$name.log"
        fi
        if ((SECONDS >= deadline)); then
            tail -n 20 "$run_dir/log/$name.log" >&2 || true
            is_running "$name" || pid=
            die "$what is not ready within $limit s: scripts/status says why${pid:+; if it hangs, kill -9 $pid, and it is started again}"
        fi
        sleep 0.05
    done
}

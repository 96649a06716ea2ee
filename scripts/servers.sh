# shellcheck shell=bash
# The private PostgreSQL, Redis and NATS of one run directory. Source it; it brings lib.sh and keep.sh. Who starts
# them sources nats-program.sh, too.

# shellcheck source=keep.sh
source "$(dirname "${BASH_SOURCE[0]}")/keep.sh"
# shellcheck source=prometheus.sh
source "$(dirname "${BASH_SOURCE[0]}")/prometheus.sh"

secrets=$run_dir/secrets
database_admin=ordermesh
preset=${OM_PRESET:-release}
bin=$root/.build/$preset/bin

# --- ports and secrets ---------------------------------------------------------------------------

is_port_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# pick_port FIRST: FIRST or the next free one.
pick_port() {
    local port=$1
    while is_port_taken "$port"; do
        port=$((port + 1))
    done
    echo "$port"
}

# choose_port VARIABLE PROCESS FIRST: keeps the port chosen before, unless someone else has it now.
choose_port() {
    local -n chosen=$1
    if [[ -n ${chosen:-} ]] && is_running "$2"; then
        return
    fi
    if [[ -n ${chosen:-} ]] && is_port_taken "$chosen"; then
        say "port $chosen of $2 is taken by another program now"
        chosen=
    fi
    [[ -n ${chosen:-} ]] || chosen=$(pick_port "$3")
}

# check_wanted_port VARIABLE OURS: a port that was asked for is not exchanged for another.
check_wanted_port() {
    local wanted=${!1:-}
    [[ -n $wanted ]] || return 0
    if [[ $wanted == "$2" ]] && is_running gateway; then
        return
    fi
    ! is_port_taken "$wanted" || die "port $wanted ($1) is taken by another program; nothing has been changed"
}

# What can be said before anything is built. The rest is said by the gateway (check_settings in scripts/up).
check_wanted_ports() {
    local pid ports
    [[ ${OM_HTTP_PORT:-1} =~ ^[1-9][0-9]{0,4}$ ]] || die "OM_HTTP_PORT is a port of its own here, not $OM_HTTP_PORT"
    check_wanted_port OM_HTTP_PORT "$http_port"
    ports=$(cat "$keep/gateway.ports" 2>/dev/null) || true
    [[ ! ${OM_HTTPS_PORT:-} =~ ^[1-9][0-9]*$ ]] || check_wanted_port OM_HTTPS_PORT "${ports##* }"
}

choose_http_port() {
    if [[ -n ${OM_HTTP_PORT:-} ]]; then
        check_wanted_port OM_HTTP_PORT "$http_port"
        http_port=$OM_HTTP_PORT
    else
        choose_port http_port gateway 8080
    fi
}

load_ports() {
    postgres_port='' redis_port='' nats_port='' nats_monitor_port='' http_port='' prometheus_port=''
    # shellcheck source=/dev/null
    [[ ! -e $run_dir/ports ]] || . "$run_dir/ports"
}

# Once chosen, ports are remembered (save_ports), so that addresses survive a restart. Below 32768, where outgoing
# connections take theirs.
choose_ports() {
    local first=$((20000 + RANDOM % 10000))
    load_ports
    choose_port postgres_port postgres "$first"
    choose_port redis_port redis $((first + 100))
    choose_port nats_port nats $((first + 200))
    choose_http_port
    choose_port prometheus_port prometheus $((first + 300))
    choose_port nats_monitor_port nats $((first + 400))
}

save_ports() {
    printf '%s\n' "postgres_port=$postgres_port" "redis_port=$redis_port" "nats_port=$nats_port" \
        "nats_monitor_port=$nats_monitor_port" "http_port=$http_port" "prometheus_port=$prometheus_port" >"$run_dir/ports"
}

# secret NAME: 64 random hex digits, made at first use.
secret() {
    if [[ ! -s $secrets/$1 ]]; then
        mkdir -p "$secrets" && chmod 700 "$secrets"
        (umask 077 && od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$secrets/$1.new")
        mv "$secrets/$1.new" "$secrets/$1"
    fi
    cat "$secrets/$1"
}

database_url() {
    echo "postgresql://$1:$(secret "$1")@127.0.0.1:$postgres_port/ordermesh"
}

# --- PostgreSQL ----------------------------------------------------------------------------------

# The programs of the version that made the database, or else the newest there are.
postgres_bin() {
    local made_by=$run_dir/postgres/data/PG_VERSION folder
    if [[ -e $made_by ]]; then
        folder=/usr/lib/postgresql/$(cat "$made_by")
    else
        folder=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 2>/dev/null | sort -V | tail -n 1)
    fi
    [[ -n $folder && -d $folder ]] || folder=$(dirname "$(pg_config --bindir)")
    echo "$folder/bin"
}

# Another major version cannot read the database at all.
check_postgres_version() {
    local made_by here
    made_by=$(cat "$1/PG_VERSION")
    here=$("$(postgres_bin)/postgres" --version | grep -oE '[0-9]+' | head -n 1)
    [[ $here == "$made_by" ]] || die "the database in $run_dir is of PostgreSQL $made_by, and $here is installed:" \
        "install postgresql-$made_by, or move the data (docs/operations.md, \"Another version of a server\")"
}

# PostgreSQL refuses to run as root; then the packages' own user does it.
postgres_user=()
[[ $EUID -ne 0 ]] || postgres_user=(setpriv --reuid=postgres --regid=postgres --init-groups)

as_postgres() {
    (cd / && exec "${postgres_user[@]}" "$@")
}

# The cluster's folder is .run/postgres, or a link to a folder in /var/lib where the user postgres
# cannot reach .run (it is in somebody's private directory).
place_postgres() {
    local place=$run_dir/postgres outside
    if [[ -L $place ]]; then
        [[ $(cat "$place/owner" 2>/dev/null) == "$run_dir" ]] ||
            die "$place leads to $(readlink "$place"), which is not this instance's; remove the link"
        return
    fi
    [[ ! -d $place/data ]] || return 0
    mkdir -p "$place"
    [[ $EUID -eq 0 ]] || return 0
    chown postgres: "$place"
    as_postgres test -w "$place" && return 0
    rmdir "$place"
    outside=$(mktemp -d "/var/lib/ordermesh-$(basename "$(dirname "$run_dir")")-XXXXXX")
    echo "$run_dir" >"$outside/owner"
    chown -R postgres: "$outside"
    ln -s "$outside" "$place"
    say "user postgres cannot reach $run_dir: the database is in $outside (down --wipe removes it)"
}

# The real path, since links in .run may be out of the user's reach.
postgres_data() {
    echo "$(realpath "$run_dir/postgres")/data"
}

init_postgres() {
    local data=$1
    as_postgres "$(postgres_bin)/initdb" -D "$data.new" -U "$database_admin" -E UTF8 --no-locale -k \
        --auth-local=peer --auth-host=scram-sha-256
    # Through a pipe, so that the password is in no command line.
    printf '%s\n' "ALTER ROLE $database_admin PASSWORD '$(secret "$database_admin")';" \
        "CREATE DATABASE ordermesh;" |
        as_postgres "$(postgres_bin)/postgres" --single -D "$data.new" -E postgres
    mv "$data.new" "$data"
}

start_postgres() {
    local data setting settings=()
    place_postgres
    data=$(postgres_data)
    if [[ ! -d $data ]]; then
        as_postgres rm -rf "$data.new"
        with_progress "making the database cluster" "$run_dir/log/setup/initdb.log" init_postgres "$data"
    fi
    check_postgres_version "$data"
    for setting in "port=$postgres_port" listen_addresses=127.0.0.1 unix_socket_directories= max_connections=400 \
        shared_buffers=256MB max_wal_size=2GB; do
        settings+=(-c "$setting")
    done
    is_running postgres || say "starting PostgreSQL on port $postgres_port"
    keep_process postgres '' -- "${postgres_user[@]}" "$(postgres_bin)/postgres" -D "$data" "${settings[@]}"
    wait_for PostgreSQL 60 postgres postgres_answers
}

postgres_answers() {
    "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$postgres_port"
}

# SIGINT ends its sessions; SIGTERM waits for them.
stop_postgres() {
    end_process postgres 60 INT
}

admin_psql() {
    PGPASSWORD=$(secret "$database_admin") psql -qXAt -v ON_ERROR_STOP=1 -h 127.0.0.1 \
        -p "$postgres_port" -U "$database_admin" ordermesh "$@"
}

# The migrations made a role om_<schema> for each service; their passwords are from here.
set_role_passwords() {
    local role
    for role in $(admin_psql -c "SELECT rolname FROM pg_roles WHERE rolname ^@ 'om_' ORDER BY 1"); do
        echo "ALTER ROLE $role PASSWORD '$(secret "$role")';"
    done | admin_psql
}

# --- versions of servers -------------------------------------------------------------------------

# Set by scripts/up --upgrade.
takes_over=false

# record_version SERVER VERSION [PROGRAM]: what has its data now.
record_version() {
    echo "$2 ${3:-}" >"$run_dir/$1/version"
}

# check_version SERVER VERSION: data is not handed to another minor version by the way, since there may be no way back.
check_version() {
    local before
    [[ $takes_over == false && -s $run_dir/$1/version ]] || return 0
    read -r before _ <"$run_dir/$1/version"
    [[ ${before%.*} == "${2%.*}" ]] || die "the data in $run_dir/$1 was written by version $before, and the program" \
        "here is $2: \`scripts/up --upgrade\` hands it over (docs/operations.md, \"Another version of a server\")"
}

# --- Redis ---------------------------------------------------------------------------------------

start_redis() {
    mkdir -p "$run_dir/redis"
    check_version redis "$(redis_version)"
    is_running redis || say "starting Redis on port $redis_port"
    # A claim must survive a crash: every write is in the append-only file within a second.
    keep_process redis '' -- redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$run_dir/redis" \
        --appendonly yes --appendfsync everysec --save '' --daemonize no
    wait_for Redis 30 redis redis_answers
    record_version redis "$(redis_version)"
}

redis_version() {
    redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/'
}

redis_answers() {
    [[ $(redis-cli -h 127.0.0.1 -p "$redis_port" ping) == PONG ]]
}

# --- NATS ----------------------------------------------------------------------------------------

nats_scheme=nats
[[ ${OM_NATS_TLS:-} != on ]] || nats_scheme=tls

# Every service and the gateway is a user of its own; the operator is for people. So is `system`, of the system account.
nats_users() {
    printf '%s\n' operator gateway "${services[@]}"
}

# What a process needs to reach NATS as user $1, a variable a line.
nats_environment() {
    local tls=$secrets/nats-tls
    echo "OM_NATS_URL=$(nats_url)"
    echo "OM_NATS_USER=$1"
    echo "OM_NATS_PASSWORD_FILE=$secrets/nats_$1"
    [[ $1 != operator ]] || echo "OM_NATS_STORE=$(nats_store_most)"
    [[ $nats_scheme == tls ]] || return 0
    printf '%s\n' "OM_NATS_TLS_CA_FILE=$tls/ca.crt" "OM_NATS_TLS_CERT_FILE=$tls/$1.crt" \
        "OM_NATS_TLS_KEY_FILE=$tls/$1.key"
}

nats_system_user() {
    printf 'users: [ { user: "system", password: "%s" } ]\n' "$(secret nats-system)"
}

write_nats_users() {
    local user
    for user in $(nats_users); do
        secret "nats_$user" >/dev/null
    done
    (
        umask 077
        "$bin/omctl" nats-users --dir "$root/nats" --secrets "$secrets" >"$run_dir/nats/users.conf.new"
        nats_system_user >"$run_dir/nats/system.conf.new"
    )
}

# Chosen once: without a limit a server takes three quarters of what is free when it starts, less each time.
nats_store_most() {
    [[ -z ${OM_NATS_MAX_FILE_STORE:-} ]] || { echo "$OM_NATS_MAX_FILE_STORE" && return; }
    local file=$run_dir/nats/max_file_store free used most
    if [[ ! -s $file ]]; then
        free=$(df --output=avail -BM "$run_dir/nats" | tail -n 1 | tr -dc 0-9)
        used=$(du -sm "$run_dir/nats" | cut -f 1)
        most=$(((free + used) * 3 / 4))
        echo $((most < 10240 ? most : 10240)) >"$file"
    fi
    echo "$(cat "$file")MB"
}

write_nats_config() {
    local sync='# @SYNC_INTERVAL@' tls='# @TLS@ ' most
    most=$(nats_store_most)
    ! can_sync_always || sync='sync_interval: always'
    if [[ $nats_scheme == tls ]]; then
        tls=''
        # shellcheck disable=SC2046 # names have no spaces
        with_progress "making certificates for NATS" "$run_dir/log/setup/certificates.log" \
            "$root/scripts/nats-certificates" "$secrets/nats-tls" server $(nats_users)
    fi
    sed -e "s|@PORT@|$nats_port|" -e "s|@STORE_DIR@|$run_dir/nats/jetstream|" \
        -e "s|@MAX_FILE_STORE@|$most|" -e "s|# @MONITOR@|http: \"127.0.0.1:$nats_monitor_port\"|" \
        -e "s|# @SYNC_INTERVAL@|$sync|" -e "s|# @TLS@ |$tls|" -e "s|@TLS_DIR@|$secrets/nats-tls|" \
        "$root/nats/server.conf.in" >"$run_dir/nats/server.conf.new"
}

# replace_if_changed FILE: puts FILE.new in its place; false when that changed nothing.
replace_if_changed() {
    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
        return 1
    fi
    mv "$1.new" "$1"
}

# A server that runs learns of users without a restart; those whose password has changed are cut off.
start_nats() {
    local pid probe users=same
    mkdir -p "$run_dir/nats" && chmod 700 "$run_dir/nats"
    check_version nats "$(nats_version)"
    write_nats_users
    write_nats_config
    ! replace_if_changed "$run_dir/nats/users.conf" || users=new
    ! replace_if_changed "$run_dir/nats/system.conf" || users=new
    if [[ $users == new ]] && is_running nats; then
        kill -HUP "$pid"
    fi
    if replace_if_changed "$run_dir/nats/server.conf"; then
        end_process nats 30
    fi
    is_running nats || say "starting NATS $(nats_version) on port $nats_port"
    probe=$(printf '%q ' "$root/scripts/nats-stores" "$nats_monitor_port" "$run_dir/nats/jetstream")
    # shellcheck disable=SC2154 # nats-program.sh has chosen it
    keep_process nats "$probe" -- "$nats_program" -c "$run_dir/nats/server.conf"
    wait_for NATS 30 nats nats_answers
    record_version nats "$(nats_version)" "$nats_program"
}

nats_answers() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$nats_port" || return 1
    read -r -t 2 line <&3
    exec 3>&-
    [[ $line == INFO* ]]
}

nats_url() {
    echo "$nats_scheme://127.0.0.1:$nats_port"
}

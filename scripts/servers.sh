# shellcheck shell=bash
# The private PostgreSQL, Redis and NATS of one run directory. Source it; it brings lib.sh.

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
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
    if is_running "$2"; then
        return
    fi
    if [[ -n ${chosen:-} ]] && is_port_taken "$chosen"; then
        say "port $chosen of $2 is taken by another program now"
        chosen=
    fi
    [[ -n ${chosen:-} ]] || chosen=$(pick_port "$3")
}

# OM_HTTP_PORT, where it is set: a port that was asked for is not exchanged for another.
choose_http_port() {
    local wanted=${OM_HTTP_PORT:-}
    if [[ -z $wanted ]]; then
        choose_port http_port gateway 8080
        return
    fi
    [[ $wanted =~ ^[1-9][0-9]{0,4}$ ]] || die "OM_HTTP_PORT is a port of its own here, not $wanted"
    if [[ $wanted == "$http_port" ]] && is_running gateway; then
        return
    fi
    ! is_port_taken "$wanted" || die "port $wanted (OM_HTTP_PORT) is taken by another program"
    http_port=$wanted
}

load_ports() {
    postgres_port='' redis_port='' nats_port='' http_port='' prometheus_port=''
    # shellcheck source=/dev/null
    [[ ! -e $run_dir/ports ]] || . "$run_dir/ports"
}

# Once chosen, ports are remembered, so that addresses survive a restart. Below 32768, where outgoing
# connections take theirs.
choose_ports() {
    local file=$run_dir/ports first=$((20000 + RANDOM % 10000))
    load_ports
    choose_port postgres_port postgres "$first"
    choose_port redis_port redis $((first + 100))
    choose_port nats_port nats $((first + 200))
    choose_http_port
    choose_port prometheus_port prometheus $((first + 300))
    printf '%s\n' "postgres_port=$postgres_port" "redis_port=$redis_port" "nats_port=$nats_port" \
        "http_port=$http_port" "prometheus_port=$prometheus_port" >"$file"
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

postgres_bin() {
    local newest
    newest=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 2>/dev/null | sort -V | tail -n 1)
    [[ -n $newest ]] || newest=$(dirname "$(pg_config --bindir)")
    echo "$newest/bin"
}

# PostgreSQL refuses to run as root; then the packages' own user does it.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then
        (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        "$@"
    fi
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

postgres_options() {
    printf -- '-c %s ' "port=$postgres_port" listen_addresses=127.0.0.1 unix_socket_directories= \
        max_connections=200 shared_buffers=256MB max_wal_size=2GB
}

# Tries again: the children of a killed server hold its shared memory for a moment.
launch_postgres() {
    local attempt
    close_descriptors
    for attempt in 1 2 3 4 5; do
        if as_postgres "$(postgres_bin)/pg_ctl" -D "$1" -l "$(dirname "$1")/server.log" -w -t 60 \
            -o "$(postgres_options)" start; then
            return 0
        fi
        echo "attempt $attempt failed"
        sleep 1
    done
    tail -n 20 "$(dirname "$1")/server.log"
    return 1
}

start_postgres() {
    is_running postgres && return 0
    place_postgres
    local data
    data=$(postgres_data)
    if [[ ! -d $data ]]; then
        as_postgres rm -rf "$data.new"
        with_progress "making the database cluster" "$run_dir/log/setup/initdb.log" init_postgres "$data"
    fi
    ln -sfn "$(dirname "$data")/server.log" "$run_dir/log/postgres.log"
    with_progress "starting PostgreSQL on port $postgres_port" "$run_dir/log/setup/pg_ctl.log" \
        launch_postgres "$data"
    remember_process postgres "$(head -n 1 "$data/postmaster.pid")"
}

stop_postgres() {
    is_running postgres || return 0
    as_postgres "$(postgres_bin)/pg_ctl" -D "$(postgres_data)" -m fast -w -t 60 stop >/dev/null ||
        stop_process postgres 5
    rm -f "$run_dir/pid/postgres"
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

# --- Redis ---------------------------------------------------------------------------------------

start_redis() {
    mkdir -p "$run_dir/redis"
    is_running redis || say "starting Redis on port $redis_port"
    # A claim must survive a crash: every write is in the append-only file within a second.
    start_process redis -- redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$run_dir/redis" \
        --appendonly yes --appendfsync everysec --save '' --daemonize no
}

redis_answers() {
    [[ $(redis-cli -h 127.0.0.1 -p "$redis_port" ping) == PONG ]]
}

# --- NATS ----------------------------------------------------------------------------------------

nats_program=${OM_NATS_SERVER:-nats-server}
nats_scheme=nats
[[ ${OM_NATS_TLS:-} != on ]] || nats_scheme=tls

# Every service and the gateway is a user of its own; the operator is for people.
nats_users() {
    printf '%s\n' operator gateway "${services[@]}"
}

# What a process needs to reach NATS as user $1, a variable a line.
nats_environment() {
    local tls=$secrets/nats-tls
    echo "OM_NATS_URL=$nats_scheme://127.0.0.1:$nats_port"
    echo "OM_NATS_USER=$1"
    echo "OM_NATS_PASSWORD_FILE=$secrets/nats_$1"
    [[ $nats_scheme == tls ]] || return 0
    printf '%s\n' "OM_NATS_TLS_CA_FILE=$tls/ca.crt" "OM_NATS_TLS_CERT_FILE=$tls/$1.crt" \
        "OM_NATS_TLS_KEY_FILE=$tls/$1.key"
}

write_nats_users() {
    local user
    for user in $(nats_users); do
        secret "nats_$user" >/dev/null
    done
    (umask 077 && "$bin/omctl" nats-users --dir "$root/nats" --secrets "$secrets" \
        >"$run_dir/nats/users.conf.new")
}

write_nats_config() {
    local sync='# @SYNC_INTERVAL@' tls='# @TLS@ '
    # The option came with 2.10; before, the server syncs once a minute.
    case $("$nats_program" --version) in
    *v2.[0-9].*) ;;
    *) sync='sync_interval: always' ;;
    esac
    if [[ $nats_scheme == tls ]]; then
        tls=''
        # shellcheck disable=SC2046 # names have no spaces
        with_progress "making certificates for NATS" "$run_dir/log/setup/certificates.log" \
            "$root/scripts/nats-certificates" "$secrets/nats-tls" server $(nats_users)
    fi
    sed -e "s|@PORT@|$nats_port|" -e "s|@STORE_DIR@|$run_dir/nats/jetstream|" \
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
    local pid
    mkdir -p "$run_dir/nats" && chmod 700 "$run_dir/nats"
    write_nats_users
    write_nats_config
    if replace_if_changed "$run_dir/nats/users.conf" && is_running nats; then
        kill -HUP "$pid"
    fi
    if replace_if_changed "$run_dir/nats/server.conf"; then
        stop_process nats 30
    fi
    is_running nats || say "starting NATS on port $nats_port ($("$nats_program" --version))"
    start_process nats -- "$nats_program" -c "$run_dir/nats/server.conf"
}

nats_answers() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$nats_port" || return 1
    read -r -t 2 line <&3
    exec 3>&-
    [[ $line == INFO* ]]
}

nats_url() {
    echo "$nats_scheme://$1:$(secret "nats_$1")@127.0.0.1:$nats_port"
}

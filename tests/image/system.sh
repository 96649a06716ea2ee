#!/usr/bin/env bash
# All of compose.yaml, by Docker Compose with podman, in a network namespace that has no way out: what
# docs/quickstart.md says works word for word, from make-secrets on; containers have no rights that they do
# not need, ending them drains them, and what was accepted is there when all of it is started again.
#
#     unshare --net --mount --pid --fork --mount-proc tests/image/system.sh
#
# Called by scripts/test-image, whose podman, images and PATH it inherits.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OM_RUN_DIR=$here/../../.build/image/run
# shellcheck source=scripts/lib.sh
source "$here/../../scripts/lib.sh"

place=$root/.build/image
project=$place/project
processes=(gateway "${services[@]}")

compose() {
    docker-compose --project-directory "$project" "$@"
}

# The quickstart says `docker compose`.
write_docker() {
    mkdir -p "$place/bin"
    cat >"$place/bin/docker" <<'SCRIPT'
#!/bin/bash
[[ $1 == compose ]] && exec docker-compose "${@:2}"
exec podman "$@"
SCRIPT
    chmod +x "$place/bin/docker"
    export PATH=$place/bin:$PATH
}

copy_project() {
    rm -rf "$project" && mkdir -p "$project"
    cp -r "$root"/{compose.yaml,compose,CMakeLists.txt,scripts,nats,services,docs} "$project"
    rm -rf "$project/compose/secrets"
}

# podman leaves health checks to systemd's timers, which there may not be here.
check_health() {
    local name
    while sleep 1; do
        for name in $(podman ps --format '{{.Names}}' --filter status=running); do
            podman healthcheck run "$name" >/dev/null 2>&1 || true
        done
    done
}

start_podman() {
    ip link set lo up
    # Here are the networks of the machine and who serves their names: ours are others.
    mkdir -p /run/containers/networks /run/netns
    mount -t tmpfs tmpfs /run/containers/networks
    mount -t tmpfs tmpfs /run/netns
    rm -f "$place/podman.sock"
    DISABLE_HC_SYSTEMD=true podman system service --time 0 "unix://$place/podman.sock" \
        >"$place/service.log" 2>&1 &
    service_pid=$!
    export DOCKER_HOST=unix://$place/podman.sock
    check_health &
    health_pid=$!
    until [[ -S $place/podman.sock ]]; do
        kill -0 "$service_pid" || die "podman's service ended: $place/service.log"
        sleep 0.1
    done
}

end_all() {
    local code=$?
    if ((code != 0)); then
        podman ps -a >&2 || true
        compose logs --no-color >"$place/compose.log" 2>&1 || true
        say "what the containers said is in $place/compose.log"
    fi
    compose --profile demo down --volumes --timeout 20 >>"$place/down.log" 2>&1 || true
    kill "$health_pid" "$service_pid" 2>/dev/null || true
    exit "$code"
}

# The commands of docs/quickstart.md, but for the building, which was done.
quickstart() {
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$project/docs/quickstart.md" | sed '/docker compose build/d'
}

run_quickstart() {
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    (cd "$project" && bash -euo pipefail -c "$(quickstart)"$'\necho "order=$id token=$OM_TOKEN"') </dev/null
}

# The images of these are nowhere here.
check_profiles() {
    compose --profile observe --profile logs config --quiet || die "Compose does not take the profiles observe and logs"
    say "SKIPPED: the profiles observe and logs are read, and not run"
}

container() {
    compose ps --all --quiet "$1"
}

# inspect SERVICE FORMAT
inspect() {
    podman inspect --format "$2" "$(container "$1")"
}

expect() {
    [[ $2 == "$3" ]] || die "$1: $2 instead of $3"
}

check_rights() {
    local name pid
    for name in "${processes[@]}" postgres redis nats; do
        pid=$(inspect "$name" '{{.State.Pid}}')
        [[ $(awk '$5 == "/" { print $6 }' "/proc/$pid/mountinfo") == ro* ]] || die "$name can write to its root"
        expect "$name has capabilities" "$(awk '/^CapEff/ { print $2 }' "/proc/$pid/status")" 0000000000000000
        expect "$name may get more rights" "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")" 1
    done
    for name in "${processes[@]}"; do
        pid=$(inspect "$name" '{{.State.Pid}}')
        expect "$name's user" "$(awk '/^Uid/ { print $2, $3, $4 }' "/proc/$pid/status")" "10001 10001 10001"
        [[ ! -e /proc/$pid/root/bin/sh ]] || die "$name's image has a shell"
    done
    say "no container can write to its root or has a capability; ours are not root and have no shell"
}

# order METHOD PATH [CURL-OPTION...]
call() {
    curl -fsS --max-time 10 -H "Authorization: Bearer $token" "http://127.0.0.1:8080/api/v1/orders$1" "${@:2}"
}

# Orders whose processes are told to end while they are under way.
place_orders() {
    local number
    for number in {1..40}; do
        call '' -H 'Content-Type: application/json' -H "Idempotency-Key: \"drain-$number\"" \
            -d '{"customerId":"C100","currency":"USD","items":[{"sku":"TSHIRT-BLK-M","quantity":1}],"paymentMethod":"pm_card_visa"}' |
            jq -r .orderId
    done >"$place/orders"
}

check_drain() {
    local name
    place_orders
    compose stop "${processes[@]}" >>"$place/compose-stop.log" 2>&1
    for name in "${processes[@]}"; do
        expect "$name's exit code after SIGTERM" "$(inspect "$name" '{{.State.ExitCode}}')" 0
    done
    say "told to end, every process drained and ended with 0"
}

is_completed() {
    [[ $(call "/$1" | jq -r .status) == COMPLETED ]]
}

await_orders() {
    local id deadline=$((SECONDS + 60))
    while read -r id; do
        until is_completed "$id"; do
            ((SECONDS < deadline)) || die "order $id is $(call "/$id") after 60 s"
            sleep 0.2
        done
    done <"$place/orders"
}

check_restart() {
    compose --profile demo down --timeout 60 >>"$place/down.log" 2>&1
    compose up --detach --wait >>"$place/up.log" 2>&1
    is_completed "$order" || die "the first order is not what it was: $(call "/$order")"
    await_orders
    say "all containers are other ones now, and all $(wc -l <"$place/orders") orders are COMPLETED"
}

: >"$place/down.log"
write_docker
copy_project
start_podman
trap end_all EXIT
trap 'exit 130' INT TERM
say "following docs/quickstart.md"
run_quickstart >"$place/quickstart.log" 2>&1 || die "$(tail -n 20 "$place/quickstart.log")"
read -r order token < <(sed -n 's/^order=\(.*\) token=\(.*\)$/\1 \2/p' "$place/quickstart.log")
is_completed "$order" || die "its order is $(call "/$order")"
compose logs --no-color gateway >"$place/gateway.log"
! grep -q 'Redis refused' "$place/gateway.log" || die "the gateway cannot use Redis: $place/gateway.log"
grep -q '^event: OrderCompleted' "$place/quickstart.log" || die "its event stream does not tell the end"
say "its order is COMPLETED, and the event stream tells how"
check_profiles
check_rights
check_drain
check_restart

# shellcheck shell=bash disable=SC2154 # what who sources it has set
# Runs the blocks of docs/operations.md, and what the tests beside this file share. Source it after lib.sh.

page=$root/docs/operations.md
# The output of the current block.
output=$place/setup.out
blocks_run=()
# Where to speak while a block's output goes to a file.
exec {terminal}>&2

# A block opens with ```sh NAME.
block_names() {
    sed -n 's/^```sh *//p' "$page"
}

block() {
    awk -v opening='```sh '"$1" '/^```/ { inside = ($0 == opening); next } inside' "$page"
}

# run_block NAME: in this shell, so that variables last. It ends the test when a command fails.
run_block() {
    local commands
    commands=$(block "$1")
    [[ -n $commands ]] || die "docs/operations.md has no block $1"
    say "docs/operations.md: $1"
    blocks_run+=("$1")
    output=$place/$1.out
    eval "$commands" >"$output" 2>&1
    expect_not 'is deprecated'
}

# assigned_in TEXT: the names of the variables that it sets.
assigned_in() {
    grep -oE '(^|[ ;(])[a-zA-Z_]+=|\bfor [a-z_]+ in|--arg [a-z]+' <<<"$1" |
        sed -E 's/^[ ;(]//; s/=$//; s/^for (.*) in$/\1/; s/^--arg //'
}

used_in() {
    grep -oE '\$\{?[a-zA-Z_]+(:-)?' <<<"$1" | grep -v ':-$' | tr -d '{$' || true
}

# A reader who runs a block has what it names from a block of the same chapter, or from .run/env.
test_variables() {
    local chapter before='' name variable commands=''
    while IFS=$'\t' read -r chapter name; do
        [[ $chapter == "$before" ]] || commands=
        before=$chapter
        commands+=$'\n'$(block "$name")
        for variable in $(used_in "$commands"); do
            assigned_in "$commands"$'\nPWD=\n'"$(cat "$run_dir/env")" | grep -qxF "$variable" ||
                die "docs/operations.md: the block $name uses \$$variable, which nothing sets before it"
        done
    done < <(awk '/^## / { chapter = $0 } /^```sh / { print chapter "\t" $2 }' "$page")
}

expect_every_block() {
    diff <(block_names | sort) <(printf '%s\n' "${blocks_run[@]}" | sort -u) ||
        die "not every block of docs/operations.md was run (above: <)"
}

# `nats stream view` shows its pages on a terminal only.
nats() {
    if [[ "${1:-} ${2:-}" == 'stream view' ]]; then
        script -qec "$(printf '%q ' command nats "$@")" /dev/null </dev/null | tr -d '\r'
    else
        command nats "$@"
    fi
}

# --- what the last block printed -----------------------------------------------------------------

# expect REGEX...: each is in it.
expect() {
    local regex
    for regex in "$@"; do
        grep -qE -- "$regex" "$output" || die "$(cat "$output")"$'\n'"without: $regex"
    done
}

expect_not() {
    ! grep -qE -- "$1" "$output" || die "$(cat "$output")"$'\n'"has: $1"
}

# expect_times N REGEX: on that many lines.
expect_times() {
    local count
    count=$(grep -cE -- "$2" "$output") || true
    ((count == $1)) || die "$(cat "$output")"$'\n'"has $count lines, not $1, with: $2"
}

# --- waiting -------------------------------------------------------------------------------------

now_ms() {
    date +%s%3N
}

# await WHAT SECONDS COMMAND...: until it succeeds; sets `took_ms`.
await() {
    local what=$1 begun deadline
    begun=$(now_ms)
    deadline=$((begun + $2 * 1000))
    shift 2
    until "$@" >/dev/null 2>&1; do
        (($(now_ms) < deadline)) || die "$what: not within $(((deadline - begun) / 1000)) s"
        sleep 0.05
    done
    # shellcheck disable=SC2034
    took_ms=$(($(now_ms) - begun))
}

# --- orders --------------------------------------------------------------------------------------

uuid() {
    cat /proc/sys/kernel/random/uuid
}

sql() {
    psql "$OM_DATABASE_URL" -XAtqc "$1"
}

# place_order: sets `order`.
place_order() {
    order=$(curl -fsS "$OM_URL/api/v1/orders" -H 'Content-Type: application/json' -H "Idempotency-Key: \"$(uuid)\"" \
        -d '{"customerId":"C100","email":"c100@example.com","currency":"USD","paymentMethod":"pm_card_visa",
            "items":[{"sku":"TSHIRT-BLK-M","quantity":1}]}' | jq -r .orderId)
}

show_order() {
    curl -fsS "$OM_URL/api/v1/orders/$1"
}

order_is() {
    [[ $(show_order "$1" | jq -r .status) == "$2" ]]
}

# order_has ID EVENT: in its timeline.
order_has() {
    show_order "$1" | jq -e --arg event "$2" 'any(.timeline[]; .event == $event)'
}

expect_new_order() {
    place_order
    await "the order $order" 20 order_is "$order" COMPLETED
}

# --- the instance --------------------------------------------------------------------------------

# start_traffic: orders, ten a second, until stop_traffic.
start_traffic() {
    om-test-load --port "${OM_URL##*:}" --rate 10 --connections 4 --seconds 600 --log "$place/traffic.log" \
        --prefix "$(uuid)" >"$place/traffic.out" 2>&1 &
    traffic=$!
    await "traffic" 10 test -s "$place/traffic.log"
}

completed() {
    sql "SELECT count(*) FROM orders.orders WHERE status = 'COMPLETED'"
}

more_completed_than() {
    (($(completed) > $1))
}

# expect_flow: orders complete right now.
expect_flow() {
    await "orders to complete" 10 more_completed_than $(($(completed) + 10))
}

none_unfinished() {
    [[ $(sql "SELECT count(*) FROM orders.orders WHERE status = 'PENDING' OR status = 'CONFIRMED'") == 0 ]]
}

stop_traffic() {
    kill -TERM "$traffic"
    wait "$traffic" || die "the traffic's client: $(tail -n 3 "$place/traffic.out")"
    traffic=
    await "all orders to complete" 30 none_unfinished
    [[ $(sql "SELECT count(*) FROM orders.orders WHERE status = 'FAILED'") == 0 ]] || die "orders have failed"
}

# take_away NAME: until the next scripts/up.
take_away() {
    "$root/scripts/down" "$1" >>"$place/take-away.out" 2>&1
}

not() {
    ! "$@"
}

wipe_instance() {
    "$root/scripts/down" --wipe >/dev/null 2>&1 || true
}

end_test() {
    local code=$?
    trap - EXIT
    exec >&"$terminal" 2>&1
    [[ -z ${traffic:-} ]] || kill "$traffic" 2>/dev/null || true
    if ((code != 0)); then
        echo "the last block's output, $output:"
        tail -n 30 "$output" || true
    fi
    wipe_instance
    exit "$code"
}

# shellcheck shell=bash disable=SC2154 # what who sources it has set
# Quiet hours, lag, what is stuck or held, changes under way, dead letters. Source it after page.sh.

streams() {
    basename -s .json -a "$root"/nats/streams/*.json
}

durables_of() {
    jq -r .durable_name "$root"/nats/consumers/"$1".*.json
}

test_healthy() {
    local name
    expect_new_order
    [[ $NATS_URL != *@* ]] || die "the password is in NATS_URL, which commands print"
    for name in nats-context.json nats-system-context.json env env-system; do
        [[ $(stat -c %a "$run_dir/$name") == 600 ]] || die "others may read the password in $name"
    done
    NATS_URL='' NATS_USER='' NATS_PASSWORD='' run_block context
    expect '│ ORDERS ' '│ ordermesh │'
    run_block healthy
    expect 'consumers: [0-9]+ as declared, 0 not' '"status":"ok"'
    for name in $(streams); do
        expect "│ $name +│ File"
    done
    for name in $(durables_of ORDERS); do
        expect "│ $name +│ Pull +│ Explicit"
    done
    for name in gateway "${services[@]}"; do
        expect "^$name(-1)? .* yes " "│ $name +│ [0-9.]* +│"
    done
    expect_not 'dead  '
    run_block closer
    for name in $(streams); do
        expect "│ $name +│ .* │ 20"
    done
    expect 'Subjects: orders\.cmd\.\*, orders\.evt\.\*, orders\.probe' 'Filter Subject: orders\.evt\.failed' \
        'Item: COMMANDS#[0-9]+ .*commands\.order\.submit' 'Subject: mesh\.dlq\.replay_all' '│ history +│' '^\{"entries":\[\]\}'
    run_block one-order
    expect '"status": "COMPLETED"' 'order\.submit' 'payment\.succeeded' 'shipping\.shipped'
}

# outcomes_of ARCHIVE: of each check of an audit, but for those that have nothing to look at.
outcomes_of() {
    nats audit analyze --json "$1" | jq -r '.checks[] | select(.outcome_string != "SKIP") | .outcome_string'
}

test_system() {
    run_block system
    expect '│ ordermesh +│' 'Version: [0-9.]+' '│ MESH +│' "^OK ordermesh" '\[PASS\] \[JETSTREAM_005\]' 'FAIL: 0'
    [[ $(outcomes_of "$run_dir/audit.zip" | sort -u) == PASS ]] || die "the audit is not clean: $(cat "$output")"
    [[ $NATS_USER == operator ]] || die "the shell is ${NATS_USER}'s still"
    (
        # shellcheck source=/dev/null
        source "$run_dir/env-system"
        nats top ordermesh --output "$place/top.out" >"$place/top-screen.out" 2>&1
    )
    output=$place/top.out
    expect 'Connections Polled: ' ' payment '
    run_block checks
    expect '^OK JetStream' '^OK ORDERS ' '^OK ORDERS_inventory'
    nats service info shipping >"$place/labels.out"
    output=$place/labels.out
    expect 'io\.ordermesh\.owner: shipping' 'io\.ordermesh\.schemas: urn:ordermesh:schema:shipping'
    nats stream get ORDERS --last-for orders.evt.completed >"$place/headers.out"
    output=$place/headers.out
    expect '^ *Ce-Type: io\.ordermesh\.order\.completed' "^ *Ce-Subject: $order"
    ! nats pub -J orders.nonsense '{}' >"$place/nonsense.out" 2>&1 || die "orders.nonsense is stored"
}

# Inventory is gone, and orders wait for it.
test_stuck() {
    local waiting=() id
    take_away inventory-1
    for _ in 1 2 3; do
        place_order
        waiting+=("$order")
    done
    await "the last order" 10 order_has "$order" OrderCreated
    run_block why
    expect 'is PENDING since ' 'waits for its stock to be reserved' 'No instance of inventory answers; 3 of the events' \
        '^ORDERS/inventory +service_away +3 +0 +0$' '^INVENTORY/order +ok '
    run_block lag
    expect '│ inventory +│ Pull.*│ 30\.00s +│ 0 +│ 0 +│ 3( |$)' 'Unprocessed Messages: 3' 'no service instances found' \
        '^ordermesh_consumer_pending_messages\{'
    run_block stuck
    expect '^payment-1 .* yes ' 'inventory-1 is ready'
    expect_not '^inventory-1 +[0-9]'
    for id in "${waiting[@]}"; do
        await "the order $id" 20 order_is "$id" COMPLETED
    done
}

# Nothing has failed here.
test_resend() {
    run_block resend
    expect_times 2 '^0 notices of webhook '
}

# Order is stopped, and started again once it has been killed.
test_hang() {
    local pid before
    is_running order-1
    before=$pid
    kill -STOP "$before"
    run_block hang
    expect '^order-1 +[0-9]+ +no .*does not answer'
    await "another order-1" 20 not process_is "$before" order-1
    expect_new_order
    "$root/scripts/status" >"$output"
    expect '^order-1 .* 1  ended with signal 9'
}

# scripts/test-up fills the disk; here the commands have to work.
test_full_disk_commands() {
    run_block full-disk
    expect 'Use%' 'streams/ORDERS$'
    run_block sizes
    expect 'Maximum Bytes: 2.8 GiB'
}

process_is() {
    [[ $(cut -d ' ' -f 1 "$OM_RUN_DIR/pid/$2") == "$1" ]]
}

payment_is_ready() {
    curl -fsS "http://127.0.0.1:$(cat "$OM_RUN_DIR/admin/payment-1.port")/readyz"
}

# Payment loses its database, and no order gets lost for it.
test_held() {
    sql "ALTER ROLE om_payments NOLOGIN;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'om_payments'" >/dev/null
    place_order
    await "payment to wait" 20 not payment_is_ready
    run_block held
    expect '^payment-1 +[0-9]+ +no ' 'om_payments|database'
    sql 'ALTER ROLE om_payments LOGIN'
    await "the order $order" 40 order_is "$order" COMPLETED
    [[ $(dead_letters) == 0 ]] || die "an outage has made dead letters"
}

inventory_misses_its_consumer() {
    { scripts/status || true; } | grep '^inventory-1 .* no .*ORDERS/inventory waits: it is missing'
}

# A consumer is deleted: who reads it says so, and goes on once it is there again.
test_missing() {
    run_block missing
    expect 'consumer ORDERS/inventory is missing' 'it differs from nats/'
    place_order
    await "inventory to say what is missing" 20 inventory_misses_its_consumer
    run_block missing-back
    expect 'consumer ORDERS/inventory created'
    await "the order $order" 40 order_is "$order" COMPLETED
}

test_changes_under_traffic() {
    start_traffic
    run_block edit
    expect 'ORDERS/inventory: ack_wait is 45s, declared 30s' \
        'ORDERS/inventory: max_ack_pending is 5000, declared 20000' 'it differs from nats/'
    expect_flow
    run_block edit-back
    expect 'consumer ORDERS/inventory updated' '0 created, 1 updated'
    expect_flow
    local before
    before=$(completed)
    run_block bench
    expect 'msgs/sec'
    more_completed_than "$before" || die "no order was completed beside nats bench"
    run_block scale
    expect 'payment-2 is ready'
    expect_times 2 '│ [0-9a-f]{32} │'
    expect_flow
    "$root/scripts/up" >"$place/scale-back.out" 2>&1
    expect_flow
    stop_traffic
}

# --- dead letters --------------------------------------------------------------------------------

dead_letters() {
    nats req --raw mesh.dlq.counts '' 2>/dev/null | jq '[.streams[].dead] | add // 0'
}

there_are_dead() {
    [[ $(dead_letters) == "$1" ]]
}

# view_shows SUBJECT REASON ERROR: once, in `nats stream view`.
view_shows() {
    local view
    view=$(nats stream view COMMANDS_DLQ)
    (($(grep -cE "Subject: $1 " <<<"$view") == 1)) && grep -qE "Dlq-Reason: $2" <<<"$view" &&
        grep -qF "Dlq-Error: $3" <<<"$view"
}

milliseconds_of() {
    date -d "$1" +%s%3N
}

# expect_entry_within MS SUBJECT: by the broker's times of both messages, so that a busy machine's
# slowness in starting programs does not count.
expect_entry_within() {
    local entry published took
    entry=$(nats stream get COMMANDS_DLQ --last-for "$2" --json)
    published=$(jq -r '.hdrs | @base64d' <<<"$entry" | tr -d '\r' | sed -n 's/^Dlq-Published: //p')
    took=$(($(milliseconds_of "$(jq -r .time <<<"$entry")") - $(milliseconds_of "$published")))
    say "$2 was there $took ms after its message"
    ((took <= $1)) || die "that is more than $1 ms"
}

entry_is() {
    [[ $(nats req --raw mesh.dlq.get "{\"id\":\"$1\"}" 2>/dev/null | jq -r .status) == "$2" ]]
}

# Sends an order as the gateway does, but under an id of our choice; its charge takes 5 s.
submit_by_hand() {
    nats pub commands.order.submit "$(jq -nc --arg order "$1" '{specversion: "1.0", type: "io.ordermesh.order.submit",
        source: "gateway", dataschema: "urn:ordermesh:schema:order.submit:1", id: $order, time: (now | todate),
        subject: $order, data: {orderId: $order, tenant: "default", customerId: "C100", currency: "USD",
        flow: "inventory-first", paymentMethod: "pm_sim_delay_5000", items: [{sku: "TSHIRT-BLK-M", quantity: 1}]}}')" \
        >"$place/submit.out" 2>&1
    await "the order $1" 10 order_is "$1" PENDING
}

# Poison published by hand is a dead letter with its reason in time, and only once.
test_poison() {
    local begun sequence
    begun=$(now_ms)
    run_block drill
    # By its subject: where nobody orders, the gateway's own messages come in between.
    sequence=$(nats stream get COMMANDS --last-for commands.order.submit --json | jq .seq)
    await "the rejected message" 10 view_shows "dlq.COMMANDS.order.seq-$sequence" rejected 'JSON: unknown word at byte 0'
    expect_entry_within 2000 "dlq.COMMANDS.order.seq-$sequence"
    await "the cancellation" 30 view_shows "dlq.COMMANDS.order.$event" max_deliveries \
        'order_keep_cancels: new row for relation "early_cancels" violates check constraint "drill"'
    expect_entry_within 15000 "dlq.COMMANDS.order.$event"
    say "\`nats stream view\` has shown both after $(($(now_ms) - begun)) ms"
    await "three dead letters" 10 there_are_dead 3
    rejected=COMMANDS.order.seq-$sequence
    run_block dead
    expect_times 3 'Subject: dlq\.COMMANDS\.order\.'
    expect_times 2 "dead .* COMMANDS\.order\.$event .*drill"
    [[ $id == "$rejected" ]] || die "the page shows $id"
    expect "$id +INVALID: JSON" 'max_deliveries .* DATA: .* check constraint "drill"' '^not an order$' 'failed, rejected'
}

# The cause goes: what is to be cancelled may be kept, and has come besides.
test_replay() {
    submit_by_hand "$order"
    run_block replay
    [[ $id == COMMANDS.order.$event ]] || die "the page replays $id"
    await "$id" 5 entry_is "$id" resolved
    say "the replayed message is done after $took_ms ms"
    await "the cancelled order" 20 order_is "$order" CANCELLED
    submit_by_hand "$other_order"
    run_block replay-http
    [[ $id == COMMANDS.order.$other_event ]] || die "the page replays $id"
    expect '"id":"'"$id"'"' '"event": "replay'
    await "$id" 5 entry_is "$id" resolved
    await "the cancelled order" 20 order_is "$other_order" CANCELLED
    await "what was paid meanwhile to be given back" 20 order_has "$other_order" InventoryReleased
    correct_by_hand
    run_block discard
    [[ $id == "$rejected" ]] || die "the page discards $id"
    expect "discarded .*$id"
    there_are_dead 0 || die "$(dead_letters) are dead still"
    omctl dlq replay "$id" >"$place/discarded.out" 2>&1 || true
    entry_is "$id" discarded || die "what was discarded has been replayed"
}

# A message that is wrong itself is changed, and its original stays.
correct_by_hand() {
    nats pub commands.order.cancel "$(cancel "$(uuid)" "$order" | sed 's/order.cancel/order.cancle/')" >"$place/misspelled.out" 2>&1
    await "the misspelled message" 10 there_are_dead 2
    run_block edit-replay
    expect 'order\.cancle' 'replay by .* with another body: the sender misspelled its type' 'order\.cancel"'
    await "$id" 5 entry_is "$id" resolved
}

test_storm() {
    nats pub commands.order.submit 'storm {{Count}}' --count 30 >"$place/storm-pub.out" 2>&1
    await "thirty dead letters" 15 there_are_dead 30
    run_block storm
    expect '^30 order rejected' '30' 'done'
    # Its cause is not gone.
    await "their return" 15 all_are_again_dead
    run_block discard-all
    await "no dead letters" 5 there_are_dead 0
}

all_are_again_dead() {
    (($(omctl dlq list --limit 200 --json | jq '[.entries[] | select(.generation == 2)] | length') == 30))
}

# shellcheck shell=bash disable=SC2154 # what who sources it has set
# Secrets, loss of the broker, backup and restore. Source it after day.sh.

# An order whose stock is reserved and whose payment is not there.
place_half_an_order() {
    take_away payment-1
    place_order
    await "half an order" 10 order_has "$order" InventoryReserved
}

# The order as its customer sees it does not change; the other one goes on by itself.
test_loss_of_the_broker() {
    local done_order done_before stream
    expect_new_order
    done_order=$order
    done_before=$(show_order "$done_order")
    place_half_an_order
    "$root/scripts/down" --mesh >"$place/loss.out" 2>&1
    for stream in $(streams); do
        nats stream rm "$stream" --force >>"$place/loss.out" 2>&1
    done
    run_block declare
    expect_times "$(streams | wc -l)" 'is a valid Stream'
    expect_times "$(find "$root/nats/consumers" -name '*.json' | wc -l)" 'is a valid Consumer'
    # Labels, and what else only newer servers know, are not in what the CLI sent.
    expect "as declared, 0 created, (0|$(find "$root"/nats/{streams,consumers} -name '*.json' | wc -l)) updated"
    await "the half order" 60 order_is "$order" COMPLETED
    run_block redrive
    [[ $(show_order "$done_order") == "$done_before" ]] || die "$done_order has changed"
}

notified() {
    grep -q "$1" "$OM_RUN_DIR/log/notifications.log"
}

test_rotation() {
    local old
    old=$(cat "$OM_RUN_DIR/secrets/nats_payment")
    run_block rotate-nats
    [[ $(cat "$OM_RUN_DIR/secrets/nats_payment") != "$old" ]] || die "the password is the old one"
    expect_new_order
    old=$(cat "$OM_RUN_DIR/secrets/om_payments")
    run_block rotate-database
    ! PGPASSWORD=$old psql "host=127.0.0.1 port=$(sed -n 's/postgres_port=//p' "$OM_RUN_DIR/ports") dbname=ordermesh user=om_payments" \
        -c 'SELECT 1' >"$place/old-password.out" 2>&1 || die "the old password still opens the database"
    expect_new_order
    # Sealed with the old key, opened after the change.
    take_away notification-1
    expect_new_order
    run_block rotate-pii
    await "the notice of $order" 20 notified "$order"
    expect_new_order
    await "the notice of $order" 20 notified "$order"
}

# Rows written then would never be published.
cursor_is_ahead='SELECT next_xid > pg_snapshot_xmax(pg_current_snapshot()) FROM orders.outbox_cursor'

# Everything is lost, then given back.
test_restore() {
    local done_order done_before dead_before half
    nats pub commands.order.submit 'kept' >"$place/kept.out" 2>&1
    await "a dead letter" 10 there_are_dead 1
    dead_before=$(dead_letter_ids)
    expect_new_order
    done_order=$order
    done_before=$(show_order "$done_order")
    place_half_an_order
    half=$order
    run_block backup
    not grep -q 'v1\.' <(pg_restore --data-only --table=customer_keys --file=- "$OM_BACKUP/database") ||
        die "the backup has what opens personal data"
    omctl customer erase C100 >"$place/erase.out"
    run_block erasures
    wipe_instance
    run_block restore
    [[ $(customer_keys) == 1 ]] || die "the customers' keys are not back"
    run_block erase-again
    [[ $(customer_keys) == 0 ]] || die "C100, who was erased after the backup, has a key again"
    [[ $(sql "$cursor_is_ahead") == t ]] || die "the new cluster's transactions are as far as the old one's"
    run_block restore-outbox
    [[ $(show_order "$done_order") == "$done_before" ]] || die "$done_order has changed"
    await "the half order" 30 order_is "$half" COMPLETED
    expect_new_order
    await "all events to be looked at again" 30 none_unprocessed
    [[ $(dead_letter_ids) == "$dead_before" ]] || die "the dead letters are $(dead_letter_ids), not $dead_before"
    [[ $(show_order "$done_order") == "$done_before" ]] || die "$done_order has changed"
}

customer_keys() {
    sql "SELECT count(*) FROM notifications.customer_keys WHERE customer_id = 'C100'"
}

dead_letter_ids() {
    omctl dlq list --json | jq -c '[.entries[].id]'
}

none_unprocessed() {
    local stream pending
    for stream in COMMANDS ORDERS INVENTORY PAYMENTS SHIPPING NOTIFICATIONS ADVISORIES FAILURES; do
        for durable in $(durables_of "$stream"); do
            pending=$(nats consumer info "$stream" "$durable" --json | jq '.num_pending + .num_ack_pending')
            ((pending == 0)) || return 1
        done
    done
}

# Each alert has a section that says what to do.
test_alerts() {
    local alert
    while read -r alert; do
        grep -qx "### $alert" "$page" || die "docs/operations.md does not say what to do about $alert"
    done < <(sed -n 's/^ *- alert: //p' "$root/k8s/components/monitoring/alerts.yaml")
}

# run_job NAME: a script of components/backup, with what its container is given.
run_job() {
    BACKUP=$place/job KEEP=1 sh "$root/k8s/components/backup/$1.sh" >"$place/$1.out" 2>&1 ||
        die "$1.sh: $(tail -n 5 "$place/$1.out")"
}

# What a night's Job saved is what the restore Job gives back: an order that came after it is gone.
test_backup_jobs() {
    local done_order done_before half
    expect_new_order
    done_order=$order
    done_before=$(show_order "$done_order")
    place_half_an_order
    half=$order
    rm -rf "$place/job" && mkdir -p "$place/job/2026-01-01T00-00-00Z"
    run_job save-streams
    run_job save-database
    [[ ! -e $place/job/2026-01-01T00-00-00Z && $(find "$place/job" -mindepth 1 -maxdepth 1 -name '20*' | wc -l) == 1 && -e $place/job/keys/newest ]] ||
        die "the backups kept are $(ls "$place/job")"
    "$root/scripts/up" >"$place/job.out" 2>&1
    expect_new_order
    "$root/scripts/down" --mesh >>"$place/job.out" 2>&1
    run_job restore-streams
    run_job restore-database
    redis-cli -u "$OM_REDIS_URL" flushall >>"$place/job.out"
    omctl provision >>"$place/job.out"
    run_block restore-outbox
    [[ $(show_order "$done_order") == "$done_before" ]] || die "$done_order has changed"
    not show_order "$order" 2>>"$place/job.out" || die "$order, which came after the backup, is still there"
    await "the half order" 30 order_is "$half" COMPLETED
    expect_new_order
}

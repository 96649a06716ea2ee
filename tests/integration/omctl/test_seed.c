/* The demo catalog and the redrive of an outbox, on a migrated database.

   Covers: omctl/seed.c omctl/streams/redrive.c */
#include "omctl/install/migrate.h"
#include "omctl/seed.h"
#include "omctl/streams/redrive.h"
#include "shared/base/clock.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

static struct pg *pg;

static int start(void **state) {
    schema_setup(state);
    pg = pg_create(servers_postgres_url(servers), "test");
    return 0;
}

static int stop(void **state) {
    pg_destroy(&pg);
    return servers_teardown(state);
}

static void run(const char *sql) {
    struct error error = {0};
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static int64_t query_int(const struct pg_statement *statement) {
    struct pg_result *result;
    struct error error = {0};
    if (pg_query(pg, statement, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    int64_t value = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return value;
}

static const struct pg_statement count_events = {
    .name = "events",
    .sql = "SELECT count(*) FROM inventory.outbox WHERE subject = 'inventory.evt.product_changed'"};
static const struct pg_statement count_unexplained = {
    .name = "unexplained",
    .sql = "SELECT count(*) FROM inventory.stock s WHERE received IS DISTINCT FROM"
           " (SELECT sum(delta) FROM inventory.stock_adjustments a WHERE a.sku = s.sku)"};
static const struct pg_statement count_grey = {
    .name = "grey", .sql = "SELECT on_hand FROM inventory.stock WHERE sku = 'TSHIRT-GRY-S'"};

static void seeding_twice_adds_each_product_and_its_event_once(void **state) {
    (void)state;
    struct error error;
    size_t added = 0;
    run("INSERT INTO inventory.products (sku, name, price_minor, currency)"
        " VALUES ('SKU-123', 'mine', 1, 'USD')");
    assert_int_equal(seed_demo(pg, &added, &error), STATUS_OK);
    assert_int_equal(added, 6);
    assert_int_equal(query_int(&count_events), 6);
    assert_int_equal(query_int(&count_grey), 5);
    assert_int_equal(query_int(&count_unexplained), 0);
    run("UPDATE inventory.stock SET on_hand = 4, reserved = 1 WHERE sku = 'TSHIRT-GRY-S'");
    assert_int_equal(seed_demo(pg, &added, &error), STATUS_OK);
    assert_int_equal(added, 0);
    assert_int_equal(query_int(&count_events), 6);
    assert_int_equal(query_int(&count_grey), 4);
}

static void waiting_ends_when_the_order_service_knows_all_prices(void **state) {
    (void)state;
    struct error error;
    FILE *out = tmpfile();
    assert_int_equal(seed_wait(pg, 100, out, &error), STATUS_TIMEOUT);
    run("INSERT INTO orders.catalog (sku, price_minor, currency, active, version)"
        " SELECT sku, price_minor, currency, active, version FROM inventory.products");
    assert_int_equal(seed_wait(pg, 100, out, &error), STATUS_OK);
    fclose(out);
}

static const struct pg_statement read_first = {
    .name = "first", .sql = "SELECT min(xid)::text::int8 FROM inventory.outbox"};
static const struct pg_statement read_next = {
    .name = "next", .sql = "SELECT next_xid::text::int8 FROM inventory.outbox_cursor"};
static const struct pg_statement count_holes = {
    .name = "holes", .sql = "SELECT cardinality(holes) FROM inventory.outbox_cursor"};

static void redriving_sets_the_cursor_back_and_keeps_older_holes(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {0};
    run("UPDATE inventory.outbox_cursor SET next_xid = pg_current_xact_id(),"
        " holes = ARRAY['3', pg_current_xact_id()::text]::xid8[]");
    assert_int_equal(redrive_outbox(pg, "inventory", clock_now_us() - 60000000, &redriven, &error),
                     STATUS_OK);
    assert_int_equal(redriven.events, 6);
    assert_int_equal(query_int(&read_next), query_int(&read_first));
    assert_int_equal(query_int(&count_holes), 1);
}

static void redriving_never_moves_the_cursor_forward(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {0};
    run("UPDATE inventory.outbox_cursor SET next_xid = '5', holes = '{}'");
    assert_int_equal(redrive_outbox(pg, "inventory", 0, &redriven, &error), STATUS_OK);
    assert_int_equal(query_int(&read_next), 5);
}

static void redriving_an_empty_window_changes_nothing(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {42, 42};
    run("UPDATE inventory.outbox_cursor SET next_xid = pg_current_xact_id(), holes = '{7}'");
    int64_t next = query_int(&read_next);
    assert_int_equal(redrive_outbox(pg, "inventory", clock_now_us() + 60000000, &redriven, &error),
                     STATUS_OK);
    assert_int_equal(redriven.events, 0);
    assert_int_equal(query_int(&read_next), next);
    assert_int_equal(query_int(&count_holes), 1);
}

#define EVENT_TIMES(n) "'01900000-0000-7000-8000-00000000000" n "'"
#define ENTRY(n, consumer, status)                                                                 \
    "('INVENTORY." consumer "." n "', 'INVENTORY', '" consumer                                     \
    "', " EVENT_TIMES(n) ", 's', 1, 1, 1, '" status "', 'rejected', 'e', 1, now(), now())"

static const struct pg_statement count_kept = {
    .name = "kept",
    .sql =
        "SELECT (SELECT count(*) FROM orders.inbox WHERE consumer = 'INVENTORY/order'"
        "   AND event_id = '01900000-0000-7000-8000-000000000001')"
        " + 10 * (SELECT count(*) FROM payments.inbox WHERE consumer = 'INVENTORY/payment-failed'"
        "   AND event_id = '01900000-0000-7000-8000-000000000002')"
        " + 100 * (SELECT count(*) FROM orders.inbox) + 1000 * (SELECT count(*)"
        "   FROM payments.inbox)"};

/* A redrive woke what an operator had discarded: its consumer did it. */
static void what_was_discarded_is_done_to_its_consumer(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {0};
    run("INSERT INTO inventory.outbox (event_id, subject, traceparent, payload)"
        " SELECT id::uuid, 'inventory.evt.reserved', '', '' FROM unnest(ARRAY[" EVENT_TIMES(
            "1") ", " EVENT_TIMES("2") ", " EVENT_TIMES("3") "]) id");
    run("INSERT INTO dlq.entries (id, stream, consumer, event_id, subject, stream_sequence,"
        " dlq_sequence, generation, status, reason, error, deliveries, first_failed_at, failed_at)"
        " VALUES " ENTRY("1", "order", "discarded") ", " ENTRY(
            "2", "payment-failed",
            "discarded") ", " ENTRY("3", "order", "dead") ", " ENTRY("4", "order", "discarded"));
    run("UPDATE inventory.outbox_cursor SET next_xid = pg_current_xact_id(), holes = '{}'");
    for (int time = 0; time < 2; time++) {
        assert_int_equal(
            redrive_outbox(pg, "inventory", clock_now_us() - 60000000, &redriven, &error),
            STATUS_OK);
        assert_int_equal(redriven.discarded, time == 0 ? 2 : 0);
        assert_int_equal(query_int(&count_kept), 1111);
    }
}

static void a_schema_without_an_outbox_is_refused(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {0};
    assert_int_equal(redrive_outbox(pg, "pg_catalog", 0, &redriven, &error), STATUS_INVALID);
}

/* Where each service has a database of its own. */
static void the_database_of_inventory_alone_is_enough(void **state) {
    (void)state;
    struct error error;
    struct redriven redriven = {0};
    size_t added = 0;
    run("CREATE DATABASE alone");
    struct buf url = {0};
    const char *whole = servers_postgres_url(servers);
    buf_printf(&url, "%.*s/alone", (int)(strrchr(whole, '/') - whole), whole);
    struct pg *alone = pg_create(url.ptr, "test");
    const struct migrate_source source = {.directory = OM_SOURCE_DIR "/sql",
                                          .service = "inventory"};
    FILE *out = tmpfile();
    require_ok(migrate_apply(alone, &source, out, &error), &error);
    require_ok(seed_demo(alone, &added, &error), &error);
    assert_int_equal(added, 7);
    require_ok(redrive_outbox(alone, "inventory", clock_now_us() - 60000000, &redriven, &error),
               &error);
    assert_int_equal(redriven.events, 7);
    assert_int_equal(seed_wait(alone, 1000, out, &error), STATUS_INVALID);
    assert_string_equal(error.text, "the order service has another database: do without --wait");
    fclose(out);
    pg_destroy(&alone);
    buf_fini(&url);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeding_twice_adds_each_product_and_its_event_once),
        cmocka_unit_test(waiting_ends_when_the_order_service_knows_all_prices),
        cmocka_unit_test(redriving_sets_the_cursor_back_and_keeps_older_holes),
        cmocka_unit_test(redriving_never_moves_the_cursor_forward),
        cmocka_unit_test(redriving_an_empty_window_changes_nothing),
        cmocka_unit_test(what_was_discarded_is_done_to_its_consumer),
        cmocka_unit_test(a_schema_without_an_outbox_is_refused),
        cmocka_unit_test(the_database_of_inventory_alone_is_enough),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

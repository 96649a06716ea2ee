/* What is asked again and again touches no more of the database when many orders are in it.

   Covers: services/order/read/store_read.c services/order/store_watch.c */
#include "services/order/read/store_read.h"
#include "services/order/watchdog.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

/* All of them together are some thousand pages. */
#define FEW_PAGES 60
#define FIRST_US INT64_C(1767225600000000) /* 2026-01-01 */
#define MINUTE_US INT64_C(60000000)

/* Completed ones, accepted a minute apart, and taken just now. */
static const char many_orders[] =
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, currency, total_minor,"
    " payment_method, correlation_id, traceparent, timeline, accepted_at, taken_at)"
    " SELECT gen_random_uuid(), 'default', 'C' || g % 10, 'parallel', 'COMPLETED', 'USD', 1,"
    "  'pm_card_visa', '', '', '[]', timestamptz '2026-01-01T00:00:00Z' + g * interval '1 minute',"
    "  now()"
    " FROM generate_series(0, 29999) g; ANALYZE orders.orders";

static struct pg *pg;

static int64_t query_int(const struct pg_statement *statement) {
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(pg, statement, NULL, &rows, &error), &error);
    int64_t value = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return value;
}

/* Pages of the table of orders and its indexes that our session has touched so far. */
static int64_t pages_touched(void) {
    static const struct pg_statement flush = {"test_flush",
                                              "SELECT 1::int8 FROM pg_stat_force_next_flush()", 0};
    static const struct pg_statement empty = {"test_empty", "SELECT 1::int8", 0};
    static const struct pg_statement count = {
        "test_touched",
        "SELECT (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int8"
        " FROM pg_statio_user_tables WHERE schemaname = 'orders' AND relname = 'orders'",
        0};
    query_int(&flush);
    query_int(&empty); /* a transaction begins with what was reported when the last one ended */
    return query_int(&count);
}

static int64_t pages_of_list(const struct order_filter *wanted) {
    struct order_filter list = *wanted;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    struct order_place end;
    struct error error = {0};
    bool goes_on = false;
    int64_t before = pages_touched();
    list.tenant = SLICE_LITERAL("default");
    list.limit = 5;
    json_begin_object(&w);
    require_ok(order_store_list(pg, &list, &w, &goes_on, &end, &error), &error);
    json_end_object(&w);
    assert_true(goes_on);
    buf_fini(&out);
    return pages_touched() - before;
}

static void a_list_of_an_early_time_walks_no_later_orders(void **state) {
    (void)state;
    struct order_filter list = {.to_us = FIRST_US + 1000 * MINUTE_US,
                                .most_minor = INT64_MAX,
                                .after = {.at_us = INT64_MAX / 2}};
    assert_in_range(pages_of_list(&list), 1, FEW_PAGES);
    list.customer = SLICE_LITERAL("C7");
    assert_in_range(pages_of_list(&list), 1, FEW_PAGES);
}

static void a_list_from_a_late_time_walks_no_earlier_orders(void **state) {
    (void)state;
    struct order_filter list = {.from_us = FIRST_US + 29000 * MINUTE_US,
                                .to_us = INT64_MAX / 2,
                                .is_oldest_first = true,
                                .most_minor = INT64_MAX,
                                .after = {.at_us = -1}};
    assert_in_range(pages_of_list(&list), 1, FEW_PAGES);
}

/* Each turn read all orders that were taken since the table was last vacuumed. */
static void the_watchdog_reads_no_order_whose_time_has_not_come(void **state) {
    (void)state;
    struct order_settings settings = {.saga_limit_s = 900};
    struct batch batch = {
        .arena = arena_create(65536), .outbox = outbox_create(), .pg = pg, .context = &settings};
    struct error error = {0};
    world_execute(&world, "UPDATE orders.watch SET turn_at = now(), resumed_at = '-infinity',"
                          " settled_to = '-infinity'");
    int64_t before = pages_touched();
    require_ok(periodic_run(&watchdog, &batch, &error), &error);
    assert_in_range(pages_touched() - before, 1, FEW_PAGES);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
}

static int setup(void **state) {
    world_setup(state);
    world_execute(&world, many_orders);
    pg = pg_create(servers_role_url(world.servers, "om_orders"), "test");
    return 0;
}

static int teardown(void **state) {
    pg_destroy(&pg);
    return world_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_an_early_time_walks_no_later_orders),
        cmocka_unit_test(a_list_from_a_late_time_walks_no_earlier_orders),
        cmocka_unit_test(the_watchdog_reads_no_order_whose_time_has_not_come),
    };
    return cmocka_run_group_tests_name("many_orders", tests, setup, teardown);
}

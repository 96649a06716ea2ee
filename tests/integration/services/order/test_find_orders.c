/* Orders are found by what few of them have, among many, by the analytics service's terms: all that
   there are, each once, and without walking the others.

   Covers: services/analytics/find.c services/analytics/terms.c services/analytics/term_store.c
   shared/query/order_filter.c */
#include "services/analytics/find.h"
#include "services/analytics/handler.h"
#include "services/analytics/terms.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/world/projection.h"

#define ORDERS 300
#define MANY 30000
/* All of them together are some hundreds. */
#define FEW_PAGES 120

static struct projection projection;
static struct order_events events;
static struct pg *pg;
static int64_t start_us;

/* --- asking ----------------------------------------------------------------------------------- */

static enum status ask(const char *members, struct buf *reply) {
    struct error error = {0};
    struct buf question = {0};
    struct arena *arena = arena_create(4096);
    buf_printf(&question, "{\"tenant\":%s}", members);
    struct endpoint_call call = {
        .request = buf_slice(&question), .pg = pg, .arena = arena, .reply = reply};
    enum status status = analytics_endpoint_find(&call, &error);
    arena_destroy(&arena);
    buf_fini(&question);
    return status;
}

struct walk {
    int pages, found;
    struct uuid ids[ORDERS];
};

/* Takes the ids of a page; returns its cursor, or NULL; free(). */
static char *take_page(struct walk *walk, const struct buf *reply) {
    struct json_object *root = NULL, *ids;
    struct slice cursor;
    assert_int_equal(json_parse(buf_slice(reply), &root, NULL), STATUS_OK);
    assert_int_equal(json_get_array(root, "ids", &ids, NULL), STATUS_OK);
    for (size_t i = 0; i < json_object_array_length(ids); i++) {
        assert_in_range(walk->found, 0, ORDERS - 1);
        const char *text = json_object_get_string(json_object_array_get_idx(ids, i));
        assert_true(uuid_parse(slice_of(text), &walk->ids[walk->found++]));
    }
    bool goes_on = json_get_string(root, "nextCursor", &cursor, NULL) == STATUS_OK;
    char *next = goes_on ? mem_copy(cursor) : NULL;
    json_object_put(root);
    walk->pages++;
    return next;
}

static struct walk walk(const char *members) {
    struct walk walk = {0};
    char *cursor = NULL;
    do {
        struct buf reply = {0}, asked = {0};
        buf_append_text(&asked, members);
        if (cursor != NULL)
            buf_printf(&asked, ",\"cursor\":\"%s\"", cursor);
        free(cursor);
        if (ask(asked.ptr, &reply) != STATUS_OK)
            fail_msg("%s", asked.ptr);
        cursor = take_page(&walk, &reply);
        buf_fini(&reply);
        buf_fini(&asked);
    } while (cursor != NULL);
    return walk;
}

/* The events are order by order. */
static size_t number_of(const struct uuid *id) {
    size_t number = 0;
    for (size_t i = 0; i < events.count; i++) {
        if (i > 0 && uuid_compare(&events.items[i].order_id, &events.items[i - 1].order_id) != 0)
            number++;
        if (uuid_compare(&events.items[i].order_id, id) == 0)
            return number;
    }
    fail_msg("an unknown order");
    return 0;
}

/* --- among a few ------------------------------------------------------------------------------ */

static void each_order_of_a_sku_is_found_once_by_its_time(void **state) {
    (void)state;
    const struct walk newest = walk("\"default\",\"sku\":\"MADE-3\",\"limit\":10");
    assert_int_equal(newest.found, 43);
    assert_int_equal(newest.pages, 5);
    for (int i = 0; i < newest.found; i++)
        assert_int_equal(number_of(&newest.ids[i]), 297 - 7 * i);
    const struct walk oldest =
        walk("\"default\",\"sku\":\"MADE-3\",\"limit\":10,\"sort\":\"createdAt\"");
    assert_int_equal(oldest.found, 43);
    for (int i = 0; i < oldest.found; i++)
        assert_int_equal(number_of(&oldest.ids[i]), 3 + 7 * i);
}

static void filters_count_together(void **state) {
    (void)state;
    static const struct {
        const char *members;
        int found;
    } filters[] = {
        {"\"default\",\"reason\":\"out_of_stock\"", 60},
        {"\"default\",\"reason\":\"out_of_stock\",\"status\":\"FAILED\",\"limit\":7", 60},
        {"\"default\",\"status\":\"CANCELLED\",\"sku\":\"MADE-4\"", 9},
        {"\"default\",\"reason\":\"payment_declined\",\"sku\":\"MADE-0\",\"limit\":1", 8},
        /* of order n it is 1000 + 10 n */
        {"\"default\",\"currency\":\"USD\",\"minTotalMinor\":1500,\"maxTotalMinor\":1590", 10},
        {"\"default\",\"currency\":\"USD\",\"minTotalMinor\":1501,\"limit\":3", 249},
        {"\"default\",\"currency\":\"USD\",\"maxTotalMinor\":1500,\"sort\":\"createdAt\"", 51},
        {"\"default\",\"currency\":\"EUR\",\"minTotalMinor\":1500", 0},
        {"\"default\",\"sku\":\"MADE-3\",\"currency\":\"USD\",\"maxTotalMinor\":1500", 7},
        {"\"default\",\"reason\":\"out_of_stock\",\"sku\":\"MADE-2\",\"currency\":\"USD\","
         "\"maxTotalMinor\":2000",
         3},
        {"\"default\",\"trackingNumber\":\"TRACK-5\"", 1},
        {"\"default\",\"trackingNumber\":\"TRACK-1\"", 0}, /* was not shipped */
        {"\"default\",\"paymentId\":\"ch_5\"", 1},
        {"\"default\",\"paymentId\":\"ch_55555\"", 0},
        {"\"default\",\"sku\":\"MADE\"", 0},
        {"\"acme\",\"sku\":\"MADE-3\"", 0},
        {"\"acme\",\"reason\":\"out_of_stock\"", 0},
        {"\"acme\",\"currency\":\"USD\",\"minTotalMinor\":1500", 0},
    };
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        int found = walk(filters[i].members).found;
        if (found != filters[i].found)
            fail_msg("%s: %d", filters[i].members, found);
    }
}

static void only_orders_of_the_time_asked_for_are_found(void **state) {
    (void)state;
    char members[200], from[RFC3339_SIZE], to[RFC3339_SIZE];
    clock_format(start_us + 30 * 1000000, from); /* an order a second */
    clock_format(start_us + 60 * 1000000, to);
    for (int i = 0; i < 2; i++) {
        snprintf(members, sizeof(members),
                 "\"default\",\"reason\":\"out_of_stock\",\"from\":\"%s\",\"to\":\"%s\"%s", from,
                 to, i == 0 ? "" : ",\"sort\":\"createdAt\"");
        assert_int_equal(walk(members).found, 6);
    }
}

static void what_cannot_be_found_is_invalid(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "\"default\"",
        "\"default\",\"status\":\"COMPLETED\"",
        "\"default\",\"customerId\":\"C100\"",
        "\"default\",\"minTotalMinor\":5", /* of which currency */
        "\"default\",\"sku\":\"MADE-3\",\"cursor\":\"AAAA\"",
        "5",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct buf reply = {0};
        if (ask(wrong[i], &reply) != STATUS_INVALID)
            fail_msg("%s: %s", wrong[i], reply.ptr);
        buf_fini(&reply);
    }
}

/* --- among many ------------------------------------------------------------------------------- */

static int64_t query_int(const struct pg_statement *statement) {
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(pg, statement, NULL, &rows, &error), &error);
    int64_t value = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return value;
}

/* Pages of the table of terms and its index that our session has touched so far. */
static int64_t pages_touched(void) {
    static const struct pg_statement flush = {"test_flush",
                                              "SELECT 1::int8 FROM pg_stat_force_next_flush()", 0};
    static const struct pg_statement empty = {"test_empty", "SELECT 1::int8", 0};
    static const struct pg_statement count = {
        "test_touched",
        "SELECT (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int8"
        " FROM pg_statio_user_tables WHERE schemaname = 'analytics' AND relname = 'order_terms'",
        0};
    query_int(&flush);
    query_int(&empty);
    return query_int(&count);
}

/* `count` orders with this term, `apart_us` apart from the start on. */
static void add_many(int64_t term, int64_t count, int64_t apart_us) {
    struct buf sql = {0};
    buf_printf(&sql,
               "INSERT INTO analytics.order_terms SELECT %lld, %lld + %lld * g,"
               " md5(((%lld * g)::bigint)::text)::uuid, 5 FROM generate_series(0, %lld) g",
               (long long)term, (long long)start_us, (long long)apart_us, (long long)apart_us,
               (long long)count - 1);
    projection_execute(&projection, sql.ptr);
    buf_fini(&sql);
}

static int64_t made(enum term_kind kind, const char *value) {
    return term_of(kind, SLICE_LITERAL("default"), slice_of(value));
}

static void assert_first_page(const char *members, int found, int64_t pages_most) {
    struct buf reply = {0};
    struct walk first = {0};
    int64_t before = pages_touched();
    assert_int_equal(ask(members, &reply), STATUS_OK);
    int64_t touched = pages_touched() - before;
    free(take_page(&first, &reply));
    buf_fini(&reply);
    if (first.found != found || touched > pages_most)
        fail_msg("%s: %d orders, %lld pages", members, first.found, (long long)touched);
}

/* Every thousandth order for the SKU failed for a rare reason, of which each is for that SKU; and
   an eighth is for another one. */
static void what_is_rare_leads_to_what_is_common(void **state) {
    (void)state;
    add_many(made(TERM_SKU, "COMMON"), MANY, 1000);
    add_many(made(TERM_SKU, "OTHER"), MANY / 8, 8000);
    add_many(made(TERM_REASON, "saga_timeout"), MANY / 1000, 1000000);
    projection_execute(&projection, "VACUUM ANALYZE analytics.order_terms");
    assert_first_page("\"default\",\"sku\":\"COMMON\"", 50, FEW_PAGES);
    assert_first_page("\"default\",\"sku\":\"COMMON\",\"reason\":\"saga_timeout\"", 30,
                      3 * FEW_PAGES);
    assert_first_page("\"default\",\"sku\":\"OTHER\",\"reason\":\"saga_timeout\"", 30,
                      3 * FEW_PAGES);
    assert_first_page("\"default\",\"reason\":\"saga_timeout\",\"limit\":200", 30, FEW_PAGES);
}

/* Two SKUs and an amount that no order has together: pages go on without finding any. */
static void a_long_walk_is_broken_off_and_goes_on(void **state) {
    (void)state;
    const struct walk none = walk("\"default\",\"sku\":\"COMMON\",\"currency\":\"USD\","
                                  "\"minTotalMinor\":6,\"maxTotalMinor\":7,\"limit\":50");
    assert_int_equal(none.found, 0);
    assert_int_equal(none.pages, 1); /* no order has such an amount, which leads */
    add_many(term_of_amount(SLICE_LITERAL("default"), SLICE_LITERAL("USD"), 6), MANY, 1000);
    const struct walk far = walk("\"default\",\"sku\":\"COMMON\",\"currency\":\"USD\","
                                 "\"minTotalMinor\":6,\"maxTotalMinor\":7,\"limit\":50");
    assert_int_equal(far.found, 0);
    assert_int_equal(far.pages, 4); /* of ten thousand each */
}

/* What operators add by SQL (docs/operations.md) is what the service would have. */
static void sql_makes_the_same_terms(void **state) {
    (void)state;
    static const int64_t amounts[] = {
        0, 1, 7, 8, 15, 16, 1999, 1024, 1000000, INT64_C(8796093022207), INT64_C(9007199254740991)};
    char sql[200];
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        snprintf(sql, sizeof(sql), "SELECT analytics.amount_class(%lld)", (long long)amounts[i]);
        assert_int_equal(projection_query(&projection, sql), amount_class_of(amounts[i]));
    }
    struct slice tenant = SLICE_LITERAL("t\u00e4"), currency = SLICE_LITERAL("EUR");
    assert_int_equal(projection_query(&projection, "SELECT analytics.term_of('a', 'tä', 'EUR' || "
                                                   "analytics.amount_class(1999))"),
                     term_of_amount(tenant, currency, amount_class_of(1999)));
    assert_int_equal(projection_query(&projection, "SELECT analytics.term_of('p', '', 'ch_1')"),
                     term_of(TERM_PAYMENT, slice_of(NULL), SLICE_LITERAL("ch_1")));
}

static void nothing_that_is_written_is_updated(void **state) {
    (void)state;
    assert_int_equal(
        projection_query(&projection,
                         "SELECT n_tup_upd FROM pg_stat_user_tables"
                         " WHERE schemaname = 'analytics' AND relname = 'order_terms'"),
        0);
}

/* --- fixture ---------------------------------------------------------------------------------- */

static int setup(void **state) {
    schema_setup(state);
    assert_true(clock_parse(SLICE_LITERAL("2026-01-31T23:00:00Z"), &start_us));
    projection_open(&projection, servers, &analytics_handler);
    order_events_add(&events, ORDERS, start_us);
    assert_int_equal(projection_drive(&projection, &events, 0, events.count, 97), 0);
    pg = pg_create(servers_role_url(servers, "om_analytics"), "test");
    return 0;
}

static int teardown(void **state) {
    pg_destroy(&pg);
    order_events_fini(&events);
    projection_close(&projection);
    return servers_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_order_of_a_sku_is_found_once_by_its_time),
        cmocka_unit_test(filters_count_together),
        cmocka_unit_test(only_orders_of_the_time_asked_for_are_found),
        cmocka_unit_test(what_cannot_be_found_is_invalid),
        cmocka_unit_test(what_is_rare_leads_to_what_is_common),
        cmocka_unit_test(a_long_walk_is_broken_off_and_goes_on),
        cmocka_unit_test(sql_makes_the_same_terms),
        cmocka_unit_test(nothing_that_is_written_is_updated),
    };
    return cmocka_run_group_tests_name("find_orders", tests, setup, teardown);
}

/* The analytics service on a real database: its tables depend on which events there were, not on
   when and how often they came, and its answers say what happened.

   Covers: services/analytics/ */
#include "services/analytics/endpoint.h"
#include "services/analytics/handler.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/world/projection.h"

#define ORDERS 300 /* 60 of each kind of life */
#define EACH (ORDERS / 5)

static struct projection projection;
static struct order_events events;
static char *expected; /* the digest after all events in their order */
static int64_t start_us;

/* --- the projection --- */

static void any_order_and_batch_size_gives_the_same(void **state) {
    (void)state;
    static const size_t batches[] = {1000, 97, 7};
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        projection_clear(&projection);
        order_events_shuffle(&events, (unsigned)i + 1);
        assert_int_equal(projection_drive(&projection, &events, 0, events.count, batches[i]), 0);
        char *digest = projection_digest(&projection);
        assert_string_equal(digest, expected);
        free(digest);
    }
}

static void what_comes_again_changes_nothing(void **state) {
    (void)state;
    order_events_shuffle(&events, 5);
    projection_drive(&projection, &events, 0, events.count, 256);
    char *digest = projection_digest(&projection);
    assert_string_equal(digest, expected);
    free(digest);
    assert_int_equal(projection_query(&projection, "SELECT count(*) FROM analytics.inbox"), 0);
}

/* Before an outbox is sent again, what operators discarded is noted apart. */
static void what_was_discarded_is_not_counted(void **state) {
    (void)state;
    projection_clear(&projection);
    char id[UUID_TEXT_SIZE];
    struct buf sql = {0};
    uuid_format(&events.items[7].id, id);
    buf_printf(&sql,
               "INSERT INTO analytics.discarded (event_id, consumer) VALUES ('%s', '%s/analytics')",
               id, event_info(events.items[7].type)->stream);
    projection_execute(&projection, sql.ptr);
    buf_fini(&sql);
    assert_int_equal(projection_drive(&projection, &events, 0, events.count, 256), 1);
    char *digest = projection_digest(&projection);
    assert_string_not_equal(digest, expected);
    free(digest);

    projection_execute(&projection, "TRUNCATE analytics.discarded");
    assert_int_equal(projection_drive(&projection, &events, 0, events.count, 256), 0);
    digest = projection_digest(&projection);
    assert_string_equal(digest, expected);
    free(digest);
}

static int64_t count_of(const char *granularity, const char *measure, const char *label) {
    struct buf sql = {0};
    buf_printf(&sql,
               "SELECT coalesce(sum(value), 0)::int8 FROM analytics.counts WHERE granularity = '%s'"
               " AND measure = '%s' AND label = '%s'",
               granularity, measure, label);
    int64_t count = projection_query(&projection, sql.ptr);
    buf_fini(&sql);
    return count;
}

static void each_granularity_counts_everything(void **state) {
    (void)state;
    static const char *const granularities[] = {"minute", "hour", "day"};
    for (size_t i = 0; i < 3; i++) {
        const char *granularity = granularities[i];
        assert_int_equal(count_of(granularity, "fact", "created"), ORDERS);
        assert_int_equal(count_of(granularity, "fact", "reserved"), 4 * EACH);
        assert_int_equal(count_of(granularity, "status", "PENDING"), EACH);
        assert_int_equal(count_of(granularity, "status", "CONFIRMED"), 0);
        assert_int_equal(count_of(granularity, "status", "COMPLETED"), EACH);
        assert_int_equal(count_of(granularity, "status", "FAILED"), 2 * EACH);
        assert_int_equal(count_of(granularity, "status", "CANCELLED"), EACH);
        assert_int_equal(count_of(granularity, "reason", "out_of_stock"), EACH);
        assert_int_equal(count_of(granularity, "captured", "USD"),
                         2 * EACH * ORDER_EVENTS_PRICE_MINOR);
        assert_int_equal(count_of(granularity, "refunded", "USD"), EACH * ORDER_EVENTS_PRICE_MINOR);
        assert_int_equal(count_of(granularity, "latency", "order"), EACH);
        assert_int_equal(count_of(granularity, "latency", "failure"), 3 * EACH);
    }
    assert_int_equal(projection_query(&projection, "SELECT count(DISTINCT at) FROM analytics.counts"
                                                   " WHERE granularity = 'minute'"),
                     ORDERS / 60);
}

/* --- answers --- */

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

static enum status ask(endpoint_fn endpoint, const char *request, struct buf *reply,
                       struct error *error) {
    struct arena *arena = arena_create(4096);
    struct pg *pg = pg_create(servers_role_url(servers, "om_analytics"), "test");
    struct endpoint_call call = {
        .request = slice_of(request), .pg = pg, .arena = arena, .reply = reply};
    enum status status = endpoint(&call, error);
    pg_destroy(&pg);
    arena_destroy(&arena);
    return status;
}

/* All of the made-up hour by the minute. */
static struct json_object *ask_all(endpoint_fn endpoint, struct buf *reply) {
    struct error error;
    struct json_object *root;
    char request[200], from[RFC3339_SIZE], to[RFC3339_SIZE];
    clock_format(start_us, from);
    clock_format(start_us + INT64_C(3600) * 1000000, to);
    snprintf(request, sizeof(request), "{\"from\":\"%s\",\"to\":\"%s\",\"granularity\":\"minute\"}",
             from, to);
    if (ask(endpoint, request, reply, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(json_parse(buf_slice(reply), &root, &error), STATUS_OK);
    return root;
}

static void the_dashboard_shows_the_business(void **state) {
    (void)state;
    struct buf reply = {0};
    struct error error;
    struct json_object *buckets;
    struct json_object *root = ask_all(analytics_endpoint_dashboard, &reply);
    assert_contains(reply.ptr,
                    "\"orders\":{\"total\":300,\"byStatus\":{\"PENDING\":60,"
                    "\"CONFIRMED\":0,\"COMPLETED\":60,\"FAILED\":120,\"CANCELLED\":60}}");
    assert_contains(reply.ptr, "\"revenue\":[{\"currency\":\"USD\",\"capturedMinor\":239880,"
                               "\"refundedMinor\":119940,\"revenueMinor\":119940}]");
    assert_contains(reply.ptr, "\"failureReasons\":{\"cancelled_by_customer\":60,"
                               "\"out_of_stock\":60,\"payment_declined\":60}");
    assert_contains(reply.ptr, "\"funnel\":{\"created\":300,\"reserved\":240,\"paid\":120,"
                               "\"confirmed\":120,\"shipped\":60,\"completed\":60}");
    assert_int_equal(json_get_array(root, "buckets", &buckets, &error), STATUS_OK);
    assert_int_equal(json_object_array_length(buckets), ORDERS / 60);
    json_object_put(root);
    buf_fini(&reply);
}

static double percentile(struct json_object *root, const char *stage, const char *name) {
    struct json_object *latencies, *latency, *value;
    struct error error;
    assert_int_equal(json_get_object(root, "latencies", &latencies, &error), STATUS_OK);
    assert_int_equal(json_get_object(latencies, stage, &latency, &error), STATUS_OK);
    assert_true(json_object_object_get_ex(latency, name, &value));
    return json_object_get_double(value);
}

static void the_metrics_show_rates_and_latencies(void **state) {
    (void)state;
    struct buf reply = {0};
    struct json_object *root = ask_all(analytics_endpoint_metrics, &reply);
    assert_contains(reply.ptr, "\"events\":{\"created\":300,\"reserved\":240,\"rejected\":60,");
    assert_contains(reply.ptr, "\"ordersPerSecond\":0.083,\"errorRate\":0.500,");
    assert_contains(reply.ptr, "\"ordersPerSecond\":1.000"); /* in each minute */
    /* A confirmation takes 10 ms, an order's way to its completion 100. */
    assert_true(percentile(root, "confirmation", "p50Ms") >= 8.75);
    assert_true(percentile(root, "confirmation", "p99Ms") <= 11.25);
    assert_true(percentile(root, "order", "p95Ms") >= 80);
    assert_true(percentile(root, "order", "p95Ms") <= 112.5);
    json_object_put(root);
    buf_fini(&reply);
}

static void a_period_without_events_is_empty(void **state) {
    (void)state;
    struct buf reply = {0};
    struct error error;
    assert_int_equal(
        ask(analytics_endpoint_dashboard, "{\"to\":\"1999-01-01T00:00:00Z\"}", &reply, &error),
        STATUS_OK);
    assert_contains(reply.ptr, "\"total\":0,");
    assert_contains(reply.ptr, "\"buckets\":[]");
    buf_fini(&reply);
}

static void a_wrong_question_is_invalid(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "{\"granularity\":\"week\"}", "{\"from\":5}",
                                        "{\"to\":\"noon\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct buf reply = {0};
        struct error error;
        assert_int_equal(ask(analytics_endpoint_metrics, wrong[i], &reply, &error), STATUS_INVALID);
        buf_fini(&reply);
    }
}

/* --- fixture --- */

static int setup(void **state) {
    schema_setup(state);
    assert_true(clock_parse(SLICE_LITERAL("2026-01-31T23:00:00Z"), &start_us));
    projection_open(&projection, servers, &analytics_handler);
    order_events_add(&events, ORDERS, start_us);
    assert_int_equal(projection_drive(&projection, &events, 0, events.count, 256), 0);
    expected = projection_digest(&projection);
    return 0;
}

static int teardown(void **state) {
    free(expected);
    order_events_fini(&events);
    projection_close(&projection);
    return servers_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_and_batch_size_gives_the_same),
        cmocka_unit_test(what_comes_again_changes_nothing),
        cmocka_unit_test(what_was_discarded_is_not_counted),
        cmocka_unit_test(each_granularity_counts_everything),
        cmocka_unit_test(the_dashboard_shows_the_business),
        cmocka_unit_test(the_metrics_show_rates_and_latencies),
        cmocka_unit_test(a_period_without_events_is_empty),
        cmocka_unit_test(a_wrong_question_is_invalid),
    };
    return cmocka_run_group_tests_name("analytics", tests, setup, teardown);
}

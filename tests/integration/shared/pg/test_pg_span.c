/* The spans of SQL on a real PostgreSQL, as a collector gets them.

   Covers: shared/pg/pg_span.c */
#include "shared/net/span_exporter.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http_sink.h"
#include "tests/support/servers/servers_fixture.h"

#define PARENT_SPAN "00f067aa0ba902b7"
#define RECORDED "00-4bf92f3577b34da6a3ce929d0e0e4736-" PARENT_SPAN "-01"
#define UNRECORDED "00-4bf92f3577b34da6a3ce929d0e0e4736-" PARENT_SPAN "-00"

static struct http_sink *sink;
static struct pg *pg;

static const struct pg_statement insert_item = {
    "test.insert_item", "INSERT INTO items (id, note) VALUES ($1::text::int8, $2::text)", 2};
static const struct pg_statement count_items = {"test.count_items", "SELECT count(*) FROM items",
                                                0};

static void work_for(const char *traceparent) {
    struct trace trace;
    assert_true(trace_parse(slice_of(traceparent), &trace));
    trace_set_current(&trace);
}

static void begin(void) {
    struct error error = {0};
    require_ok(pg_begin(pg, &error), &error);
}

static void commit(void) {
    struct error error = {0};
    require_ok(pg_commit(pg, &error), &error);
}

static void queue_item(const char *id) {
    struct error error = {0};
    const struct pg_param params[] = {pg_text(slice_of(id)), pg_text(slice_of("hush"))};
    require_ok(pg_queue(pg, &insert_item, params, &error), &error);
}

static enum status count(void) {
    struct pg_result *result = NULL;
    struct error error = {0};
    enum status status = pg_query(pg, &count_items, NULL, &result, &error);
    pg_result_free(&result);
    return status;
}

/* --- what was told --- */

struct told {
    struct buf body;
    int span_count;
};

static struct told told(void) {
    span_exporter_stop();
    struct told told = {.body = http_sink_body(sink)};
    for (const char *at = told.body.ptr; (at = strstr(at, "\"startTimeUnixNano\"")) != NULL; at++)
        told.span_count++;
    return told;
}

static void told_fini(struct told *told) {
    buf_fini(&told->body);
}

/* One span below the thread's, of that name and these statements. */
static void assert_told_once(const struct told *told, const char *name) {
    char expected[256];
    assert_int_equal(told->span_count, 1);
    assert_contains(told->body.ptr, "\"parentSpanId\":\"" PARENT_SPAN "\"");
    assert_contains(told->body.ptr, "\"db.system.name\",\"value\":{\"stringValue\":\"postgresql\"");
    snprintf(expected, sizeof(expected), "\"name\":\"%s\",\"kind\":3", name);
    assert_contains(told->body.ptr, expected);
}

static void assert_no_error(const struct told *told) {
    assert_null(strstr(told->body.ptr, "\"status\":"));
    assert_null(strstr(told->body.ptr, "error.type"));
}

/* --- units of work --- */

static void a_query_is_a_span_below_what_its_thread_works_on(void **state) {
    (void)state;
    work_for(RECORDED);
    assert_int_equal(count(), STATUS_OK);
    struct told spans = told();
    assert_told_once(&spans, "test.count_items");
    assert_contains(spans.body.ptr,
                    "\"db.query.summary\",\"value\":{\"stringValue\":\"test.count_items\"");
    assert_contains(spans.body.ptr, "\"db.namespace\",\"value\":{\"stringValue\":\"postgres\"");
    assert_contains(spans.body.ptr, "\"server.address\"");
    assert_null(strstr(spans.body.ptr, "db.operation.batch.size"));
    assert_no_error(&spans);
    told_fini(&spans);
}

static void a_transaction_is_one_span_that_names_each_statement_once(void **state) {
    (void)state;
    work_for(RECORDED);
    begin();
    queue_item("1");
    queue_item("2");
    assert_int_equal(count(), STATUS_OK);
    queue_item("3");
    commit();
    struct told spans = told();
    assert_told_once(&spans, "test.insert_item test.count_items");
    assert_contains(spans.body.ptr, "\"db.operation.batch.size\",\"value\":{\"intValue\":\"4\"");
    assert_null(strstr(spans.body.ptr, "hush"));
    assert_no_error(&spans);
    told_fini(&spans);
}

static void statements_queued_before_a_query_are_in_its_span(void **state) {
    (void)state;
    work_for(RECORDED);
    queue_item("1");
    assert_int_equal(count(), STATUS_OK);
    struct told spans = told();
    assert_told_once(&spans, "test.insert_item test.count_items");
    told_fini(&spans);
}

static void what_is_rolled_back_without_an_error_has_none(void **state) {
    (void)state;
    work_for(RECORDED);
    begin();
    queue_item("1");
    pg_rollback(pg);
    struct told spans = told();
    assert_told_once(&spans, "test.insert_item");
    assert_no_error(&spans);
    told_fini(&spans);
}

static void units_of_work_are_spans_of_their_own(void **state) {
    (void)state;
    work_for(RECORDED);
    assert_int_equal(count(), STATUS_OK);
    begin();
    commit();
    assert_int_equal(count(), STATUS_OK);
    struct told spans = told();
    assert_int_equal(spans.span_count, 3);
    told_fini(&spans);
}

/* --- errors --- */

static void a_refused_statement_is_an_error_without_its_value(void **state) {
    (void)state;
    struct error error = {0};
    work_for(RECORDED);
    begin();
    queue_item("jane@example.com");
    assert_int_equal(pg_commit(pg, &error), STATUS_DATA);
    pg_rollback(pg);
    struct told spans = told();
    assert_told_once(&spans, "test.insert_item");
    assert_contains(spans.body.ptr,
                    "\"db.response.status_code\",\"value\":{\"stringValue\":\"22P02\"");
    assert_contains(spans.body.ptr, "\"error.type\",\"value\":{\"stringValue\":\"22P02\"");
    assert_contains(spans.body.ptr, "\"status\":{\"code\":2,\"message\":\"test.insert_item: ");
    assert_null(strstr(spans.body.ptr, "jane"));
    told_fini(&spans);
}

static void a_query_that_fails_alone_is_an_error(void **state) {
    (void)state;
    struct error error = {0};
    require_ok(pg_script(pg, "DROP TABLE items", &error), &error);
    work_for(RECORDED);
    assert_int_equal(count(), STATUS_UNAVAILABLE);
    struct told spans = told();
    assert_told_once(&spans, "test.count_items");
    assert_contains(spans.body.ptr, "\"error.type\",\"value\":{\"stringValue\":\"42P01\"");
    told_fini(&spans);
}

static void a_database_that_is_away_is_an_error(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *absent = pg_create("postgresql://postgres@127.0.0.1:1/postgres", "test");
    work_for(RECORDED);
    assert_int_equal(pg_begin(absent, &error), STATUS_UNAVAILABLE);
    pg_destroy(&absent);
    struct told spans = told();
    assert_told_once(&spans, "postgresql");
    assert_contains(spans.body.ptr, "\"error.type\",\"value\":{\"stringValue\":\"UNAVAILABLE\"");
    told_fini(&spans);
}

/* --- silence --- */

static void what_works_for_nobody_leaves_no_span(void **state) {
    (void)state;
    begin();
    queue_item("1");
    commit();
    assert_int_equal(count(), STATUS_OK);
    struct told spans = told();
    assert_int_equal(spans.span_count, 0);
    told_fini(&spans);
}

static void a_trace_that_is_not_recorded_gets_no_span(void **state) {
    (void)state;
    work_for(UNRECORDED);
    begin();
    queue_item("1");
    commit();
    struct told spans = told();
    assert_int_equal(spans.span_count, 0);
    told_fini(&spans);
}

/* --- the program --- */

static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    sink = http_sink_start();
    const struct span_exporter_options options = {
        .url = http_sink_url(sink), .service = "test", .instance = "test-1", .version = "1"};
    pg = pg_create(servers_postgres_url(servers), "test");
    require_ok(pg_script(pg,
                         "DROP TABLE IF EXISTS items;"
                         "CREATE TABLE items (id int8 PRIMARY KEY, note text)",
                         &error),
               &error);
    require_ok(span_exporter_start(&options, &error), &error);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    trace_set_current(NULL);
    span_exporter_stop();
    pg_destroy(&pg);
    http_sink_stop(&sink);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_query_is_a_span_below_what_its_thread_works_on),
        TEST(a_transaction_is_one_span_that_names_each_statement_once),
        TEST(statements_queued_before_a_query_are_in_its_span),
        TEST(what_is_rolled_back_without_an_error_has_none),
        TEST(units_of_work_are_spans_of_their_own),
        TEST(a_refused_statement_is_an_error_without_its_value),
        TEST(a_query_that_fails_alone_is_an_error),
        TEST(a_database_that_is_away_is_an_error),
        TEST(what_works_for_nobody_leaves_no_span),
        TEST(a_trace_that_is_not_recorded_gets_no_span),
    };
    return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
}

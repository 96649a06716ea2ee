/* Covers: shared/observe/span.c */
#include "shared/net/span_exporter.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/data/sample.h"
#include "tests/support/network/http_sink.h"

static int64_t count_of(const char *result) {
    char series[64];
    snprintf(series, sizeof(series), "ordermesh_spans_total{result=\"%s\"}", result);
    return sample_value(series);
}

static void start_repeating(const char *url, int64_t retry_ms) {
    const struct span_exporter_options options = {.url = url,
                                                  .service = "order",
                                                  .instance = "order-1",
                                                  .version = "1.2.3",
                                                  .retry_ms = retry_ms};
    struct error error;
    assert_int_equal(span_exporter_start(&options, &error), STATUS_OK);
}

static void start(const char *url) {
    start_repeating(url, 0);
}

static struct trace known_trace(void) {
    struct trace trace;
    assert_true(
        trace_parse(slice_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &trace));
    return trace;
}

static void a_span_is_written_as_otlp_has_it(void **state) {
    (void)state;
    struct trace parent = known_trace();
    struct span span = span_start(SPAN_CLIENT, &parent);
    memset(span.trace.span_id, 0xab, 8);
    span.started_us = 1700000000000001;
    const struct span_field fields[] = {SPAN_TEXT("db.system.name", "postgresql"),
                                        SPAN_TEXT("left.out", ""), SPAN_LINK(&parent),
                                        SPAN_INT("rows", 3), SPAN_ERROR("it \"broke\"")};
    struct buf out = {0};
    span_write(&span, "transaction", 1700000000000003, fields, 5, &out);
    assert_string_equal(
        out.ptr,
        "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":\"abababababababab\","
        "\"parentSpanId\":\"00f067aa0ba902b7\",\"name\":\"transaction\",\"kind\":3,\"flags\":1,"
        "\"startTimeUnixNano\":\"1700000000000001000\","
        "\"endTimeUnixNano\":\"1700000000000003000\",\"attributes\":["
        "{\"key\":\"db.system.name\",\"value\":{\"stringValue\":\"postgresql\"}},"
        "{\"key\":\"rows\",\"value\":{\"intValue\":\"3\"}}],"
        "\"links\":[{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
        "\"spanId\":\"00f067aa0ba902b7\"}],"
        "\"status\":{\"code\":2,\"message\":\"it \\\"broke\\\"\"}}");
    buf_fini(&out);
}

static void a_root_has_no_parent_and_what_went_well_no_status(void **state) {
    (void)state;
    struct span span = span_start_root(SPAN_SERVER);
    const struct span_field fields[] = {SPAN_ERROR(NULL)};
    struct buf out = {0};
    span_write(&span, "GET /", span.started_us, fields, 1, &out);
    assert_null(strstr(out.ptr, "parentSpanId"));
    assert_null(strstr(out.ptr, "status"));
    buf_fini(&out);
}

static void ended_spans_reach_the_collector_with_who_sent_them(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    http_sink_keep_all(sink);
    int64_t exported = count_of("exported");
    start(http_sink_url(sink));
    struct trace parent = known_trace();
    struct span span = span_start(SPAN_INTERNAL, &parent);
    span_end(&span, "first");
    span_end(&span, "second");
    span_exporter_stop();

    struct buf head = http_sink_head(sink), body = http_sink_body(sink);
    assert_contains(head.ptr, "POST /told/v1/traces HTTP/1.1\r\n");
    assert_contains(head.ptr, "Content-Type: application/json\r\n");
    assert_contains(body.ptr, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    assert_contains(body.ptr, "\"service.name\",\"value\":{\"stringValue\":\"order\"}");
    assert_contains(body.ptr, "\"service.instance.id\",\"value\":{\"stringValue\":\"order-1\"}");
    assert_contains(body.ptr, "\"name\":\"first\"");
    assert_contains(body.ptr, "\"name\":\"second\"");
    assert_int_equal(count_of("exported") - exported, 2);
    buf_fini(&head);
    buf_fini(&body);
    http_sink_stop(&sink);
}

static void nothing_is_sent_of_a_trace_that_is_not_sampled(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    start(http_sink_url(sink));
    struct trace parent = known_trace();
    parent.flags = 0;
    struct span span = span_start(SPAN_INTERNAL, &parent);
    span_end(&span, "unseen");
    span_exporter_stop();
    assert_int_equal(http_sink_count(sink), 0);
    http_sink_stop(&sink);
}

/* So much that the queue overflows while its thread waits for a collector that hangs up. */
static void without_a_collector_spans_are_dropped_and_nobody_waits(void **state) {
    (void)state;
    enum { SPANS = 20000 };
    struct http_sink *sink = http_sink_start();
    http_sink_set_status(sink, 0);
    int64_t exported = count_of("exported"), dropped = count_of("dropped");
    start(http_sink_url(sink));
    struct trace parent = known_trace();
    int64_t worst_us = 0;
    for (int i = 0; i < SPANS; i++) {
        struct span span = span_start(SPAN_INTERNAL, &parent);
        int64_t started_us = clock_monotonic_us();
        span_end(&span, "lost", SPAN_TEXT("of", "some length, so that the queue is full before"));
        int64_t took_us = clock_monotonic_us() - started_us;
        worst_us = took_us > worst_us ? took_us : worst_us;
    }
    span_exporter_stop();
    http_sink_stop(&sink);
    assert_int_equal(count_of("exported"), exported);
    assert_int_equal(count_of("dropped") - dropped, SPANS);
    assert_in_range(worst_us, 0, 1000000); /* an export waits for two seconds */
}

/* --- what is sent again ----------------------------------------------------------------------- */

/* So long that it is sent at once. */
static void end_long_span(void) {
    static char text[SPAN_QUEUE_BYTES / 8 + 1];
    memset(text, 'x', sizeof(text) - 1);
    struct trace parent = known_trace();
    struct span span = span_start(SPAN_INTERNAL, &parent);
    span_end(&span, "long", SPAN_TEXT("text", text));
}

struct awaited {
    const char *result; /* of spans, or NULL: requests */
    struct http_sink *sink;
    int64_t count;
};

static bool has_come(void *closure) {
    const struct awaited *awaited = closure;
    int64_t count =
        awaited->result != NULL ? count_of(awaited->result) : http_sink_count(awaited->sink);
    return count >= awaited->count;
}

static void await_spans(const char *result, int64_t count) {
    struct awaited awaited = {.result = result, .count = count};
    assert_true(wait_until(has_come, &awaited, 10000));
}

static void await_requests(struct http_sink *sink, int64_t count) {
    struct awaited awaited = {.sink = sink, .count = count};
    assert_true(wait_until(has_come, &awaited, 10000));
}

static void what_the_collector_cannot_take_for_now_is_sent_again(void **state) {
    (void)state;
    static const int statuses[] = {429, 502, 503, 504, 0};
    int64_t dropped = count_of("dropped");
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct http_sink *sink = http_sink_start();
        int64_t exported = count_of("exported");
        http_sink_set_status(sink, statuses[i]);
        start_repeating(http_sink_url(sink), 50);
        end_long_span();
        await_requests(sink, 1);
        http_sink_set_status(sink, 200);
        await_spans("exported", exported + 1);
        span_exporter_stop();
        http_sink_stop(&sink);
    }
    assert_int_equal(count_of("dropped"), dropped);
}

static void what_the_collector_refuses_is_dropped_at_once(void **state) {
    (void)state;
    static const int statuses[] = {301, 400, 401, 413, 500};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct http_sink *sink = http_sink_start();
        int64_t dropped = count_of("dropped");
        http_sink_set_status(sink, statuses[i]);
        start_repeating(http_sink_url(sink), 1);
        end_long_span();
        await_spans("dropped", dropped + 1);
        assert_int_equal(http_sink_count(sink), 1);
        span_exporter_stop();
        http_sink_stop(&sink);
    }
}

static void what_is_never_taken_is_dropped_after_the_last_try(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    int64_t dropped = count_of("dropped");
    http_sink_set_status(sink, 503);
    start_repeating(http_sink_url(sink), 1);
    end_long_span();
    await_spans("dropped", dropped + 1);
    assert_int_equal(http_sink_count(sink), SPAN_TRIES);
    span_exporter_stop();
    http_sink_stop(&sink);
}

static void nothing_is_sent_before_the_collector_says(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    http_sink_set_status(sink, 429);
    http_sink_set_retry_after(sink, 2);
    start_repeating(http_sink_url(sink), 1);
    end_long_span();
    await_requests(sink, 1);
    int64_t first_us = clock_monotonic_us();
    await_requests(sink, 2);
    assert_true(clock_monotonic_us() - first_us > 1500000);
    span_exporter_stop();
    http_sink_stop(&sink);
}

static void the_end_waits_for_no_other_try_and_sends_all_at_once(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    struct trace parent = known_trace();
    int64_t exported = count_of("exported");
    http_sink_set_status(sink, 503);
    http_sink_set_retry_after(sink, 60);
    start(http_sink_url(sink));
    end_long_span();
    await_requests(sink, 1);
    struct span span = span_start(SPAN_INTERNAL, &parent);
    span_end(&span, "later");
    http_sink_set_status(sink, 200);

    int64_t started_us = clock_monotonic_us();
    span_exporter_stop();
    int64_t took_us = clock_monotonic_us() - started_us;

    struct json_object *root = NULL;
    struct buf body = http_sink_body(sink);
    assert_int_equal(json_parse(buf_slice(&body), &root, NULL), STATUS_OK);
    assert_contains(body.ptr, "\"name\":\"long\"");
    assert_contains(body.ptr, "\"name\":\"later\"");
    assert_int_equal(http_sink_count(sink), 2);
    assert_int_equal(count_of("exported") - exported, 2);
    assert_true(took_us < 4000000);
    json_object_put(root);
    buf_fini(&body);
    http_sink_stop(&sink);
}

static void without_an_address_nothing_is_recorded(void **state) {
    (void)state;
    start("");
    struct trace parent = known_trace();
    assert_false(span_is_recorded(&parent));
    span_exporter_stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_is_written_as_otlp_has_it),
        cmocka_unit_test(a_root_has_no_parent_and_what_went_well_no_status),
        cmocka_unit_test(ended_spans_reach_the_collector_with_who_sent_them),
        cmocka_unit_test(nothing_is_sent_of_a_trace_that_is_not_sampled),
        cmocka_unit_test(without_a_collector_spans_are_dropped_and_nobody_waits),
        cmocka_unit_test(what_the_collector_cannot_take_for_now_is_sent_again),
        cmocka_unit_test(what_the_collector_refuses_is_dropped_at_once),
        cmocka_unit_test(what_is_never_taken_is_dropped_after_the_last_try),
        cmocka_unit_test(nothing_is_sent_before_the_collector_says),
        cmocka_unit_test(the_end_waits_for_no_other_try_and_sends_all_at_once),
        cmocka_unit_test(without_an_address_nothing_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

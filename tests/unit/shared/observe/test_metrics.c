#include "shared/observe/metrics.h"

#include "tests/unit/unit.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 10000 };

static void a_counter_and_a_gauge_hold_their_values(void **state) {
    (void)state;

    metric_add(METRIC_OUTBOX_PUBLISHED, 0, 5);
    metric_add(METRIC_OUTBOX_PUBLISHED, 0, 2);
    metric_set(METRIC_HTTP_IN_FLIGHT, 0, 9);
    metric_add(METRIC_HTTP_IN_FLIGHT, 0, -4);

    assert_int_equal(metric_value(METRIC_OUTBOX_PUBLISHED, 0), 7);
    assert_int_equal(metric_value(METRIC_HTTP_IN_FLIGHT, 0), 5);
}

static void a_label_value_keeps_its_slot(void **state) {
    (void)state;

    unsigned done = metric_slot(METRIC_CONSUMER_EVENTS, "done");
    unsigned retry = metric_slot(METRIC_CONSUMER_EVENTS, "retry");

    assert_int_not_equal(done, retry);
    assert_int_equal(metric_slot(METRIC_CONSUMER_EVENTS, "done"), done);
    assert_int_equal(metric_slot(METRIC_OUTBOX_HOLES, "anything"), 0);
}

static void too_many_label_values_share_the_last_slot(void **state) {
    (void)state;
    char label[16];
    struct buf out = {0};

    for (int i = 0; i < METRIC_SLOTS + 10; i++) {
        snprintf(label, sizeof(label), "b%d", i);
        metric_add(METRIC_BREAKER_STATE, metric_slot(METRIC_BREAKER_STATE, label), 1);
    }
    metrics_render(&out);

    assert_int_equal(metric_slot(METRIC_BREAKER_STATE, "b0"), 0);
    assert_int_equal(metric_slot(METRIC_BREAKER_STATE, "yet another"), METRIC_SLOTS - 1);
    assert_contains(out.ptr, "\nordermesh_breaker_state{name=\"b22\"} 1\n");
    assert_contains(out.ptr, "\nordermesh_breaker_state{name=\"other\"} 11\n");
    buf_fini(&out);
}

static void a_histogram_renders_cumulative_buckets(void **state) {
    (void)state;
    struct buf out = {0};

    metric_observe(METRIC_ORDER_SECONDS, 0, 0.0005);
    metric_observe(METRIC_ORDER_SECONDS, 0, 0.003);
    metric_observe(METRIC_ORDER_SECONDS, 0, 0.004);
    metric_observe(METRIC_ORDER_SECONDS, 0, 100);
    metrics_render(&out);

    assert_contains(out.ptr, "# TYPE ordermesh_order_seconds histogram\n"
                             "ordermesh_order_seconds_bucket{le=\"0.0005\"} 1\n"
                             "ordermesh_order_seconds_bucket{le=\"0.001\"} 1\n"
                             "ordermesh_order_seconds_bucket{le=\"0.0025\"} 1\n"
                             "ordermesh_order_seconds_bucket{le=\"0.005\"} 3\n");
    assert_contains(out.ptr, "ordermesh_order_seconds_bucket{le=\"30\"} 3\n"
                             "ordermesh_order_seconds_bucket{le=\"+Inf\"} 4\n"
                             "ordermesh_order_seconds_sum 100.0075\n"
                             "ordermesh_order_seconds_count 4\n");
    assert_int_equal(metric_value(METRIC_ORDER_SECONDS, 0), 4);
    buf_fini(&out);
}

static void sizes_have_buckets_of_powers_of_two(void **state) {
    (void)state;
    struct buf out = {0};
    unsigned slot = metric_slot(METRIC_CONSUMER_BATCH_SIZE, "ORDERS/order");

    metric_observe(METRIC_CONSUMER_BATCH_SIZE, slot, 1);
    metric_observe(METRIC_CONSUMER_BATCH_SIZE, slot, 256);
    metric_observe(METRIC_CONSUMER_BATCH_SIZE, slot, 2000);
    metrics_render(&out);

    assert_contains(
        out.ptr, "\nordermesh_consumer_batch_events_bucket{consumer=\"ORDERS/order\",le=\"1\"} 1\n"
                 "ordermesh_consumer_batch_events_bucket{consumer=\"ORDERS/order\",le=\"2\"} 1\n");
    assert_contains(out.ptr, "{consumer=\"ORDERS/order\",le=\"256\"} 2\n");
    assert_contains(
        out.ptr, "{consumer=\"ORDERS/order\",le=\"1024\"} 2\n"
                 "ordermesh_consumer_batch_events_bucket{consumer=\"ORDERS/order\",le=\"+Inf\"} 3\n"
                 "ordermesh_consumer_batch_events_sum{consumer=\"ORDERS/order\"} 2257\n"
                 "ordermesh_consumer_batch_events_count{consumer=\"ORDERS/order\"} 3\n");
    buf_fini(&out);
}

static void several_labels_take_their_values_in_order(void **state) {
    (void)state;
    struct buf out = {0};

    metric_add(METRIC_CONSUMER_EVENTS, metric_slot(METRIC_CONSUMER_EVENTS, "ORDERS/order,retry"),
               3);
    metrics_render(&out);

    assert_contains(out.ptr, "\nordermesh_consumer_events_total{consumer=\"ORDERS/order\","
                             "outcome=\"retry\"} 3\n");
    buf_fini(&out);
}

static void label_values_are_escaped(void **state) {
    (void)state;
    struct buf out = {0};

    metric_set(METRIC_BUILD_INFO, metric_slot(METRIC_BUILD_INFO, "a\"b\\c\nd"), 1);
    metrics_render(&out);

    assert_contains(out.ptr, "ordermesh_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
    buf_fini(&out);
}

static void every_metric_is_declared_once_and_every_line_is_a_sample(void **state) {
    (void)state;
    struct buf out = {0};
    int types = 0;

    metrics_render(&out);

    assert_int_equal(out.ptr[out.len - 1], '\n');
    for (char *line = out.ptr, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        types += strncmp(line, "# TYPE ", 7) == 0;
        if (line[0] == '#')
            continue;
        char *rest, *value = strrchr(line, ' ');
        assert_memory_equal(line, "ordermesh_", 10);
        assert_non_null(value);
        strtod(value + 1, &rest);
        assert_true(rest != value + 1 && *rest == '\0');
    }
    assert_int_equal(types, METRIC_COUNT);
    buf_fini(&out);
}

static void *count_and_observe(void *label) {
    unsigned slot = metric_slot(METRIC_HTTP_SECONDS, label);
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(METRIC_DB_RECONNECTS, 0, 1);
        metric_observe(METRIC_HTTP_SECONDS, slot, 0.25);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    struct buf out = {0};

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, count_and_observe, "GET,/api/v1/orders");
    for (int i = 0; i < THREADS; i++) {
        buf_clear(&out);
        metrics_render(&out);
        pthread_join(threads[i], NULL);
    }

    buf_clear(&out);
    metrics_render(&out);
    assert_int_equal(metric_value(METRIC_DB_RECONNECTS, 0), THREADS * ROUNDS);
    assert_contains(
        out.ptr,
        "ordermesh_http_request_seconds_sum{method=\"GET\",route=\"/api/v1/orders\"} 10000\n"
        "ordermesh_http_request_seconds_count{method=\"GET\",route=\"/api/v1/orders\"} 40000\n");
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_and_a_gauge_hold_their_values),
        cmocka_unit_test(a_label_value_keeps_its_slot),
        cmocka_unit_test(too_many_label_values_share_the_last_slot),
        cmocka_unit_test(a_histogram_renders_cumulative_buckets),
        cmocka_unit_test(sizes_have_buckets_of_powers_of_two),
        cmocka_unit_test(several_labels_take_their_values_in_order),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(every_metric_is_declared_once_and_every_line_is_a_sample),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "shared/observe/metrics.h"

#include "tests/support/base/test.h"
#include "tests/support/data/sample.h"

#include <pthread.h>

METRIC_COUNTER(rows, "ordermesh_test_rows_total", "", "Rows.");
METRIC_GAUGE(in_flight, "ordermesh_test_in_flight", "", "Requests.");
METRIC_COUNTER(events, "ordermesh_test_events_total", "consumer,outcome", "Deliveries.");
METRIC_GAUGE(states, "ordermesh_test_state", "name", "States.");
METRIC_GAUGE(info, "ordermesh_test_info", "version", "Always 1.");
METRIC_HISTOGRAM(seconds, "ordermesh_test_seconds", "", "Times.");
METRIC_HISTOGRAM(route_seconds, "ordermesh_test_route_seconds", "method,route", "Times by route.");
METRIC_HISTOGRAM_SIZE(batch_events, "ordermesh_test_batch_events", "consumer", "Sizes.");
METRIC_COUNTER(unused, "ordermesh_test_unused_total", "", "Counts nothing.");
METRIC_COUNTER(unused_by_kind, "ordermesh_test_unused_by_kind_total", "kind", "Counts nothing.");

enum { THREADS = 4, ROUNDS = 10000 };

static void a_counter_and_a_gauge_hold_their_values(void **state) {
    (void)state;

    metric_add(&rows, 0, 5);
    metric_add(&rows, 0, 2);
    metric_set(&in_flight, 0, 9);
    metric_add(&in_flight, 0, -4);

    assert_int_equal(sample_value("ordermesh_test_rows_total"), 7);
    assert_int_equal(sample_value("ordermesh_test_in_flight"), 5);
}

static void a_label_value_keeps_its_slot(void **state) {
    (void)state;

    unsigned done = metric_slot(&events, "done");
    unsigned retry = metric_slot(&events, "retry");

    assert_int_not_equal(done, retry);
    assert_int_equal(metric_slot(&events, "done"), done);
    assert_int_equal(metric_slot(&in_flight, "anything"), 0);
}

static void too_many_label_values_share_the_last_slot(void **state) {
    (void)state;
    char label[16];
    struct buf out = {0};

    for (int i = 0; i < METRIC_SLOTS + 10; i++) {
        snprintf(label, sizeof(label), "b%d", i);
        metric_add(&states, metric_slot(&states, label), 1);
    }
    metrics_render(&out);

    assert_int_equal(metric_slot(&states, "b0"), 0);
    assert_int_equal(metric_slot(&states, "yet another"), METRIC_SLOTS - 1);
    assert_contains(out.ptr, "\nordermesh_test_state{name=\"b22\"} 1\n");
    assert_contains(out.ptr, "\nordermesh_test_state{name=\"other\"} 11\n");
    buf_fini(&out);
}

static void a_histogram_renders_cumulative_buckets(void **state) {
    (void)state;
    struct buf out = {0};

    metric_observe(&seconds, 0, 0.0005);
    metric_observe(&seconds, 0, 0.003);
    metric_observe(&seconds, 0, 0.004);
    metric_observe(&seconds, 0, 100);
    metrics_render(&out);

    assert_contains(out.ptr, "# TYPE ordermesh_test_seconds histogram\n"
                             "ordermesh_test_seconds_bucket{le=\"0.0005\"} 1\n"
                             "ordermesh_test_seconds_bucket{le=\"0.001\"} 1\n"
                             "ordermesh_test_seconds_bucket{le=\"0.0025\"} 1\n"
                             "ordermesh_test_seconds_bucket{le=\"0.005\"} 3\n");
    assert_contains(out.ptr, "ordermesh_test_seconds_bucket{le=\"30\"} 3\n"
                             "ordermesh_test_seconds_bucket{le=\"+Inf\"} 4\n"
                             "ordermesh_test_seconds_sum 100.0075\n"
                             "ordermesh_test_seconds_count 4\n");
    buf_fini(&out);
}

static void sizes_have_buckets_of_powers_of_two(void **state) {
    (void)state;
    struct buf out = {0};
    unsigned slot = metric_slot(&batch_events, "ORDERS/order");

    metric_observe(&batch_events, slot, 1);
    metric_observe(&batch_events, slot, 256);
    metric_observe(&batch_events, slot, 2000);
    metrics_render(&out);

    assert_contains(out.ptr,
                    "\nordermesh_test_batch_events_bucket{consumer=\"ORDERS/order\",le=\"1\"} 1\n"
                    "ordermesh_test_batch_events_bucket{consumer=\"ORDERS/order\",le=\"2\"} 1\n");
    assert_contains(out.ptr, "{consumer=\"ORDERS/order\",le=\"256\"} 2\n");
    assert_contains(out.ptr,
                    "{consumer=\"ORDERS/order\",le=\"1024\"} 2\n"
                    "ordermesh_test_batch_events_bucket{consumer=\"ORDERS/order\",le=\"+Inf\"} 3\n"
                    "ordermesh_test_batch_events_sum{consumer=\"ORDERS/order\"} 2257\n"
                    "ordermesh_test_batch_events_count{consumer=\"ORDERS/order\"} 3\n");
    buf_fini(&out);
}

static void several_labels_take_their_values_in_order(void **state) {
    (void)state;
    struct buf out = {0};

    metric_add(&events, metric_slot(&events, "ORDERS/order,retry"), 3);
    metrics_render(&out);

    assert_contains(out.ptr, "\nordermesh_test_events_total{consumer=\"ORDERS/order\","
                             "outcome=\"retry\"} 3\n");
    buf_fini(&out);
}

static void label_values_are_escaped(void **state) {
    (void)state;
    struct buf out = {0};

    metric_set(&info, metric_slot(&info, "a\"b\\c\nd"), 1);
    metrics_render(&out);

    assert_contains(out.ptr, "ordermesh_test_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
    buf_fini(&out);
}

static void a_declared_metric_is_shown_before_its_first_use(void **state) {
    (void)state;
    struct buf out = {0};

    metrics_render(&out);

    assert_contains(out.ptr, "# HELP ordermesh_test_unused_total Counts nothing.\n"
                             "# TYPE ordermesh_test_unused_total counter\n"
                             "ordermesh_test_unused_total 0\n");
    assert_contains(out.ptr, "# TYPE ordermesh_test_unused_by_kind_total counter\n");
    assert_null(strstr(out.ptr, "ordermesh_test_unused_by_kind_total{"));
    buf_fini(&out);
}

static void each_time_the_metrics_come_in_the_same_order(void **state) {
    (void)state;
    struct buf first = {0}, second = {0};

    metrics_render(&first);
    metrics_render(&second);

    assert_string_equal(first.ptr, second.ptr);
    buf_fini(&first);
    buf_fini(&second);
}

static void every_line_is_a_sample_of_the_metric_above_it(void **state) {
    (void)state;
    struct buf out = {0};
    char *name = "?";

    metrics_render(&out);

    assert_int_equal(out.ptr[out.len - 1], '\n');
    for (char *line = out.ptr, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strncmp(line, "# HELP ", 7) == 0) {
            name = line + 7;
            *strchr(name, ' ') = '\0';
        }
        if (line[0] == '#')
            continue;
        char *rest, *value = strrchr(line, ' ');
        assert_memory_equal(line, "ordermesh_", 10);
        assert_memory_equal(line, name, strlen(name));
        assert_non_null(value);
        strtod(value + 1, &rest);
        assert_true(rest != value + 1 && *rest == '\0');
    }
    buf_fini(&out);
}

static void *count_and_observe(void *label) {
    unsigned slot = metric_slot(&route_seconds, label);
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(&rows, 0, 1);
        metric_observe(&route_seconds, slot, 0.25);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    struct buf out = {0};
    int64_t before = sample_value("ordermesh_test_rows_total");

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, count_and_observe, "GET,/api/v1/orders");
    for (int i = 0; i < THREADS; i++) {
        buf_clear(&out);
        metrics_render(&out);
        pthread_join(threads[i], NULL);
    }

    buf_clear(&out);
    metrics_render(&out);
    assert_int_equal(sample_value("ordermesh_test_rows_total") - before, THREADS * ROUNDS);
    assert_contains(
        out.ptr,
        "ordermesh_test_route_seconds_sum{method=\"GET\",route=\"/api/v1/orders\"} 10000\n"
        "ordermesh_test_route_seconds_count{method=\"GET\",route=\"/api/v1/orders\"} 40000\n");
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
        cmocka_unit_test(a_declared_metric_is_shown_before_its_first_use),
        cmocka_unit_test(each_time_the_metrics_come_in_the_same_order),
        cmocka_unit_test(every_line_is_a_sample_of_the_metric_above_it),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

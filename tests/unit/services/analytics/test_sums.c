#include "services/analytics/sums.h"

#include "tests/support/base/test.h"

static struct sums sums;

static int each_setup(void **state) {
    (void)state;
    sums = (struct sums){0};
    return 0;
}

static void add(enum measure measure, const char *label, int64_t bin, int64_t value) {
    sums_add(&sums, measure, slice_of(label), bin, value);
}

static void each_measure_is_summed_by_its_label(void **state) {
    (void)state;
    add(MEASURE_STATUS, "COMPLETED", 0, 2);
    add(MEASURE_STATUS, "COMPLETED", 0, 3);
    add(MEASURE_FACT, "paid", 0, 4);
    add(MEASURE_REASON, "out_of_stock", 0, 1);
    add(MEASURE_REASON, "saga_timeout", 0, 5);
    add(MEASURE_REASON, "out_of_stock", 0, 1);

    assert_int_equal(sums.statuses[ORDER_COMPLETED], 5);
    assert_int_equal(sums.facts[FACT_PAID], 4);
    assert_int_equal(sums.reasons.count, 2);
    assert_slice_equal(sums.reasons.items[0].label, "out_of_stock");
    assert_int_equal(sums.reasons.items[0].value, 2);
    assert_int_equal(sums.reasons.items[1].value, 5);
}

static void a_currency_has_what_was_captured_beside_what_was_refunded(void **state) {
    (void)state;
    add(MEASURE_CAPTURED, "USD", 0, 500);
    add(MEASURE_REFUNDED, "USD", 0, 200);
    add(MEASURE_CAPTURED, "EUR", 0, 7);

    assert_int_equal(sums.revenue.count, 2);
    assert_int_equal(sums.revenue.items[0].value, 500);
    assert_int_equal(sums.revenue.items[0].refunded, 200);
    assert_int_equal(sums.revenue.items[1].value, 7);
    assert_int_equal(sums.revenue.items[1].refunded, 0);
}

static void a_latency_goes_into_its_bin(void **state) {
    (void)state;
    add(MEASURE_LATENCY, "payment", HISTOGRAM_BINS - 1, 3);

    assert_int_equal(sums.latencies[STAGE_PAYMENT].counts[HISTOGRAM_BINS - 1], 3);
}

static void unknown_labels_and_bins_are_passed_over(void **state) {
    (void)state;
    static const struct sums none;
    add(MEASURE_STATUS, "LOST", 0, 1);
    add(MEASURE_FACT, "guessed", 0, 1);
    add(MEASURE_LATENCY, "waiting", 0, 1);
    add(MEASURE_LATENCY, "payment", HISTOGRAM_BINS, 1);
    add(MEASURE_LATENCY, "payment", -1, 1);

    assert_memory_equal(&sums, &none, sizeof(sums));
}

static void labels_that_find_no_room_are_left_out(void **state) {
    (void)state;
    static char labels[SUMS_LABELS_MAX + 1][8];
    for (int i = 0; i <= SUMS_LABELS_MAX; i++) {
        snprintf(labels[i], sizeof(labels[i]), "c%d", i);
        add(MEASURE_CAPTURED, labels[i], 0, 1);
    }
    add(MEASURE_REFUNDED, labels[SUMS_LABELS_MAX], 0, 1);
    add(MEASURE_CAPTURED, labels[0], 0, 1);

    assert_int_equal(sums.revenue.count, SUMS_LABELS_MAX);
    assert_int_equal(sums.revenue.items[0].value, 2);
    assert_int_equal(sums.revenue.items[SUMS_LABELS_MAX - 1].value, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_measure_is_summed_by_its_label),
        TEST(a_currency_has_what_was_captured_beside_what_was_refunded),
        TEST(a_latency_goes_into_its_bin),
        TEST(unknown_labels_and_bins_are_passed_over),
        TEST(labels_that_find_no_room_are_left_out),
    };
    return cmocka_run_group_tests_name("sums", tests, NULL, NULL);
}

/* Fixed log-linear bins, and percentiles read from them. */
#include "services/analytics/histogram.h"
#include "tests/support/base/test.h"

static void bins_follow_one_another_without_gaps(void **state) {
    (void)state;
    for (int bin = 0; bin < HISTOGRAM_BINS; bin++) {
        assert_int_equal(histogram_bin(histogram_bin_start_us(bin)), bin);
        assert_int_equal(histogram_bin(histogram_bin_start_us(bin + 1) - 1), bin);
    }
}

static void a_bin_is_at_most_an_eighth_wide(void **state) {
    (void)state;
    for (int bin = 8; bin < HISTOGRAM_BINS; bin++) {
        int64_t start_us = histogram_bin_start_us(bin);
        assert_true((histogram_bin_start_us(bin + 1) - start_us) * 8 <= start_us);
    }
}

static void what_is_out_of_range_goes_to_the_ends(void **state) {
    (void)state;
    assert_int_equal(histogram_bin(-1), 0);
    assert_int_equal(histogram_bin(INT64_MIN), 0);
    assert_int_equal(histogram_bin(INT64_MAX), HISTOGRAM_BINS - 1);
}

static void an_empty_histogram_has_no_latency(void **state) {
    (void)state;
    const struct histogram histogram = {0};
    assert_int_equal(histogram_count(&histogram), 0);
    assert_int_equal(histogram_percentile_us(&histogram, 99), 0);
}

static void one_value_is_every_percentile(void **state) {
    (void)state;
    struct histogram histogram = {0};
    histogram.counts[histogram_bin(5)] = 1;
    assert_int_equal(histogram_percentile_us(&histogram, 1), 5);
    assert_int_equal(histogram_percentile_us(&histogram, 50), 5);
    assert_int_equal(histogram_percentile_us(&histogram, 100), 5);
}

static void percentiles_are_off_by_an_eighth_at_most(void **state) {
    (void)state;
    static const int percents[] = {1, 25, 50, 75, 95, 99, 100};
    struct histogram histogram = {0};
    for (int64_t us = 1; us <= 100000; us++)
        histogram.counts[histogram_bin(us)]++;
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        int64_t exact_us = percents[i] * INT64_C(1000);
        int64_t difference_us = histogram_percentile_us(&histogram, percents[i]) - exact_us;
        assert_true(llabs(difference_us) * 8 <= exact_us);
    }
}

static void a_rare_latency_shows_where_it_belongs(void **state) {
    (void)state;
    struct histogram histogram = {0};
    histogram.counts[histogram_bin(1000)] = 98;
    histogram.counts[histogram_bin(1000000)] = 2;
    assert_true(histogram_percentile_us(&histogram, 98) < 1200);
    assert_true(histogram_percentile_us(&histogram, 99) > 900000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_follow_one_another_without_gaps),
        cmocka_unit_test(a_bin_is_at_most_an_eighth_wide),
        cmocka_unit_test(what_is_out_of_range_goes_to_the_ends),
        cmocka_unit_test(an_empty_histogram_has_no_latency),
        cmocka_unit_test(one_value_is_every_percentile),
        cmocka_unit_test(percentiles_are_off_by_an_eighth_at_most),
        cmocka_unit_test(a_rare_latency_shows_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

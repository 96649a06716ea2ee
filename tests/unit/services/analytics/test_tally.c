#include "services/analytics/tally.h"

#include "tests/support/base/test.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define START_US (INT64_C(20000) * DAY_US) /* midnight */

static struct tally tally;

static int each_setup(void **state) {
    (void)state;
    tally = (struct tally){.arena = arena_create((size_t)64 * 1024)};
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    arena_destroy(&tally.arena);
    return 0;
}

static void add(const char *label, int64_t at_us, int64_t value) {
    tally_add(&tally, MEASURE_REASON, slice_of(label), 0, at_us, value);
}

static void a_value_counts_in_its_minute_its_hour_and_its_day(void **state) {
    (void)state;
    int64_t at_us = START_US + (INT64_C(2) * 3600 + 3 * 60 + 4) * 1000000 + 5;

    add("x", at_us, 7);
    tally_settle(&tally);

    assert_int_equal(tally.count, GRANULARITY_COUNT);
    for (size_t i = 0; i < tally.count; i++) {
        const struct tally_row *row = &tally.rows[i];
        assert_int_equal(row->granularity, i);
        assert_int_equal(row->at_us, granularity_floor(row->granularity, at_us));
        assert_int_equal(row->value, 7);
    }
}

static void equal_rows_become_one(void **state) {
    (void)state;
    add("x", START_US, 1);
    add("y", START_US, 5);
    add("x", START_US + 1, 2);
    tally_settle(&tally);

    assert_int_equal(tally.count, 2 * GRANULARITY_COUNT);
    assert_slice_equal(tally.rows[0].label, "x");
    assert_int_equal(tally.rows[0].value, 3);
    assert_slice_equal(tally.rows[1].label, "y");
    assert_int_equal(tally.rows[1].value, 5);
}

static void measures_and_bins_are_kept_apart(void **state) {
    (void)state;
    tally_add(&tally, MEASURE_LATENCY, SLICE_LITERAL("payment"), 2, START_US, 1);
    tally_add(&tally, MEASURE_LATENCY, SLICE_LITERAL("payment"), 1, START_US, 1);
    tally_add(&tally, MEASURE_FACT, SLICE_LITERAL("payment"), 1, START_US, 1);
    tally_settle(&tally);

    assert_int_equal(tally.count, 3 * GRANULARITY_COUNT);
    assert_int_equal(tally.rows[0].measure, MEASURE_FACT);
    assert_int_equal(tally.rows[1].bin, 1);
    assert_int_equal(tally.rows[2].bin, 2);
}

static void rows_that_come_to_nothing_are_dropped_wherever_they_stand(void **state) {
    (void)state;
    add("a", START_US, 1);
    add("a", START_US, -1);
    add("b", START_US, 2);
    add("b", START_US, -3);
    add("c", START_US, 0);
    tally_settle(&tally);

    assert_int_equal(tally.count, GRANULARITY_COUNT);
    for (size_t i = 0; i < tally.count; i++) {
        assert_slice_equal(tally.rows[i].label, "b");
        assert_int_equal(tally.rows[i].value, -1);
    }
}

static void nothing_is_left_of_what_was_added_and_taken_away(void **state) {
    (void)state;
    tally_settle(&tally);
    assert_int_equal(tally.count, 0);
    add("a", START_US, 1);
    add("a", START_US, -1);
    tally_settle(&tally);
    assert_int_equal(tally.count, 0);
}

static void thousands_of_rows_come_out_sorted(void **state) {
    (void)state;
    enum { MINUTES = 2000 };
    for (int i = 0; i < MINUTES; i++)
        add("x", START_US + (INT64_C(7919) * i % MINUTES) * 60 * 1000000, 1);
    tally_settle(&tally);

    for (size_t i = 1; i < tally.count; i++) {
        const struct tally_row *before = &tally.rows[i - 1], *row = &tally.rows[i];
        assert_true(before->granularity < row->granularity ||
                    (before->granularity == row->granularity && before->at_us < row->at_us));
    }
    int64_t total = 0;
    for (size_t i = 0; i < tally.count; i++)
        total += tally.rows[i].value;
    assert_int_equal(total, (int64_t)MINUTES * GRANULARITY_COUNT);
}

static void every_measure_has_its_word(void **state) {
    (void)state;
    enum measure parsed;
    for (int i = 0; i < MEASURE_COUNT; i++) {
        assert_true(measure_parse(slice_of(measure_name((enum measure)i)), &parsed));
        assert_int_equal(parsed, i);
    }
    assert_false(measure_parse(SLICE_LITERAL("CAPTURED"), &parsed));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_counts_in_its_minute_its_hour_and_its_day),
        TEST(equal_rows_become_one),
        TEST(measures_and_bins_are_kept_apart),
        TEST(rows_that_come_to_nothing_are_dropped_wherever_they_stand),
        TEST(nothing_is_left_of_what_was_added_and_taken_away),
        TEST(thousands_of_rows_come_out_sorted),
        TEST(every_measure_has_its_word),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}

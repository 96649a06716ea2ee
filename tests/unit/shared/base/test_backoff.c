#include "shared/base/backoff.h"

#include "tests/support/base/test.h"

enum { DRAWS = 1000 };

static const struct backoff backoff = {.least_ms = 500, .most_ms = 5000};

/* The shortest and the longest of many. */
struct range {
    int64_t least_ms, most_ms;
};

static struct range waits_after(int tries) {
    struct range range = {INT64_MAX, 0};
    for (int i = 0; i < DRAWS; i++) {
        int64_t wait_ms = backoff_jittered(&backoff, tries, -1);
        range.least_ms = wait_ms < range.least_ms ? wait_ms : range.least_ms;
        range.most_ms = wait_ms > range.most_ms ? wait_ms : range.most_ms;
    }
    return range;
}

static void waits_double_with_jitter_up_to_a_limit(void **state) {
    (void)state;
    static const struct {
        int tries, whole_ms;
    } rows[] = {{1, 500}, {2, 1000}, {4, 4000}, {5, 5000}, {100, 5000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct range range = waits_after(rows[i].tries);
        assert_in_range(range.least_ms, rows[i].whole_ms / 2, rows[i].whole_ms * 6 / 10);
        assert_in_range(range.most_ms, rows[i].whole_ms * 9 / 10, rows[i].whole_ms);
    }
}

static void what_the_other_side_asks_for_is_the_least(void **state) {
    (void)state;
    assert_int_equal(backoff_jittered(&backoff, 1, 7000), 7000);
    assert_in_range(backoff_jittered(&backoff, 1, 0), 250, 500);
}

static void each_wait_is_twice_the_last_until_a_reset(void **state) {
    (void)state;
    static const int64_t waits_ms[] = {500, 1000, 2000, 4000, 5000, 5000};
    struct backoff counting = backoff;

    for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++)
        assert_int_equal(backoff_next(&counting), waits_ms[i]);

    backoff_reset(&counting);
    assert_int_equal(backoff_next(&counting), 500);
}

static void a_least_above_the_most_is_the_most(void **state) {
    (void)state;
    const struct backoff odd = {.least_ms = 7, .most_ms = 5};

    assert_int_equal(backoff_after(&odd, 1), 5);
    assert_int_equal(backoff_after(&odd, 0), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wait_is_twice_the_last_until_a_reset),
        cmocka_unit_test(a_least_above_the_most_is_the_most),
        cmocka_unit_test(waits_double_with_jitter_up_to_a_limit),
        cmocka_unit_test(what_the_other_side_asks_for_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

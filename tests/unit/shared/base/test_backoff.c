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
        int64_t wait_ms = backoff_ms(&backoff, tries, -1);
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
    assert_int_equal(backoff_ms(&backoff, 1, 7000), 7000);
    assert_in_range(backoff_ms(&backoff, 1, 0), 250, 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_with_jitter_up_to_a_limit),
        cmocka_unit_test(what_the_other_side_asks_for_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

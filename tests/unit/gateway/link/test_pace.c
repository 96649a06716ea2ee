#include "gateway/link/pace.h"
#include "tests/support/base/test.h"

#define NOW_US 1000000000
#define COUNTS_US 5000000

static void what_was_never_tried_is_tried_with_a_group_of_some_size(void **state) {
    (void)state;
    const struct pace pace = {0};
    assert_false(pace_wants_batch(&pace, 1, NOW_US));
    assert_false(pace_wants_batch(&pace, PACE_GROUP_LEAST - 1, NOW_US));
    assert_true(pace_wants_batch(&pace, PACE_GROUP_LEAST, NOW_US));
    assert_false(pace_is_hopeless(&pace, NOW_US));
}

static void after_a_batch_single_messages_are_tried(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 10000, NOW_US);
    assert_false(pace_wants_batch(&pace, 200, NOW_US));
    assert_false(pace_is_hopeless(&pace, NOW_US));
}

static void a_batch_is_wanted_from_where_it_pays(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 10000, NOW_US);
    pace_note(&pace, false, 20, 20000, NOW_US);
    assert_false(pace_wants_batch(&pace, 10, NOW_US));
    assert_true(pace_wants_batch(&pace, 11, NOW_US));
    assert_false(pace_is_hopeless(&pace, NOW_US));
}

/* A server that syncs lazily: letting commands wait for each other would win nothing. */
static void where_no_batch_pays_there_is_no_hope_for_a_while(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 10000, NOW_US);
    pace_note(&pace, false, 20, 400, NOW_US);
    assert_false(pace_wants_batch(&pace, PACE_GROUP_MOST, NOW_US));
    assert_true(pace_is_hopeless(&pace, NOW_US + COUNTS_US - 1));
    assert_false(pace_is_hopeless(&pace, NOW_US + COUNTS_US));
    assert_true(pace_wants_batch(&pace, PACE_GROUP_LEAST, NOW_US + COUNTS_US));
}

static void a_batch_of_one_is_never_wanted(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 100, NOW_US);
    pace_note(&pace, false, 20, 80000, NOW_US);
    assert_false(pace_wants_batch(&pace, 1, NOW_US));
    assert_true(pace_wants_batch(&pace, 2, NOW_US));
}

/* What one or a few messages take is mostly the way to the server and back. */
static void a_small_group_measures_nothing(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 10000, NOW_US);
    pace_note(&pace, false, PACE_GROUP_LEAST - 1, 70000, NOW_US);
    assert_false(pace_wants_batch(&pace, 100, NOW_US));
}

static void one_slow_group_does_not_decide_alone(void **state) {
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, true, 20, 10000, NOW_US);
    pace_note(&pace, false, 20, 20000, NOW_US);
    pace_note(&pace, true, 20, 5000000, NOW_US);
    assert_true(pace_wants_batch(&pace, 21, NOW_US));
    for (int i = 0; i < 20; i++)
        pace_note(&pace, true, 20, 50000, NOW_US);
    assert_false(pace_wants_batch(&pace, 49, NOW_US));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_tried_is_tried_with_a_group_of_some_size),
        cmocka_unit_test(after_a_batch_single_messages_are_tried),
        cmocka_unit_test(a_batch_is_wanted_from_where_it_pays),
        cmocka_unit_test(where_no_batch_pays_there_is_no_hope_for_a_while),
        cmocka_unit_test(a_batch_of_one_is_never_wanted),
        cmocka_unit_test(a_small_group_measures_nothing),
        cmocka_unit_test(one_slow_group_does_not_decide_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

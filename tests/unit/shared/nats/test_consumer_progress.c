#include "shared/nats/consumer_progress.h"
#include "tests/support/base/test.h"

static const struct consumer_progress busy = {.last = 50, .floor = 40};

static void nothing_is_sure_before_the_consumer_has_passed_what_the_stream_held(void **state) {
    (void)state;
    struct consumer_fence fence = {0}, passed = {0};
    assert_false(consumer_fence_pass(&fence, &busy, 7000, &passed));
    /* More comes meanwhile: that is not what was waited for. */
    struct consumer_progress later = {.last = 80, .floor = 49};
    assert_false(consumer_fence_pass(&fence, &later, 9000, &passed));
    later.floor = 50;
    assert_true(consumer_fence_pass(&fence, &later, 9500, &passed));
    assert_int_equal(passed.sequence, 50);
    assert_int_equal(passed.at_us, 7000);
}

static void a_consumer_without_work_has_passed_what_is_not_for_it(void **state) {
    (void)state;
    struct consumer_fence fence = {0}, passed = {0};
    const struct consumer_progress idle = {.last = 50, .floor = 40, .is_idle = true};
    assert_true(consumer_fence_pass(&fence, &idle, 7000, &passed));
    assert_int_equal(passed.at_us, 7000);
}

static void a_stream_that_was_made_anew_holds_nothing_to_pass(void **state) {
    (void)state;
    struct consumer_fence fence = {0}, passed = {0};
    const struct consumer_progress empty = {0};
    assert_true(consumer_fence_pass(&fence, &empty, 7000, &passed));
    assert_int_equal(passed.sequence, 0);
}

static void a_stream_that_is_set_back_meanwhile_has_less_to_wait_for(void **state) {
    (void)state;
    struct consumer_fence fence = {0}, passed = {0};
    assert_false(consumer_fence_pass(&fence, &busy, 7000, &passed));
    const struct consumer_progress set_back = {.last = 20, .floor = 20};
    assert_true(consumer_fence_pass(&fence, &set_back, 9000, &passed));
    assert_int_equal(passed.sequence, 20);
    assert_int_equal(passed.at_us, 7000);
}

static void what_came_meanwhile_is_passed_next(void **state) {
    (void)state;
    struct consumer_fence fence = {0}, passed = {0};
    const struct consumer_progress done = {.last = 50, .floor = 50},
                                   more = {.last = 90, .floor = 60};
    assert_true(consumer_fence_pass(&fence, &done, 7000, &passed));
    assert_false(consumer_fence_pass(&fence, &more, 9000, &passed));
    assert_int_equal(fence.sequence, 90);
    assert_int_equal(fence.at_us, 9000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sure_before_the_consumer_has_passed_what_the_stream_held),
        cmocka_unit_test(a_consumer_without_work_has_passed_what_is_not_for_it),
        cmocka_unit_test(a_stream_that_was_made_anew_holds_nothing_to_pass),
        cmocka_unit_test(a_stream_that_is_set_back_meanwhile_has_less_to_wait_for),
        cmocka_unit_test(what_came_meanwhile_is_passed_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

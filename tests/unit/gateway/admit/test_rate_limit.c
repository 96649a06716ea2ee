#include "gateway/admit/rate_limit.h"
#include "tests/support/base/test.h"

#define SECOND INT64_C(1000000)

static void the_headers_say_what_is_left_and_when_it_is_back(void **state) {
    (void)state;
    struct rate_limits limits = {0};
    limits.quotas[RATE_WRITE] = (struct rate_quota){100, 60 * SECOND};
    limits.quotas[RATE_ADDRESS] = (struct rate_quota){5, 10 * SECOND};
    /* half of it used up, and all of it */
    const struct rate_result result = {
        .count = 2, .classes = {RATE_WRITE, RATE_ADDRESS}, .levels_us = {30 * SECOND, 9500000}};
    struct buf policy = {0}, left = {0};
    rate_limit_write_policy(&limits, &result, &policy);
    rate_limit_write_state(&limits, &result, &left);
    assert_string_equal(policy.ptr, "\"write\";q=100;w=60, \"address\";q=5;w=10");
    assert_string_equal(left.ptr, "\"write\";r=50;t=30, \"address\";r=0;t=10");
    assert_int_equal(rate_limit_retry_s(&limits, &result), 2);
    buf_fini(&policy);
    buf_fini(&left);
}

static void nothing_is_limited_unless_it_is_said(void **state) {
    (void)state;
    struct rate_limits limits = {0};
    assert_false(rate_limits_any(&limits));
    limits.quotas[RATE_ADDRESS].count = 1;
    assert_true(rate_limits_any(&limits));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_headers_say_what_is_left_and_when_it_is_back),
        cmocka_unit_test(nothing_is_limited_unless_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

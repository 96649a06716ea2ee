/* How many requests a quota lets through, what is told of it, and the table of one process. */
#include "gateway/admit/rate_limit.h"
#include "tests/support/base/test.h"

#define SECOND INT64_C(1000000)

static void a_quota_is_read_as_written(void **state) {
    (void)state;
    struct rate_quota quota;
    assert_true(rate_quota_parse("100/1m", &quota));
    assert_int_equal(quota.count, 100);
    assert_int_equal(quota.window_us, 60 * SECOND);
    assert_true(rate_quota_parse("999999/1s", &quota));
    assert_true(rate_quota_parse("5/24h", &quota));
    assert_int_equal(quota.window_us, 24 * 3600 * SECOND);
    assert_true(rate_quota_parse("off", &quota));
    assert_int_equal(quota.count, 0);
    static const char *const wrong[] = {
        "",    "100",   "100/",  "/1m",   "0/1m",   "-1/1m",      "1/0s",    "1/1d", "1/1",
        "1/m", "1/1ms", " 1/1s", "1/1s ", "1.5/1s", "1000000/1s", "1/1000s", "Off",  "1/ 1s"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (rate_quota_parse(wrong[i], &quota))
            fail_msg("\"%s\" was taken", wrong[i]);
}

/* How many of `tries` at that moment pass. */
static int pass(struct rate_local *local, const char *key, const struct rate_quota *quota,
                int64_t now_us, int tries) {
    int passed = 0;
    struct rate_bucket bucket = {slice_of(key), *quota, 0};
    for (int i = 0; i < tries; i++)
        passed += rate_local_take(local, &bucket, 1, now_us);
    return passed;
}

static void the_whole_quota_passes_at_once_and_comes_back_evenly(void **state) {
    (void)state;
    static const char *const texts[] = {"1/1s", "7/1m", "100/1m", "999/1h"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct rate_local *local = rate_local_create();
        struct rate_quota quota;
        assert_true(rate_quota_parse(texts[i], &quota));
        int count = (int)quota.count;
        int64_t cost_us = rate_quota_cost_us(&quota), start_us = 5 * SECOND;
        assert_int_equal(pass(local, "k", &quota, start_us, count + 5), count);
        assert_int_equal(pass(local, "k", &quota, start_us + cost_us - count, 1), 0);
        assert_int_equal(pass(local, "k", &quota, start_us + cost_us, 2), 1);
        assert_int_equal(pass(local, "k", &quota, start_us + 3 * quota.window_us, count + 5),
                         count);
        rate_local_destroy(&local);
    }
}

static void keys_do_not_disturb_each_other(void **state) {
    (void)state;
    struct rate_local *local = rate_local_create();
    const struct rate_quota quota = {10, SECOND};
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key %d", i);
        assert_int_equal(pass(local, key, &quota, SECOND, 12), 10);
    }
    rate_local_destroy(&local);
}

/* The table is bounded and forgets the key that has used least: a flood of keys cannot make it
 * grow. */
static void a_flood_of_keys_does_not_free_who_has_used_most(void **state) {
    (void)state;
    struct rate_local *local = rate_local_create();
    const struct rate_quota quota = {10, 60 * SECOND};
    assert_int_equal(pass(local, "busy", &quota, SECOND, 12), 10);
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        pass(local, key, &quota, SECOND, 1);
    }
    assert_int_equal(pass(local, "busy", &quota, SECOND, 1), 0);
    rate_local_destroy(&local);
}

static void a_request_takes_of_both_quotas_or_of_none(void **state) {
    (void)state;
    struct rate_local *local = rate_local_create();
    struct rate_bucket buckets[] = {{SLICE_LITERAL("subject"), {3, 60 * SECOND}, 0},
                                    {SLICE_LITERAL("address"), {5, 60 * SECOND}, 0}};
    for (int i = 0; i < 10; i++)
        assert_int_equal(rate_local_take(local, buckets, 2, SECOND), i < 3);
    /* the seven refused ones cost the address nothing */
    assert_int_equal(rate_quota_remaining(&buckets[1].quota, buckets[1].level_us), 2);
    assert_int_equal(pass(local, "address", &buckets[1].quota, SECOND, 5), 2);
    rate_local_destroy(&local);
}

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
        cmocka_unit_test(a_quota_is_read_as_written),
        cmocka_unit_test(the_whole_quota_passes_at_once_and_comes_back_evenly),
        cmocka_unit_test(keys_do_not_disturb_each_other),
        cmocka_unit_test(a_flood_of_keys_does_not_free_who_has_used_most),
        cmocka_unit_test(a_request_takes_of_both_quotas_or_of_none),
        cmocka_unit_test(the_headers_say_what_is_left_and_when_it_is_back),
        cmocka_unit_test(nothing_is_limited_unless_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

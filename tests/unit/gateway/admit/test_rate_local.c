#include "gateway/admit/rate_local.h"
#include "tests/support/base/test.h"

#define SECOND INT64_C(1000000)

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

static void a_new_key_passes_though_the_table_is_full(void **state) {
    (void)state;
    struct rate_local *local = rate_local_create();
    const struct rate_quota quota = {1, 60 * SECOND};
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(pass(local, key, &quota, SECOND, 1), 1);
    }
    rate_local_destroy(&local);
}

static void thousands_of_keys_are_remembered_at_once(void **state) {
    (void)state;
    struct rate_local *local = rate_local_create();
    const struct rate_quota quota = {1, 60 * SECOND};
    for (int i = 0; i < 4000; i++) { /* each twice */
        char key[16];
        snprintf(key, sizeof(key), "%d", i % 2000);
        assert_int_equal(pass(local, key, &quota, SECOND, 1), i < 2000);
    }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_quota_passes_at_once_and_comes_back_evenly),
        cmocka_unit_test(keys_do_not_disturb_each_other),
        cmocka_unit_test(a_flood_of_keys_does_not_free_who_has_used_most),
        cmocka_unit_test(a_new_key_passes_though_the_table_is_full),
        cmocka_unit_test(thousands_of_keys_are_remembered_at_once),
        cmocka_unit_test(a_request_takes_of_both_quotas_or_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

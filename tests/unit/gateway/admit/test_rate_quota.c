#include "gateway/admit/rate_quota.h"
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

/* Three an hour: each costs twenty minutes. */
static const struct rate_quota thirds = {3, 3600 * SECOND};

static void a_request_has_room_while_its_cost_fits_into_the_window(void **state) {
    (void)state;
    assert_int_equal(rate_quota_cost_us(&thirds), 1200 * SECOND);
    assert_true(rate_quota_has_room(&thirds, 2400 * SECOND));
    assert_false(rate_quota_has_room(&thirds, 2400 * SECOND + 1));
}

static void what_is_left_is_whole_requests_and_no_more_than_the_quota(void **state) {
    (void)state;
    assert_int_equal(rate_quota_remaining(&thirds, -1200 * SECOND), 3);
    assert_int_equal(rate_quota_remaining(&thirds, 0), 3);
    assert_int_equal(rate_quota_remaining(&thirds, 1), 2);
    assert_int_equal(rate_quota_remaining(&thirds, 2400 * SECOND), 1);
    assert_int_equal(rate_quota_remaining(&thirds, 3600 * SECOND), 0);
}

static void seconds_are_told_rounded_up_and_nobody_is_told_to_come_at_once(void **state) {
    (void)state;
    assert_int_equal(rate_quota_reset_s(-SECOND), 0);
    assert_int_equal(rate_quota_reset_s(0), 0);
    assert_int_equal(rate_quota_reset_s(1), 1);
    assert_int_equal(rate_quota_reset_s(SECOND), 1);
    assert_int_equal(rate_quota_reset_s(SECOND + 1), 2);
    assert_int_equal(rate_quota_retry_s(&thirds, 0), 1);
    assert_int_equal(rate_quota_retry_s(&thirds, 2400 * SECOND), 1);
    assert_int_equal(rate_quota_retry_s(&thirds, 2401 * SECOND + 1), 2);
    assert_int_equal(rate_quota_retry_s(&thirds, 3600 * SECOND), 1200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_is_read_as_written),
        cmocka_unit_test(a_request_has_room_while_its_cost_fits_into_the_window),
        cmocka_unit_test(what_is_left_is_whole_requests_and_no_more_than_the_quota),
        cmocka_unit_test(seconds_are_told_rounded_up_and_nobody_is_told_to_come_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

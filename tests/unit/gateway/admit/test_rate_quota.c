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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_is_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

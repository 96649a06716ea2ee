#include "gateway/lane/request_trace.h"

#include "tests/support/base/test.h"

static void a_share_is_a_number_from_0_to_1(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double share;
    } good[] = {{"0", 0}, {"1", 1}, {"0.25", 0.25}, {"1.0", 1}, {".5", 0.5}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        double share = -1;
        assert_true(trace_sample_parse(good[i].text, &share));
        assert_true(share == good[i].share);
    }
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "1.01", "2",    "-0.1", "50%", "all",
                                      "0.1x", "nan",  "1e-3", ".",    " 1",  "0.1.2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        double share = -1;
        assert_false(trace_sample_parse(bad[i], &share));
        assert_true(share == -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_a_number_from_0_to_1),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

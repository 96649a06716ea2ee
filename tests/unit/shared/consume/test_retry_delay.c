#include "shared/consume/retry_delay.h"

#include "tests/support/base/test.h"

static void delays_double_from_one_second_up_to_a_minute(void **state) {
    (void)state;
    static const int64_t delays_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000};
    for (int i = 0; i < 8; i++)
        assert_int_equal(retry_delay_ms(i + 1, false), delays_ms[i]);
    assert_int_equal(retry_delay_ms(1000, false), 64000);
}

static void no_delivery_is_waited_for_behind_the_last(void **state) {
    (void)state;
    assert_int_equal(retry_delay_ms(4, true), 1000);
    assert_int_equal(retry_delay_ms(1, true), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_from_one_second_up_to_a_minute),
        cmocka_unit_test(no_delivery_is_waited_for_behind_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "shared/contract/currency.h"

#include "tests/support/base/test.h"

static void only_active_codes_in_capitals_are_known(void **state) {
    (void)state;
    static const char *const known[] = {"AED", "EUR", "ISK", "KWD", "USD", "ZWG"};
    static const char *const refused[] = {"", "usd", "US", "USDX", "XAU", "XXX", "ZZZ"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_true(currency_is_known(slice_of(known[i])));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(currency_is_known(slice_of(refused[i])));
}

static void cards_are_charged_in_steps(void **state) {
    (void)state;
    assert_int_equal(currency_step_minor(SLICE_LITERAL("USD")), 1);
    assert_int_equal(currency_step_minor(SLICE_LITERAL("ISK")), 1);
    assert_int_equal(currency_step_minor(SLICE_LITERAL("KWD")), 10);
    assert_int_equal(currency_step_minor(SLICE_LITERAL("TND")), 10);
    assert_int_equal(currency_step_minor(SLICE_LITERAL("MGA")), 100);
    assert_int_equal(currency_step_minor((struct slice){0}), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_active_codes_in_capitals_are_known),
        cmocka_unit_test(cards_are_charged_in_steps),
    };
    return cmocka_run_group_tests_name("currency", tests, NULL, NULL);
}

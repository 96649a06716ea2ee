/* Each rule at its edge, both sides.

   Covers: services/payment/simulator/amount_rule.c */
#include "services/payment/simulator/amount_rule.h"
#include "tests/support/base/test.h"

static const char *judge(const char *currency, int64_t amount, const char **code) {
    return amount_rule_judge(slice_of(currency), amount, code);
}

static void assert_charged(const char *currency, int64_t amount) {
    const char *code;
    assert_null(judge(currency, amount, &code));
    assert_null(code);
}

static void assert_refused(const char *currency, int64_t amount, const char *wrong,
                           const char *why) {
    const char *code, *parameter = judge(currency, amount, &code);
    assert_non_null(parameter);
    assert_string_equal(parameter, wrong);
    if (why == NULL)
        assert_null(code);
    else
        assert_string_equal(code, why);
}

static void currencies_that_cards_are_charged_in(void **state) {
    (void)state;
    static const char *const refused[] = {"xau", "xxx", "xts", "USD", "us", "usdd",
                                          "",    "cup", "irr", "kpw", "syp"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_refused(refused[i], 1000, "currency", NULL);
    assert_charged("usd", 1000);
    assert_charged("zmw", 1000);
    assert_charged("aed", 1000);
    /* Whole ariary: no decimals there. */
    assert_charged("mga", 501);
}

static void amounts_that_end_as_the_currency_wants(void **state) {
    (void)state;
    assert_refused("isk", 550, "amount", NULL);
    assert_charged("isk", 500);
    assert_refused("ugx", 505, "amount", NULL);
    assert_charged("ugx", 500);
    assert_refused("kwd", 1234, "amount", NULL);
    assert_charged("kwd", 1230);
    assert_charged("lkr", 1234);
}

static void amounts_between_the_least_and_the_most(void **state) {
    static const struct {
        const char *currency;
        int64_t least, most;
    } bounds[] = {
        {"usd", 50, 99999999},   {"gbp", 30, 99999999},   {"huf", 17500, 9999999999},
        {"isk", 100, 99999900},  {"inr", 50, 999999999},  {"idr", 1, 999999999999},
        {"jpy", 50, 9999999999}, {"thb", 1000, 99999999}, {"lbp", 1, 99999999999},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        const char *currency = bounds[i].currency;
        assert_charged(currency, bounds[i].least);
        assert_charged(currency, bounds[i].most);
        assert_refused(currency, 0, "amount", NULL);
        assert_refused(currency, bounds[i].most + 100, "amount", "amount_too_large");
        if (bounds[i].least > 1 && strcmp(currency, "isk") != 0)
            assert_refused(currency, bounds[i].least - 1, "amount", "amount_too_small");
    }
    assert_refused("isk", 100000000, "amount", "amount_too_large");
    assert_refused("isk", 1000000000, "amount", "amount_too_large");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(currencies_that_cards_are_charged_in),
        cmocka_unit_test(amounts_that_end_as_the_currency_wants),
        cmocka_unit_test(amounts_between_the_least_and_the_most),
    };
    return cmocka_run_group_tests_name("amount_rule", tests, NULL, NULL);
}

/* The query of the analytics resources. */
#include "gateway/admin/analytics_query.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"

#define NOW_US (INT64_C(1770000000) * 1000000)

static enum status parse(const char *query, struct period *period, struct error *error) {
    return analytics_query_parse(slice_of(query), NOW_US, period, error);
}

static void no_query_is_the_usual_period(void **state) {
    (void)state;
    struct period period;
    struct error error;
    assert_int_equal(parse("", &period, &error), STATUS_OK);
    assert_int_equal(period.granularity, GRANULARITY_HOUR);
    assert_int_equal(period.to_us, NOW_US);
}

static void parameters_come_in_any_order_and_percent_encoded(void **state) {
    (void)state;
    struct period period;
    struct error error;
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
    assert_int_equal(parse("granularity=min%75te&to=2026-01-31T12%3A30%3a00%2B01:00&"
                           "from=2026-01-31T12:00:00+01:00",
                           &period, &error),
                     STATUS_OK);
    clock_format(period.from_us, from);
    clock_format(period.to_us, to);
    assert_int_equal(period.granularity, GRANULARITY_MINUTE);
    assert_string_equal(from, "2026-01-31T11:00:00.000000Z");
    assert_string_equal(to, "2026-01-31T11:30:00.000000Z");
}

static void a_wrong_query_is_named(void **state) {
    (void)state;
    static const struct {
        const char *query, *named;
    } wrong[] = {
        {"form=2026-01-31T12:00:00Z", "only from, to, granularity"},
        {"&", "only from, to, granularity"},
        {"from", "from: malformed"},
        {"from=", "from: malformed"},
        {"to=%", "to: malformed"},
        {"to=%4", "to: malformed"},
        {"to=%zz", "to: malformed"},
        {"to=2026%00", "to: malformed"},
        {"granularity=hour&granularity=hour", "granularity: given twice"},
        {"granularity=week", "granularity: must be"},
        {"from=now", "from: must be"},
        {"granularity=hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
         "granularity: too long"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct period period;
        struct error error;
        assert_int_equal(parse(wrong[i].query, &period, &error), STATUS_INVALID);
        assert_contains(error.text, wrong[i].named);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_query_is_the_usual_period),
        cmocka_unit_test(parameters_come_in_any_order_and_percent_encoded),
        cmocka_unit_test(a_wrong_query_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

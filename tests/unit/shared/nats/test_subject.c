#include "shared/nats/subject.h"
#include "tests/support/base/test.h"

static void filters_match_as_nats_does(void **state) {
    (void)state;
    static const struct {
        const char *filter, *subject;
        bool matches;
    } cases[] = {
        {"orders.>", "orders.evt.created", true},
        {"orders.>", "orders", false},
        {"orders.*.created", "orders.evt.created", true},
        {"orders.*", "orders.evt.created", false},
        {"orders.evt.created", "orders.evt.created", true},
        {"orders.evt.created", "orders.evt.create", false},
        {"orders.evt", "orders.evt.created", false},
        {">", "a", true},
        {"a.>", "a.b.>", true},
        {"a.*", "a.>", false},
        {"a.b", "a.*", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (subject_matches(slice_of(cases[i].filter), slice_of(cases[i].subject)) !=
            cases[i].matches)
            fail_msg("%s on %s", cases[i].filter, cases[i].subject);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_nats_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

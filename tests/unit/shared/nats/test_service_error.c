#include "shared/nats/service_error.h"

#include "tests/support/base/test.h"

static void a_refusal_reaches_who_asked_as_what_it_was(void **state) {
    (void)state;
    static const enum status refusals[] = {STATUS_INVALID, STATUS_NOT_FOUND, STATUS_CONFLICT,
                                           STATUS_UNAVAILABLE, STATUS_INTERNAL};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        char code[16];
        snprintf(code, sizeof(code), "%d", service_error_code(refusals[i]));
        assert_int_equal(service_error_status(code), refusals[i]);
    }
}

static void whatever_trying_again_may_heal_is_unavailable(void **state) {
    (void)state;
    assert_int_equal(service_error_code(STATUS_SERIALIZATION), 503);
    assert_int_equal(service_error_code(STATUS_TIMEOUT), 503);
    assert_int_equal(service_error_code(STATUS_DATA), 500);
}

static void an_unknown_code_is_an_internal_error(void **state) {
    (void)state;
    assert_int_equal(service_error_status("418"), STATUS_INTERNAL);
    assert_int_equal(service_error_status(""), STATUS_INTERNAL);
    assert_int_equal(service_error_status("no code"), STATUS_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_reaches_who_asked_as_what_it_was),
        cmocka_unit_test(whatever_trying_again_may_heal_is_unavailable),
        cmocka_unit_test(an_unknown_code_is_an_internal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "shared/base/status.h"

#include "tests/support/base/test.h"

static void every_status_has_its_name_and_text(void **state) {
    (void)state;

    assert_string_equal(status_name(STATUS_OK), "OK");
    assert_string_equal(status_text(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(status_text(STATUS_NOT_FOUND), "not found");
    assert_string_equal(status_name(STATUS_INTERNAL), "INTERNAL");
}

static void a_number_that_is_no_status_is_named_unknown(void **state) {
    (void)state;

    assert_string_equal(status_name((enum status)999), "UNKNOWN");
    assert_string_equal(status_text((enum status)999), "unknown status");
    assert_false(status_is_retryable((enum status)999));
}

static void only_what_time_can_heal_is_retryable(void **state) {
    (void)state;

    assert_true(status_is_retryable(STATUS_SERIALIZATION));
    assert_true(status_is_retryable(STATUS_TIMEOUT));
    assert_true(status_is_retryable(STATUS_UNAVAILABLE));
    assert_true(status_is_retryable(STATUS_OVERLOADED));
    assert_false(status_is_retryable(STATUS_INVALID));
    assert_false(status_is_retryable(STATUS_DATA));
    assert_false(status_is_retryable(STATUS_OK));
}

static void error_set_fills_the_error_and_returns_the_status(void **state) {
    (void)state;
    struct error error = {.sqlstate = "23505"};

    enum status status = error_set(&error, STATUS_CONFLICT, "%s is %d", "answer", 42);

    assert_int_equal(status, STATUS_CONFLICT);
    assert_int_equal(error.status, STATUS_CONFLICT);
    assert_string_equal(error.text, "answer is 42");
    assert_string_equal(error.sqlstate, "");
}

static void error_set_does_without_an_error(void **state) {
    (void)state;

    assert_int_equal(error_set(NULL, STATUS_TIMEOUT, "nobody reads this"), STATUS_TIMEOUT);
}

static void a_long_text_is_cut_and_terminated(void **state) {
    (void)state;
    struct error error;

    error_set(&error, STATUS_INVALID, "%1000d", 1);

    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_name_and_text),
        cmocka_unit_test(a_number_that_is_no_status_is_named_unknown),
        cmocka_unit_test(only_what_time_can_heal_is_retryable),
        cmocka_unit_test(error_set_fills_the_error_and_returns_the_status),
        cmocka_unit_test(error_set_does_without_an_error),
        cmocka_unit_test(a_long_text_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

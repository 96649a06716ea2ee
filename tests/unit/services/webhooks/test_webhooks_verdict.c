#include "services/webhooks/verdict.h"

#include "tests/support/base/test.h"

static char error_text[VERDICT_ERROR_SIZE];

static struct delivery_settlement give(const struct delivery_facts *facts, int status,
                                       const char *head) {
    struct delivery_settlement settlement = {0};
    struct httpc_call call = {.result = status > 0 ? HTTPC_ANSWERED : HTTPC_LOST,
                              .status = status,
                              .error = "Timeout was reached"};
    buf_append_text(&call.head, head);
    verdict_give(facts, &call, &settlement, error_text);
    httpc_call_fini(&call);
    return settlement;
}

static const struct delivery_facts first = {.attempts = 1, .give_up_s = 100};

static void only_2xx_is_delivered(void **state) {
    (void)state;
    static const int good[] = {200, 201, 202, 204, 299};
    static const int bad[] = {301, 302, 307, 400, 401, 404, 408, 410, 422, 429, 500, 503, 0};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(give(&first, good[i], "").result, RESULT_DELIVERED);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(give(&first, bad[i], "").result, RESULT_PUT_OFF);
}

static void a_failure_says_what_came(void **state) {
    (void)state;
    assert_int_equal(give(&first, 503, "").response_status, 503);
    assert_string_equal(error_text, "the receiver answered 503");
    assert_int_equal(give(&first, 0, "").response_status, 0);
    assert_string_equal(error_text, "Timeout was reached");
    (void)give(&first, 200, "");
    assert_string_equal(error_text, "");
}

static void only_410_ends_the_webhook(void **state) {
    (void)state;
    assert_true(give(&first, 410, "").is_gone);
    assert_false(give(&first, 404, "").is_gone);
}

/* Chance takes away up to a half. */
static void assert_about(int64_t wait_ms, int64_t most_ms) {
    assert_in_range(wait_ms, most_ms / 2, most_ms);
}

static void waits_double_up_to_an_hour(void **state) {
    (void)state;
    struct delivery_facts facts = {.attempts = 1, .failures = 4, .give_up_s = 100};
    assert_about(give(&facts, 500, "").delay_ms, 1000);
    assert_about(give(&facts, 500, "").rest_ms, 16000);
    facts.attempts = 3;
    assert_about(give(&facts, 500, "").delay_ms, 4000);
    facts.attempts = 40;
    assert_about(give(&facts, 500, "").delay_ms, 3600000);
}

static void retry_after_is_kept_up_to_an_hour(void **state) {
    (void)state;
    assert_int_equal(give(&first, 503, "Retry-After: 120\r\n").delay_ms, 120000);
    assert_int_equal(give(&first, 503, "Retry-After: 120\r\n").rest_ms, 120000);
    assert_int_equal(give(&first, 429, "Retry-After: 864000\r\n").delay_ms, 3600000);
}

static void what_is_too_old_and_a_ping_are_given_up(void **state) {
    (void)state;
    const struct delivery_facts old = {.attempts = 9, .age_s = 100, .give_up_s = 100};
    const struct delivery_facts ping = {.is_ping = true, .attempts = 1, .give_up_s = 100};
    assert_int_equal(give(&old, 500, "").result, RESULT_FAILED);
    assert_int_equal(give(&old, 200, "").result, RESULT_DELIVERED);
    assert_int_equal(give(&ping, 500, "").result, RESULT_FAILED);
    assert_true(give(&ping, 500, "").is_ping);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_2xx_is_delivered),
        cmocka_unit_test(a_failure_says_what_came),
        cmocka_unit_test(only_410_ends_the_webhook),
        cmocka_unit_test(waits_double_up_to_an_hour),
        cmocka_unit_test(retry_after_is_kept_up_to_an_hour),
        cmocka_unit_test(what_is_too_old_and_a_ping_are_given_up),
    };
    return cmocka_run_group_tests_name("webhooks_verdict", tests, NULL, NULL);
}

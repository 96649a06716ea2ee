#include "shared/net/breaker.h"
#include "tests/support/base/test.h"

#define SECOND INT64_C(1000000)

static struct breaker *breaker;

static int make(void **state) {
    (void)state;
    breaker = breaker_create("test");
    return 0;
}

static int end(void **state) {
    (void)state;
    breaker_destroy(&breaker);
    assert_null(breaker);
    return 0;
}

static void fail_at(int64_t now_us) {
    assert_true(breaker_allow(breaker, now_us));
    breaker_report(breaker, "down", now_us);
}

static void open_at(int64_t now_us) {
    for (int i = 0; i < BREAKER_FAILURES; i++)
        fail_at(now_us);
    assert_int_equal(breaker_state(breaker), BREAKER_OPEN);
}

static void four_failures_leave_it_closed(void **state) {
    (void)state;
    for (int i = 0; i < BREAKER_FAILURES - 1; i++)
        fail_at(i);
    assert_true(breaker_allow(breaker, 10));
    assert_int_equal(breaker_state(breaker), BREAKER_CLOSED);
}

static void five_failures_within_a_minute_open_it(void **state) {
    (void)state;
    for (int i = 0; i < BREAKER_FAILURES; i++)
        fail_at(i * 15 * SECOND);
    assert_int_equal(breaker_state(breaker), BREAKER_OPEN);
    assert_false(breaker_allow(breaker, 61 * SECOND));
}

static void failures_spread_over_more_than_a_minute_do_not_open_it(void **state) {
    (void)state;
    for (int i = 0; i < 3 * BREAKER_FAILURES; i++)
        fail_at(i * 16 * SECOND);
    assert_int_equal(breaker_state(breaker), BREAKER_CLOSED);
}

static void open_lets_nothing_through_for_thirty_seconds(void **state) {
    (void)state;
    open_at(0);
    assert_false(breaker_allow(breaker, 0));
    assert_false(breaker_allow(breaker, BREAKER_OPEN_US - 1));
    assert_true(breaker_allow(breaker, BREAKER_OPEN_US));
}

static void half_open_lets_one_trial_through(void **state) {
    (void)state;
    open_at(0);
    assert_true(breaker_allow(breaker, BREAKER_OPEN_US));
    assert_int_equal(breaker_state(breaker), BREAKER_HALF_OPEN);
    assert_false(breaker_allow(breaker, BREAKER_OPEN_US + 1));
}

static void a_trial_that_succeeds_closes_it(void **state) {
    (void)state;
    open_at(0);
    assert_true(breaker_allow(breaker, BREAKER_OPEN_US));
    breaker_report(breaker, NULL, BREAKER_OPEN_US + 1);
    assert_int_equal(breaker_state(breaker), BREAKER_CLOSED);
    for (int i = 0; i < BREAKER_FAILURES - 1; i++) /* the old failures are forgotten */
        fail_at(BREAKER_OPEN_US + 2);
    assert_true(breaker_allow(breaker, BREAKER_OPEN_US + 3));
}

static void a_trial_that_fails_opens_it_again(void **state) {
    (void)state;
    open_at(0);
    fail_at(BREAKER_OPEN_US);
    assert_int_equal(breaker_state(breaker), BREAKER_OPEN);
    assert_false(breaker_allow(breaker, 2 * BREAKER_OPEN_US - 1));
    assert_true(breaker_allow(breaker, 2 * BREAKER_OPEN_US));
}

static void a_trial_that_never_reports_is_given_up(void **state) {
    (void)state;
    open_at(0);
    assert_true(breaker_allow(breaker, BREAKER_OPEN_US));
    assert_false(breaker_allow(breaker, 2 * BREAKER_OPEN_US - 1));
    assert_true(breaker_allow(breaker, 2 * BREAKER_OPEN_US));
}

static void a_late_report_does_not_close_an_open_breaker(void **state) {
    (void)state;
    open_at(0);
    breaker_report(breaker, NULL, 1);
    assert_int_equal(breaker_state(breaker), BREAKER_OPEN);
}

/* "Breaker is open" alone hid that the key was wrong. */
static void a_refusal_says_why_the_last_call_failed(void **state) {
    (void)state;
    struct error error = {0};
    open_at(0);
    breaker_allow(breaker, BREAKER_OPEN_US);
    breaker_report(breaker, "wrong key", BREAKER_OPEN_US);
    assert_int_equal(breaker_refuse(breaker, "bank", &error), STATUS_UNAVAILABLE);
    assert_int_equal(error.status, STATUS_UNAVAILABLE);
    assert_string_equal(error.text, "bank: breaker is open: wrong key");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_refusal_says_why_the_last_call_failed),
        TEST(four_failures_leave_it_closed),
        TEST(five_failures_within_a_minute_open_it),
        TEST(failures_spread_over_more_than_a_minute_do_not_open_it),
        TEST(open_lets_nothing_through_for_thirty_seconds),
        TEST(half_open_lets_one_trial_through),
        TEST(a_trial_that_succeeds_closes_it),
        TEST(a_trial_that_fails_opens_it_again),
        TEST(a_trial_that_never_reports_is_given_up),
        TEST(a_late_report_does_not_close_an_open_breaker),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}

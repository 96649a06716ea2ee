#include "services/payment/payment_fsm.h"
#include "tests/support/base/test.h"

static const enum provider_answer answers[] = {
    PROVIDER_NONE,      PROVIDER_DONE,   PROVIDER_DECLINED, PROVIDER_NOTHING,
    PROVIDER_TRANSIENT, PROVIDER_OUTAGE, PROVIDER_ACTION};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static void assert_goes(enum payment_status from, enum payment_operation operation,
                        enum provider_answer answer, enum payment_status to) {
    const struct payment_transition *row = payment_fsm_step(from, operation, answer);
    assert_non_null(row);
    assert_int_equal(row->next, to);
}

static void money_moves_one_way_from_intent_to_its_end(void **state) {
    (void)state;
    assert_goes(PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_DONE, PAYMENT_CAPTURED);
    assert_goes(PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_DECLINED, PAYMENT_DECLINED);
    assert_goes(PAYMENT_REFUNDING, PAYMENT_REFUND, PROVIDER_DONE, PAYMENT_REFUNDED);
}

static void a_charge_that_meets_a_voided_order_is_given_back(void **state) {
    (void)state;
    const struct payment_transition *row =
        payment_fsm_step(PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_DONE);
    assert_int_equal(row->next, PAYMENT_REFUNDING);
    assert_int_equal(row->says, EVENT_PAYMENT_SUCCEEDED);
    assert_true(row->must_return);
}

static void money_that_is_held_is_taken_or_let_go(void **state) {
    (void)state;
    enum payment_operation operation = PAYMENT_CHARGE;
    assert_goes(PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_DONE, PAYMENT_AUTHORIZED);
    assert_goes(PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_DECLINED, PAYMENT_DECLINED);
    assert_int_equal(payment_fsm_due(PAYMENT_AUTHORIZED), PAYMENT_CAPTURING);
    assert_true(payment_fsm_owes(PAYMENT_CAPTURING, &operation));
    assert_int_equal(operation, PAYMENT_CAPTURE);
    assert_goes(PAYMENT_CAPTURING, PAYMENT_CAPTURE, PROVIDER_DONE, PAYMENT_CAPTURED);
    assert_goes(PAYMENT_CAPTURING, PAYMENT_CAPTURE, PROVIDER_DECLINED, PAYMENT_UNCAPTURED);
    assert_int_equal(payment_fsm_end(PAYMENT_AUTHORIZED), PAYMENT_VOIDING);
    assert_true(payment_fsm_owes(PAYMENT_VOIDING, &operation));
    assert_int_equal(operation, PAYMENT_VOID);
    assert_goes(PAYMENT_VOIDING, PAYMENT_VOID, PROVIDER_DONE, PAYMENT_RELEASED);
    assert_int_equal(payment_fsm_end(PAYMENT_AUTHORIZING), PAYMENT_ABANDONED);
    assert_goes(PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_DONE, PAYMENT_VOIDING);
    assert_goes(PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_NOTHING, PAYMENT_ABANDONED);
    assert_goes(PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_DECLINED, PAYMENT_ABANDONED);
    assert_true(payment_fsm_step(PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_DONE)->must_return);
}

static void what_somebody_captured_before_it_could_be_let_go_is_given_back(void **state) {
    (void)state;
    const struct payment_transition *row =
        payment_fsm_step(PAYMENT_VOIDING, PAYMENT_VOID, PROVIDER_DECLINED);
    assert_int_equal(row->next, PAYMENT_REFUNDING);
    assert_int_equal(row->says, EVENT_PAYMENT_CAPTURED);
    assert_true(row->must_return);
}

static void a_payment_waits_for_its_customer_and_goes_on_as_it_would_have(void **state) {
    (void)state;
    assert_goes(PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_ACTION, PAYMENT_CHALLENGED);
    assert_goes(PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DONE, PAYMENT_CAPTURED);
    assert_goes(PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DECLINED, PAYMENT_DECLINED);
    assert_goes(PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_ACTION, PAYMENT_HOLD_CHALLENGED);
    assert_goes(PAYMENT_HOLD_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DONE, PAYMENT_AUTHORIZED);
    assert_goes(PAYMENT_HOLD_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DECLINED, PAYMENT_DECLINED);
    assert_null(payment_fsm_step(PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_ACTION));
}

static void what_is_withdrawn_too_late_is_paid_or_given_back(void **state) {
    (void)state;
    enum payment_operation operation;
    assert_goes(PAYMENT_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DONE, PAYMENT_DECLINED);
    assert_goes(PAYMENT_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DECLINED, PAYMENT_CAPTURED);
    assert_int_equal(payment_fsm_end(PAYMENT_CHALLENGED), PAYMENT_WITHDRAWING);
    assert_int_equal(payment_fsm_end(PAYMENT_HOLD_CHALLENGED), PAYMENT_WITHDRAWING);
    assert_true(payment_fsm_owes(PAYMENT_WITHDRAWING, &operation));
    assert_int_equal(operation, PAYMENT_WITHDRAW);
    assert_goes(PAYMENT_WITHDRAWING, PAYMENT_WITHDRAW, PROVIDER_DONE, PAYMENT_WITHDRAWN);
    assert_goes(PAYMENT_WITHDRAWING, PAYMENT_WITHDRAW, PROVIDER_DECLINED, PAYMENT_REFUNDING);
}

static void an_order_that_ended_before_its_customer_was_asked_withdraws_the_question(void **state) {
    (void)state;
    assert_goes(PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_ACTION, PAYMENT_WITHDRAWING);
    assert_goes(PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_ACTION, PAYMENT_WITHDRAWING);
    assert_true(payment_fsm_step(PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_ACTION)->must_return);
}

static void a_voided_order_that_was_not_charged_stays_voided(void **state) {
    (void)state;
    assert_goes(PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_NOTHING, PAYMENT_VOIDED);
    assert_goes(PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_DECLINED, PAYMENT_VOIDED);
}

static void an_answer_that_decides_nothing_changes_nothing(void **state) {
    (void)state;
    const enum provider_answer idle[] = {PROVIDER_NONE, PROVIDER_TRANSIENT, PROVIDER_OUTAGE};
    for (int status = 0; status < PAYMENT_STATUS_COUNT; status++) {
        for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
            for (int asked = 0; asked < PAYMENT_OPERATION_COUNT; asked++)
                assert_null(payment_fsm_step((enum payment_status)status,
                                             (enum payment_operation)asked, idle[i]));
        }
    }
}

static void what_has_ended_stays_ended(void **state) {
    (void)state;
    const enum payment_status ends[] = {PAYMENT_CAPTURED,   PAYMENT_DECLINED, PAYMENT_REFUNDED,
                                        PAYMENT_UNCAPTURED, PAYMENT_RELEASED, PAYMENT_WITHDRAWN};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        for (size_t j = 0; j < ANSWERS; j++) {
            for (int asked = 0; asked < PAYMENT_OPERATION_COUNT; asked++)
                assert_null(payment_fsm_step(ends[i], (enum payment_operation)asked, answers[j]));
        }
    }
}

static void an_order_that_ends_gets_back_what_was_captured_and_refuses_what_was_not(void **state) {
    (void)state;
    assert_int_equal(payment_fsm_end(PAYMENT_CAPTURED), PAYMENT_REFUNDING);
    assert_int_equal(payment_fsm_end(PAYMENT_INTENT), PAYMENT_VOIDED);
}

static void an_order_that_ends_again_changes_nothing(void **state) {
    (void)state;
    const enum payment_status after[] = {PAYMENT_DECLINED, PAYMENT_REFUNDING, PAYMENT_REFUNDED,
                                         PAYMENT_VOIDED};
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
        assert_int_equal(payment_fsm_end(after[i]), after[i]);
}

static void every_status_has_its_word(void **state) {
    (void)state;
    for (int status = 0; status < PAYMENT_STATUS_COUNT; status++) {
        enum payment_status parsed;
        const char *name = payment_status_name((enum payment_status)status);
        assert_true(payment_status_parse(slice_of(name), &parsed));
        assert_int_equal(parsed, status);
    }
    enum payment_status parsed;
    assert_false(payment_status_parse(SLICE_LITERAL("captured"), &parsed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_moves_one_way_from_intent_to_its_end),
        cmocka_unit_test(a_charge_that_meets_a_voided_order_is_given_back),
        cmocka_unit_test(a_voided_order_that_was_not_charged_stays_voided),
        cmocka_unit_test(a_payment_waits_for_its_customer_and_goes_on_as_it_would_have),
        cmocka_unit_test(what_is_withdrawn_too_late_is_paid_or_given_back),
        cmocka_unit_test(an_order_that_ended_before_its_customer_was_asked_withdraws_the_question),
        cmocka_unit_test(money_that_is_held_is_taken_or_let_go),
        cmocka_unit_test(what_somebody_captured_before_it_could_be_let_go_is_given_back),
        cmocka_unit_test(an_answer_that_decides_nothing_changes_nothing),
        cmocka_unit_test(what_has_ended_stays_ended),
        cmocka_unit_test(an_order_that_ends_gets_back_what_was_captured_and_refuses_what_was_not),
        cmocka_unit_test(an_order_that_ends_again_changes_nothing),
        cmocka_unit_test(every_status_has_its_word),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}

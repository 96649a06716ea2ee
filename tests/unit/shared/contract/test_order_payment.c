#include "shared/contract/order_payment.h"
#include "tests/support/base/test.h"

static void assert_stands(const struct order_money *money, const char *expected) {
    assert_string_equal(order_payment_status(money), expected);
}

static void what_is_paid_at_once_is_captured_or_given_back(void **state) {
    (void)state;
    struct order_money money = {.status = ORDER_PENDING, .total_minor = 500};
    assert_stands(&money, "PENDING");
    money.steps = STEP_PAID;
    assert_stands(&money, "CAPTURED");
    money.status = ORDER_FAILED;
    assert_stands(&money, "REFUNDING");
    money.has_refund = true;
    money.refunded_minor = 500;
    assert_stands(&money, "REFUNDED");
    money.status = ORDER_COMPLETED;
    money.refunded_minor = 499;
    assert_stands(&money, "PARTIALLY_REFUNDED");
}

static void what_is_held_is_taken_or_let_go(void **state) {
    (void)state;
    struct order_money money = {
        .status = ORDER_CONFIRMED, .steps = STEP_AUTHORIZED, .total_minor = 500};
    assert_stands(&money, "AUTHORIZED");
    money.steps |= STEP_SHIPPED;
    assert_stands(&money, "CAPTURING");
    money.steps |= STEP_UNCAPTURED;
    assert_stands(&money, "CAPTURE_FAILED");
    money.steps = STEP_AUTHORIZED;
    money.status = ORDER_CANCELLED;
    assert_stands(&money, "VOIDING");
    money.has_void = true;
    assert_stands(&money, "VOIDED");
}

static void what_nobody_took_says_why(void **state) {
    (void)state;
    struct order_money money = {.status = ORDER_FAILED, .has_decline = true};
    assert_stands(&money, "DECLINED");
    money.has_decline = false;
    assert_stands(&money, "NONE");
}

static void what_needs_its_customer_says_where_and_until_when(void **state) {
    (void)state;
    struct order_money money = {.status = ORDER_PENDING,
                                .steps = STEP_ACTION,
                                .total_minor = 500,
                                .action_url = SLICE_LITERAL("https://bank.example/1"),
                                .action_until_us = 1767225600000000};
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    order_payment_write(&money, &w);
    json_end_object(&w);
    assert_string_equal(out.ptr,
                        "{\"payment\":{\"status\":\"ACTION_REQUIRED\",\"authorizedMinor\":0,"
                        "\"capturedMinor\":0,\"refundedMinor\":0,\"nextAction\":{\"type\":"
                        "\"redirect_to_url\",\"url\":\"https://bank.example/1\",\"until\":"
                        "\"2026-01-01T00:00:00.000000Z\"}}}");
    buf_fini(&out);
    money.has_decline = true;
    assert_stands(&money, "DECLINED");
    money.has_decline = false;
    money.status = ORDER_FAILED;
    assert_stands(&money, "NONE");
    money.status = ORDER_PENDING;
    money.steps |= STEP_PAID;
    assert_stands(&money, "CAPTURED");
}

static void the_amounts_never_grow_on_the_way(void **state) {
    (void)state;
    const struct order_money money = {.status = ORDER_COMPLETED,
                                      .steps = STEP_PAID,
                                      .total_minor = 500,
                                      .refunded_minor = 200,
                                      .has_refund = true};
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    order_payment_write(&money, &w);
    json_end_object(&w);
    assert_string_equal(out.ptr,
                        "{\"payment\":{\"status\":\"PARTIALLY_REFUNDED\",\"authorizedMinor\":"
                        "500,\"capturedMinor\":500,\"refundedMinor\":200}}");
    buf_fini(&out);
}

/* Money that is held at first is never taken for pieces that are cancelled; else it is given back.
 */
static void cancelled_pieces_are_not_taken_or_given_back(void **state) {
    (void)state;
    struct order_money money = {.status = ORDER_COMPLETED,
                                .steps = STEP_RESERVED | STEP_PAID | STEP_SHIPPED,
                                .total_minor = 500,
                                .cancelled_minor = 200,
                                .refunded_minor = 300,
                                .has_refund = true};
    assert_stands(&money, "PARTIALLY_REFUNDED");
    money.steps |= STEP_AUTHORIZED;
    assert_stands(&money, "REFUNDED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_paid_at_once_is_captured_or_given_back),
        cmocka_unit_test(cancelled_pieces_are_not_taken_or_given_back),
        cmocka_unit_test(what_is_held_is_taken_or_let_go),
        cmocka_unit_test(what_nobody_took_says_why),
        cmocka_unit_test(what_needs_its_customer_says_where_and_until_when),
        cmocka_unit_test(the_amounts_never_grow_on_the_way),
    };
    return cmocka_run_group_tests_name("order_payment", tests, NULL, NULL);
}

#include "shared/contract/order_message.h"
#include "tests/support/base/test.h"

#define ALL_STEPS                                                                                  \
    (STEP_RESERVED | STEP_PAID | STEP_SHIPPED | STEP_CANCEL | STEP_OVERDUE | STEP_ON_SHIPMENT |    \
     STEP_AUTHORIZED | STEP_UNCAPTURED)

static const enum order_flow flows[] = {FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL};

static bool is_broken_off(enum order_status status) {
    return status == ORDER_FAILED || status == ORDER_CANCELLED;
}

typedef void (*visit_fn)(const struct order_stand *stand, const char *text, void *closure);

/* Every way an order can stand. */
static void walk(visit_fn visit, void *closure) {
    struct order_stand stand;
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
        for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
            for (int reason = 0; reason < ORDER_REASON_COUNT; reason++) {
                for (unsigned steps = 0; steps <= ALL_STEPS; steps++) {
                    stand = (struct order_stand){flows[i], (enum order_status)status, steps,
                                                 (enum order_reason)reason};
                    visit(&stand, order_message(&stand), closure);
                }
            }
        }
    }
}

static void expect_sentence(const struct order_stand *stand, const char *text, void *closure) {
    (void)closure;
    size_t len = text == NULL ? 0 : strlen(text);
    if (len < 10 || len > 120 || text[0] < 'A' || text[0] > 'Z' || text[len - 1] != '.' ||
        strpbrk(text, "\"\\_\n") != NULL)
        fail_msg("%s, %s, steps %u: %s", order_status_name(stand->status),
                 order_reason_name(stand->reason), stand->steps, text);
}

static void every_state_and_reason_has_a_text_that_can_be_shown(void **state) {
    (void)state;
    walk(expect_sentence, NULL);
}

/* A text that is used for another status, or another reason, would say nothing. */
static void expect_own(const struct order_stand *stand, const char *text, void *closure) {
    (void)closure;
    struct order_stand other = *stand;
    for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
        other.status = (enum order_status)status;
        if (other.status != stand->status &&
            !(is_broken_off(other.status) && is_broken_off(stand->status)))
            assert_string_not_equal(order_message(&other), text);
    }
    other.status = stand->status;
    for (int reason = 0; is_broken_off(stand->status) && reason < ORDER_REASON_COUNT; reason++) {
        other.reason = (enum order_reason)reason;
        if (other.reason != stand->reason)
            assert_string_not_equal(order_message(&other), text);
    }
}

static void no_two_states_and_no_two_reasons_read_alike(void **state) {
    (void)state;
    walk(expect_own, NULL);
}

static void assert_told(struct order_stand stand, const char *text) {
    assert_string_equal(order_message(&stand), text);
}

static void what_happens_now_depends_on_the_flow_and_the_steps(void **state) {
    (void)state;
    assert_told((struct order_stand){FLOW_INVENTORY_FIRST, ORDER_PENDING, 0, REASON_NONE},
                "We have your order and are reserving the goods.");
    assert_told((struct order_stand){FLOW_PAYMENT_FIRST, ORDER_PENDING, 0, REASON_NONE},
                "We have your order and are taking the payment.");
    assert_told((struct order_stand){FLOW_PARALLEL, ORDER_PENDING, 0, REASON_NONE},
                "We have your order, are reserving the goods and taking the payment.");
    assert_told(
        (struct order_stand){FLOW_INVENTORY_FIRST, ORDER_PENDING, STEP_RESERVED, REASON_NONE},
        "The goods are reserved, and we are taking the payment.");
    assert_told((struct order_stand){FLOW_PARALLEL, ORDER_PENDING, STEP_PAID, REASON_NONE},
                "The payment is made, and we are reserving the goods.");
    assert_told((struct order_stand){FLOW_PARALLEL, ORDER_CONFIRMED,
                                     STEP_RESERVED | STEP_PAID | STEP_CANCEL, REASON_NONE},
                ORDER_MESSAGE_CANCELLING);
    assert_told((struct order_stand){FLOW_PARALLEL, ORDER_CONFIRMED,
                                     STEP_RESERVED | STEP_AUTHORIZED | STEP_SHIPPED, REASON_NONE},
                "Your order has been sent, and we are taking the payment.");
}

static void who_has_paid_for_an_order_that_failed_is_told_of_the_money(void **state) {
    (void)state;
    assert_told((struct order_stand){FLOW_PAYMENT_FIRST, ORDER_FAILED, 0, REASON_OUT_OF_STOCK},
                "There is not enough in stock for your order. You pay nothing.");
    assert_told(
        (struct order_stand){FLOW_PAYMENT_FIRST, ORDER_FAILED, STEP_PAID, REASON_OUT_OF_STOCK},
        "There is not enough in stock for your order. You get back what you paid.");
}

static void expect_in_document(const struct order_stand *stand, const char *text, void *closure) {
    (void)stand;
    char sentence[128];
    snprintf(sentence, sizeof(sentence), "%s", text);
    /* the document has what of the money is said once */
    char *money = strstr(sentence, is_broken_off(stand->status) ? ". You " : "\n");
    if (money != NULL)
        money[1] = '\0';
    assert_contains(((const struct buf *)closure)->ptr, sentence);
}

static void the_document_has_every_text(void **state) {
    (void)state;
    struct buf document = read_file(OM_SOURCE_DIR "/docs/order-lifecycle.md");
    walk(expect_in_document, &document);
    assert_contains(document.ptr, ORDER_MESSAGE_ACCEPTED);
    assert_contains(document.ptr, ORDER_MESSAGE_CANCELLED);
    buf_fini(&document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_reason_has_a_text_that_can_be_shown),
        cmocka_unit_test(no_two_states_and_no_two_reasons_read_alike),
        cmocka_unit_test(what_happens_now_depends_on_the_flow_and_the_steps),
        cmocka_unit_test(who_has_paid_for_an_order_that_failed_is_told_of_the_money),
        cmocka_unit_test(the_document_has_every_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

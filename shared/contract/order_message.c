#include "shared/contract/order_message.h"

#define EVERY_FLOW (~0u)
#define PARALLEL (1u << FLOW_PARALLEL)
#define PAYMENT_FIRST (1u << FLOW_PAYMENT_FIRST)

/* The first row that fits counts: in these flows and this status, with at least these steps. */
static const struct {
    unsigned flows;
    enum order_status status;
    unsigned steps;
    const char *text;
} messages[] = {
    {EVERY_FLOW, ORDER_PENDING, STEP_RESERVED | STEP_PAID, "We are confirming your order."},
    {EVERY_FLOW, ORDER_PENDING, STEP_RESERVED | STEP_AUTHORIZED, "We are confirming your order."},
    {EVERY_FLOW, ORDER_PENDING, STEP_AUTHORIZED,
     "The payment is authorized, and we are reserving the goods."},
    {EVERY_FLOW, ORDER_PENDING, STEP_PAID, "The payment is made, and we are reserving the goods."},
    {EVERY_FLOW, ORDER_PENDING, STEP_ACTION,
     "Your bank asks you to confirm the payment: please follow its link."},
    {EVERY_FLOW, ORDER_PENDING, STEP_RESERVED,
     "The goods are reserved, and we are taking the payment."},
    {PAYMENT_FIRST, ORDER_PENDING, 0, "We have your order and are taking the payment."},
    {PARALLEL, ORDER_PENDING, 0,
     "We have your order, are reserving the goods and taking the payment."},
    {EVERY_FLOW, ORDER_PENDING, 0, "We have your order and are reserving the goods."},
    {EVERY_FLOW, ORDER_CONFIRMED, STEP_SHIPPED,
     "Your order has been sent, and we are taking the payment."},
    {EVERY_FLOW, ORDER_CONFIRMED, STEP_PART_SHIPPED,
     "A part of your order has been sent, and the rest is being prepared for shipping."},
    {EVERY_FLOW, ORDER_CONFIRMED, STEP_CANCEL, ORDER_MESSAGE_CANCELLING},
    {EVERY_FLOW, ORDER_CONFIRMED, STEP_OVERDUE,
     "Shipping takes longer than it should: we are finding out whether your order can be sent."},
    {EVERY_FLOW, ORDER_CONFIRMED, 0, "Your order is confirmed and is being prepared for shipping."},
    {EVERY_FLOW, ORDER_COMPLETED, STEP_UNCAPTURED,
     "Your order has been sent, but its payment could not be taken: we will ask you for it."},
    {EVERY_FLOW, ORDER_COMPLETED, STEP_CANCEL,
     "Your order has been sent, and could not be cancelled any more."},
    {EVERY_FLOW, ORDER_COMPLETED, 0, "Your order has been sent."},
};

/* By [reason][whether it was paid], of an order that FAILED or was CANCELLED. */
static const char *const endings[ORDER_REASON_COUNT][2] = {
#define ENDING_ROW(id, name, told)                                                                 \
    [REASON_##id] = {told " You pay nothing.", told " You get back what you paid."},
    ORDER_REASON_TABLE(ENDING_ROW)
#undef ENDING_ROW
};

const char *order_message(const struct order_stand *stand) {
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        if ((messages[i].flows & 1u << stand->flow) != 0 && messages[i].status == stand->status &&
            (messages[i].steps & stand->steps) == messages[i].steps)
            return messages[i].text;
    return endings[stand->reason][(stand->steps & STEP_PAID) != 0];
}

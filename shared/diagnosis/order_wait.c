#include "shared/diagnosis/order_wait.h"

#define INVENTORY_FIRST (1u << FLOW_INVENTORY_FIRST)
#define PAYMENT_FIRST (1u << FLOW_PAYMENT_FIRST)
#define PARALLEL (1u << FLOW_PARALLEL)
#define ALL (INVENTORY_FIRST | PAYMENT_FIRST | PARALLEL)

#define PENDING (1u << ORDER_PENDING)
#define CONFIRMED (1u << ORDER_CONFIRMED)
#define FAILED (1u << ORDER_FAILED)
#define CANCELLED (1u << ORDER_CANCELLED)

#define RESERVED SIGN_RESERVED
#define PAID SIGN_PAID
#define SHIPPED SIGN_SHIPPED
#define RELEASED SIGN_RELEASED
#define REFUNDED SIGN_REFUNDED

/* Who takes a service's answer in. */
#define RESERVED_TO_ORDER                                                                          \
    { "INVENTORY", "order", EVENT_INVENTORY_RESERVED }
#define PAID_TO_ORDER                                                                              \
    { "PAYMENTS", "order", EVENT_PAYMENT_SUCCEEDED }
#define SHIPPED_TO_ORDER                                                                           \
    { "SHIPPING", "order", EVENT_SHIPPING_SHIPPED }
#define STOPPED_TO_ORDER                                                                           \
    { "SHIPPING", "order", EVENT_SHIPPING_STOPPED }
#define RELEASED_TO_ORDER                                                                          \
    { "INVENTORY", "order", EVENT_INVENTORY_RELEASED }
#define REFUNDED_TO_ORDER                                                                          \
    { "PAYMENTS", "order", EVENT_PAYMENT_REFUNDED }

#define CAPTURED_TO_ORDER                                                                          \
    { "PAYMENTS", "order", EVENT_PAYMENT_CAPTURED }
#define VOIDED_TO_ORDER                                                                            \
    { "PAYMENTS", "order", EVENT_PAYMENT_VOIDED }

#define STOCK "its stock to be reserved"
#define PAYMENT "its payment"
#define REFUND "its refund: it has ended otherwise"
#define VOID "the money that is held for it to be let go: it has ended otherwise"
#define RELEASE "its stock to be given back: it has ended otherwise"

const struct order_wait order_wait_rows[] = {
    {PAYMENT_FIRST,
     PENDING,
     SIGN_AUTHORIZED,
     RESERVED,
     STOCK,
     {{"PAYMENTS", "inventory-authorized", EVENT_PAYMENT_AUTHORIZED}, RESERVED_TO_ORDER}},
    {PARALLEL,
     PENDING,
     SIGN_AUTHORIZED,
     RESERVED,
     STOCK,
     {{"ORDERS", "inventory", EVENT_ORDER_CREATED}, RESERVED_TO_ORDER}},
    {ALL,
     PENDING,
     SIGN_ACTION,
     PAID | SIGN_AUTHORIZED,
     "its customer to confirm the payment, which payment.nextAction says where and until when",
     {PAID_TO_ORDER}},
    {INVENTORY_FIRST,
     PENDING,
     0,
     RESERVED,
     STOCK,
     {{"ORDERS", "inventory", EVENT_ORDER_CREATED}, RESERVED_TO_ORDER}},
    {INVENTORY_FIRST,
     PENDING,
     RESERVED,
     PAID,
     PAYMENT,
     {{"INVENTORY", "payment", EVENT_INVENTORY_RESERVED}, PAID_TO_ORDER}},
    {PAYMENT_FIRST,
     PENDING,
     0,
     PAID,
     PAYMENT,
     {{"ORDERS", "payment", EVENT_ORDER_CREATED}, PAID_TO_ORDER}},
    {PAYMENT_FIRST,
     PENDING,
     PAID,
     RESERVED,
     STOCK,
     {{"PAYMENTS", "inventory", EVENT_PAYMENT_SUCCEEDED}, RESERVED_TO_ORDER}},
    {PARALLEL,
     PENDING,
     0,
     RESERVED | PAID,
     "its stock to be reserved, and its payment",
     {{"ORDERS", "inventory", EVENT_ORDER_CREATED},
      RESERVED_TO_ORDER,
      {"ORDERS", "payment", EVENT_ORDER_CREATED},
      PAID_TO_ORDER}},
    {PARALLEL,
     PENDING,
     PAID,
     RESERVED,
     STOCK,
     {{"ORDERS", "inventory", EVENT_ORDER_CREATED}, RESERVED_TO_ORDER}},
    {PARALLEL,
     PENDING,
     RESERVED,
     PAID,
     PAYMENT,
     {{"ORDERS", "payment", EVENT_ORDER_CREATED}, PAID_TO_ORDER}},
    {ALL, PENDING, 0, 0, "its confirmation", {RESERVED_TO_ORDER, PAID_TO_ORDER}},
    {ALL,
     CONFIRMED,
     SIGN_CAPTURE,
     0,
     "its payment to be taken: it has been shipped",
     {{"ORDERS", "payment-capture", EVENT_ORDER_CAPTURE_REQUESTED}, CAPTURED_TO_ORDER}},
    {ALL,
     CONFIRMED,
     SIGN_STOP,
     0,
     "shipping to stop it, or to have shipped it",
     {{"ORDERS", "shipping-stop", EVENT_ORDER_STOP_REQUESTED}, STOPPED_TO_ORDER}},
    {ALL,
     CONFIRMED,
     0,
     0,
     "it to be shipped",
     {{"ORDERS", "shipping", EVENT_ORDER_CONFIRMED}, SHIPPED_TO_ORDER}},
    {ALL,
     FAILED,
     SIGN_AUTHORIZED,
     SHIPPED | SIGN_VOIDED | SIGN_CAPTURED,
     VOID,
     {{"ORDERS", "payment-failed", EVENT_ORDER_FAILED}, VOIDED_TO_ORDER}},
    {ALL,
     CANCELLED,
     SIGN_AUTHORIZED,
     SHIPPED | SIGN_VOIDED | SIGN_CAPTURED,
     VOID,
     {{"ORDERS", "payment-cancelled", EVENT_ORDER_CANCELLED}, VOIDED_TO_ORDER}},
    {ALL,
     FAILED,
     PAID | RESERVED,
     SHIPPED | REFUNDED | RELEASED,
     "its refund, and its stock to be given back: it has ended otherwise",
     {{"ORDERS", "payment-failed", EVENT_ORDER_FAILED},
      REFUNDED_TO_ORDER,
      {"ORDERS", "inventory-failed", EVENT_ORDER_FAILED},
      RELEASED_TO_ORDER}},
    {ALL,
     FAILED,
     PAID,
     SHIPPED | REFUNDED,
     REFUND,
     {{"ORDERS", "payment-failed", EVENT_ORDER_FAILED}, REFUNDED_TO_ORDER}},
    {ALL,
     FAILED,
     RESERVED,
     SHIPPED | RELEASED,
     RELEASE,
     {{"ORDERS", "inventory-failed", EVENT_ORDER_FAILED}, RELEASED_TO_ORDER}},
    {ALL,
     CANCELLED,
     PAID | RESERVED,
     SHIPPED | REFUNDED | RELEASED,
     "its refund, and its stock to be given back: it has ended otherwise",
     {{"ORDERS", "payment-cancelled", EVENT_ORDER_CANCELLED},
      REFUNDED_TO_ORDER,
      {"ORDERS", "inventory-cancelled", EVENT_ORDER_CANCELLED},
      RELEASED_TO_ORDER}},
    {ALL,
     CANCELLED,
     PAID,
     SHIPPED | REFUNDED,
     REFUND,
     {{"ORDERS", "payment-cancelled", EVENT_ORDER_CANCELLED}, REFUNDED_TO_ORDER}},
    {ALL,
     CANCELLED,
     RESERVED,
     SHIPPED | RELEASED,
     RELEASE,
     {{"ORDERS", "inventory-cancelled", EVENT_ORDER_CANCELLED}, RELEASED_TO_ORDER}},
};
const size_t order_wait_row_count = sizeof(order_wait_rows) / sizeof(order_wait_rows[0]);

const struct order_wait order_wait_intake = {
    .what = "the order service to take it in, if it was ever accepted",
    .consumers = {{"COMMANDS", "order", EVENT_ORDER_SUBMIT}},
};

unsigned order_sign(struct slice timeline_event) {
#define ORDER_SIGN_CASE(id, bit, name)                                                             \
    if (slice_is(timeline_event, name))                                                            \
        return bit;
    ORDER_SIGN_TABLE(ORDER_SIGN_CASE)
#undef ORDER_SIGN_CASE
    return 0;
}

const struct order_wait *order_wait_of(enum order_flow flow, enum order_status status,
                                       unsigned signs) {
    for (size_t i = 0; i < order_wait_row_count; i++) {
        const struct order_wait *row = &order_wait_rows[i];
        if ((row->flows & 1u << flow) && (row->statuses & 1u << status) &&
            (row->has & signs) == row->has && (row->lacks & signs) == 0)
            return row;
    }
    return NULL;
}

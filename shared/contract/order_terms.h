/*
 * The words of the order's life: statuses, steps and reason codes, each one table. The SQL checks
 * and the documents are tested against these.
 */
#ifndef OM_SHARED_CONTRACT_ORDER_TERMS_H
#define OM_SHARED_CONTRACT_ORDER_TERMS_H

#include "shared/base/slice.h"

/* name, final */
#define ORDER_STATUS_TABLE(X)                                                                      \
    X(PENDING, false)                                                                              \
    X(CONFIRMED, false)                                                                            \
    X(COMPLETED, true)                                                                             \
    X(FAILED, true)                                                                                \
    X(CANCELLED, true)

enum order_status {
#define ORDER_STATUS_ENUM(name, is_final) ORDER_##name,
    ORDER_STATUS_TABLE(ORDER_STATUS_ENUM)
#undef ORDER_STATUS_ENUM
        ORDER_STATUS_COUNT
};

/* The steps that an order has taken, as bits: id, bit, name. CANCEL: its customer wanted it
   cancelled; OVERDUE: its time was up. ON_SHIPMENT, from its first moment: its money is held at
   first (AUTHORIZED) and taken (PAID) once it is shipped; UNCAPTURED: that was refused for good.
   ACTION: its customer was asked to confirm the payment. ALLOCATED: not main alone serves it;
   PART_SHIPPED: some of it has left. LINES_CANCELLED: pieces of it are, LINES_ASKED: shipping was
   asked whether they can be. */
#define ORDER_STEP_TABLE(X)                                                                        \
    X(RESERVED, 1, "reserved")                                                                     \
    X(PAID, 2, "paid")                                                                             \
    X(SHIPPED, 4, "shipped")                                                                       \
    X(CANCEL, 8, "cancel")                                                                         \
    X(OVERDUE, 16, "overdue")                                                                      \
    X(ON_SHIPMENT, 32, "on_shipment")                                                              \
    X(AUTHORIZED, 64, "authorized")                                                                \
    X(UNCAPTURED, 128, "uncaptured")                                                               \
    X(ACTION, 256, "action")                                                                       \
    X(ALLOCATED, 512, "allocated")                                                                 \
    X(PART_SHIPPED, 1024, "part_shipped")                                                          \
    X(LINES_CANCELLED, 2048, "lines_cancelled")                                                    \
    X(LINES_ASKED, 4096, "lines_asked")

enum order_step {
#define ORDER_STEP_ENUM(id, bit, name) STEP_##id = (bit),
    ORDER_STEP_TABLE(ORDER_STEP_ENUM)
#undef ORDER_STEP_ENUM
};

/* id, name, what a customer is told of it (order_message.h) */
#define ORDER_REASON_TABLE(X)                                                                      \
    X(NONE, "", "Your order could not be carried out.")                                            \
    X(OUT_OF_STOCK, "out_of_stock", "There is not enough in stock for your order.")                \
    X(UNKNOWN_SKU, "unknown_sku", "A product of your order is not sold here.")                     \
    X(PRICE_CHANGED, "price_changed", "A price was not the one that you ordered at.")              \
    X(CURRENCY_MISMATCH, "currency_mismatch",                                                      \
      "A product of your order is not sold in its currency.")                                      \
    X(IDEMPOTENCY_CONFLICT, "idempotency_conflict",                                                \
      "Another order came first under the same key, and that one counts.")                         \
    X(PAYMENT_DECLINED, "payment_declined", "Your payment was declined.")                          \
    X(PAYMENT_TIMEOUT, "payment_timeout", "Your payment could not be made in time.")               \
    X(SHIPPING_FAILED, "shipping_failed", "Your order cannot be shipped.")                         \
    X(SAGA_TIMEOUT, "saga_timeout", "Your order could not be completed in time.")                  \
    X(CANCELLED_BY_CUSTOMER, "cancelled_by_customer", "You have cancelled your order.")

enum order_reason {
#define ORDER_REASON_ENUM(id, name, told) REASON_##id,
    ORDER_REASON_TABLE(ORDER_REASON_ENUM)
#undef ORDER_REASON_ENUM
        ORDER_REASON_COUNT
};

/* How far an order is that not main alone serves, "ALLOCATED", "PARTIALLY_SHIPPED" or "SHIPPED"; of
   other orders NULL: their status says all. */
const char *order_shipment_status(unsigned steps);

const char *order_status_name(enum order_status status);
bool order_status_parse(struct slice text, enum order_status *status);
bool order_status_is_final(enum order_status status);
const char *order_reason_name(enum order_reason reason);
bool order_reason_parse(struct slice text, enum order_reason *reason);

#endif

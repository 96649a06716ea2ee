/*
 * Events: the one table of types, and the CloudEvents 1.0 envelope (structured JSON mode,
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 *
 * A decoded event lives in the arena that it was decoded into, and owns nothing. Thread safe on
 * distinct events; nothing blocks.
 */
#ifndef OM_SHARED_CONTRACT_EVENT_H
#define OM_SHARED_CONTRACT_EVENT_H

#include "shared/base/buf.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/json/json_tree.h"
#include "shared/observe/trace.h"

/* id, CloudEvents type, subject, stream, source, version */
#define EVENT_TABLE(X)                                                                             \
    X(ORDER_SUBMIT, "io.ordermesh.order.submit", "commands.order.submit", "COMMANDS", "gateway",   \
      1)                                                                                           \
    X(ORDER_CANCEL, "io.ordermesh.order.cancel", "commands.order.cancel", "COMMANDS", "gateway",   \
      1)                                                                                           \
    X(ORDER_CREATED, "io.ordermesh.order.created", "orders.evt.created", "ORDERS", "order", 1)     \
    X(ORDER_CONFIRMED, "io.ordermesh.order.confirmed", "orders.evt.confirmed", "ORDERS", "order",  \
      1)                                                                                           \
    X(ORDER_COMPLETED, "io.ordermesh.order.completed", "orders.evt.completed", "ORDERS", "order",  \
      1)                                                                                           \
    X(ORDER_FAILED, "io.ordermesh.order.failed", "orders.evt.failed", "ORDERS", "order", 1)        \
    X(ORDER_CANCELLED, "io.ordermesh.order.cancelled", "orders.evt.cancelled", "ORDERS", "order",  \
      1)                                                                                           \
    X(ORDER_STOP_REQUESTED, "io.ordermesh.order.stop_requested", "orders.evt.stop_requested",      \
      "ORDERS", "order", 1)                                                                        \
    X(ORDER_CAPTURE_REQUESTED, "io.ordermesh.order.capture_requested",                             \
      "orders.evt.capture_requested", "ORDERS", "order", 1)                                        \
    X(ORDER_RETURNED, "io.ordermesh.order.returned", "orders.evt.returned", "ORDERS", "order", 1)  \
    X(ORDER_LINES_STOP_REQUESTED, "io.ordermesh.order.lines_stop_requested",                       \
      "orders.evt.lines_stop_requested", "ORDERS", "order", 1)                                     \
    X(ORDER_LINES_CANCELLED, "io.ordermesh.order.lines_cancelled", "orders.evt.lines_cancelled",   \
      "ORDERS", "order", 1)                                                                        \
    X(PRODUCT_CHANGED, "io.ordermesh.inventory.product_changed", "inventory.evt.product_changed",  \
      "INVENTORY", "inventory", 1)                                                                 \
    X(INVENTORY_RESERVED, "io.ordermesh.inventory.reserved", "inventory.evt.reserved",             \
      "INVENTORY", "inventory", 1)                                                                 \
    X(INVENTORY_REJECTED, "io.ordermesh.inventory.rejected", "inventory.evt.rejected",             \
      "INVENTORY", "inventory", 1)                                                                 \
    X(INVENTORY_RELEASED, "io.ordermesh.inventory.released", "inventory.evt.released",             \
      "INVENTORY", "inventory", 1)                                                                 \
    X(PAYMENT_SUCCEEDED, "io.ordermesh.payment.succeeded", "payments.evt.succeeded", "PAYMENTS",   \
      "payment", 1)                                                                                \
    X(PAYMENT_FAILED, "io.ordermesh.payment.failed", "payments.evt.failed", "PAYMENTS", "payment", \
      1)                                                                                           \
    X(PAYMENT_REFUNDED, "io.ordermesh.payment.refunded", "payments.evt.refunded", "PAYMENTS",      \
      "payment", 1)                                                                                \
    X(PAYMENT_AUTHORIZED, "io.ordermesh.payment.authorized", "payments.evt.authorized",            \
      "PAYMENTS", "payment", 1)                                                                    \
    X(PAYMENT_CAPTURED, "io.ordermesh.payment.captured", "payments.evt.captured", "PAYMENTS",      \
      "payment", 1)                                                                                \
    X(PAYMENT_CAPTURE_FAILED, "io.ordermesh.payment.capture_failed",                               \
      "payments.evt.capture_failed", "PAYMENTS", "payment", 1)                                     \
    X(PAYMENT_VOIDED, "io.ordermesh.payment.voided", "payments.evt.voided", "PAYMENTS", "payment", \
      1)                                                                                           \
    X(PAYMENT_ACTION_REQUIRED, "io.ordermesh.payment.action_required",                             \
      "payments.evt.action_required", "PAYMENTS", "payment", 1)                                    \
    X(SHIPPING_SHIPPED, "io.ordermesh.shipping.shipped", "shipping.evt.shipped", "SHIPPING",       \
      "shipping", 1)                                                                               \
    X(SHIPPING_PART_SHIPPED, "io.ordermesh.shipping.part_shipped", "shipping.evt.part_shipped",    \
      "SHIPPING", "shipping", 1)                                                                   \
    X(SHIPPING_FAILED, "io.ordermesh.shipping.failed", "shipping.evt.failed", "SHIPPING",          \
      "shipping", 1)                                                                               \
    X(SHIPPING_STOPPED, "io.ordermesh.shipping.stopped", "shipping.evt.stopped", "SHIPPING",       \
      "shipping", 1)                                                                               \
    X(NOTIFICATION_SENT, "io.ordermesh.notification.sent", "notifications.evt.sent",               \
      "NOTIFICATIONS", "notification", 1)                                                          \
    X(NOTIFICATION_FAILED, "io.ordermesh.notification.failed", "notifications.evt.failed",         \
      "NOTIFICATIONS", "notification", 1)

enum event_type {
#define EVENT_ENUM(id, type, subject, stream, source, version) EVENT_##id,
    EVENT_TABLE(EVENT_ENUM)
#undef EVENT_ENUM
        EVENT_TYPE_COUNT
};

struct event_info {
    const char *type;    /* io.ordermesh.order.created */
    const char *subject; /* orders.evt.created */
    const char *stream;  /* ORDERS */
    const char *source;  /* order */
    int version;         /* major */
};

const struct event_info *event_info(enum event_type type);
/* Appends the `dataschema` of the type, which is its JSON Schema's $id in nats/schemas/:
   urn:ordermesh:schema:order.created:1. */
void event_schema(enum event_type type, struct buf *out);
/* The former subject counts, too. */
bool event_type_of_subject(struct slice subject, enum event_type *type);
/* The subject that gateways before the stream COMMANDS publish this type under, into ORDERS; NULL
   where there is none. */
const char *event_former_subject(enum event_type type);
/* Under which the stream has the type: its subject, or the former one in another stream. */
const char *event_subject_in(enum event_type type, const char *stream);
/* Appends the subject of messages that a stream keeps and that say nothing: orders.probe. A
   consumer is delivered none but by a mistake of the server, and lets it pass. */
void event_filler_subject(const char *stream, struct buf *out);
bool event_is_filler(struct slice subject);

struct event {
    enum event_type type;
    struct uuid id;
    struct uuid order_id; /* the envelope's subject; zero where the event is not about an order */
    struct slice subject; /* as sent: the order id, or a SKU for PRODUCT_CHANGED */
    struct slice correlation_id, causation_id;
    struct trace trace; /* as sent: who made it; in a handler's hands the span of the work on it */
    int64_t time_us;
    const struct json_value *data;
};

/* Strict: INVALID when it is not one of our envelopes, UNSUPPORTED for an unknown type or major
   version. */
enum status event_decode(struct slice payload, struct arena *arena, struct event *event,
                         struct error *error) MUST_CHECK;

/* The particulars of a new event. `cause` may be NULL (the gateway): then `trace` and
   `correlation_id` are used; otherwise both, and causation, come from the cause. */
struct event_head {
    enum event_type type;
    struct uuid id;
    struct slice subject;
    const struct event *cause;
    struct trace trace;
    struct slice correlation_id;
    int64_t time_us;
};

/* Appends the envelope with `data` (JSON object text) to `out`, and fills `traceparent` (may be
   NULL; TRACEPARENT_SIZE bytes) with the value of the message's header. */
void event_encode(const struct event_head *head, struct slice data, struct buf *out,
                  char *traceparent);

#endif

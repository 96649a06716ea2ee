#include "gateway/pages/schemas.h"

#include "gateway/pages/document.h"

/* Of all others: symbol, name, version */
#define SCHEMA_TABLE(X)                                                                            \
    X(failure_report_1, "failure_report", "1")                                                     \
    X(inventory_product_changed_1, "inventory.product_changed", "1")                               \
    X(inventory_rejected_1, "inventory.rejected", "1")                                             \
    X(inventory_released_1, "inventory.released", "1")                                             \
    X(inventory_reserved_1, "inventory.reserved", "1")                                             \
    X(notification_failed_1, "notification.failed", "1")                                           \
    X(notification_sent_1, "notification.sent", "1")                                               \
    X(order_cancel_1, "order.cancel", "1")                                                         \
    X(order_cancelled_1, "order.cancelled", "1")                                                   \
    X(order_capture_requested_1, "order.capture_requested", "1")                                   \
    X(order_completed_1, "order.completed", "1")                                                   \
    X(order_confirmed_1, "order.confirmed", "1")                                                   \
    X(order_created_1, "order.created", "1")                                                       \
    X(order_failed_1, "order.failed", "1")                                                         \
    X(order_lines_cancelled_1, "order.lines_cancelled", "1")                                       \
    X(order_lines_stop_requested_1, "order.lines_stop_requested", "1")                             \
    X(order_returned_1, "order.returned", "1")                                                     \
    X(order_stop_requested_1, "order.stop_requested", "1")                                         \
    X(order_submit_1, "order.submit", "1")                                                         \
    X(payment_action_required_1, "payment.action_required", "1")                                   \
    X(payment_authorized_1, "payment.authorized", "1")                                             \
    X(payment_capture_failed_1, "payment.capture_failed", "1")                                     \
    X(payment_captured_1, "payment.captured", "1")                                                 \
    X(payment_failed_1, "payment.failed", "1")                                                     \
    X(payment_refunded_1, "payment.refunded", "1")                                                 \
    X(payment_succeeded_1, "payment.succeeded", "1")                                               \
    X(payment_voided_1, "payment.voided", "1")                                                     \
    X(shipping_failed_1, "shipping.failed", "1")                                                   \
    X(shipping_part_shipped_1, "shipping.part_shipped", "1")                                       \
    X(shipping_shipped_1, "shipping.shipped", "1")                                                 \
    X(shipping_stopped_1, "shipping.stopped", "1")

#define SCHEMA_FILE(name, version) "nats/schemas/" name ".v" version ".json"
#define SCHEMA_ID(name, version) "urn:ordermesh:schema:" name ":" version
#define SCHEMA_TYPE "application/schema+json"

DOCUMENT_EMBED(shared_1, SCHEMA_FILE("shared", "1"))
#define EMBED_ROW(symbol, name, version) DOCUMENT_EMBED(symbol, SCHEMA_FILE(name, version))
SCHEMA_TABLE(EMBED_ROW)
#undef EMBED_ROW

static const struct document_file files[] = {
    {SCHEMA_ID("shared", "1"), DOCUMENT(SCHEMA_TYPE, NULL, shared_1)},
#define FILE_ROW(symbol, name, version)                                                            \
    {SCHEMA_ID(name, version), DOCUMENT(SCHEMA_TYPE, NULL, symbol)},
    SCHEMA_TABLE(FILE_ROW)
#undef FILE_ROW
};

#define ITEM(name, version)                                                                        \
    "{\"id\":\"" SCHEMA_ID(name, version) "\",\"href\":\"/schemas/" SCHEMA_ID(name, version) "\"}"
#define INDEX_ROW(symbol, name, version) "," ITEM(name, version)
static const char index_text[] = "{\"items\":[" ITEM("shared", "1") SCHEMA_TABLE(INDEX_ROW) "]}";

void get_schema_index(h2o_req_t *req, struct slice id) {
    static const struct document document = {.content_type = "application/json",
                                             .begin = index_text,
                                             .end = index_text + sizeof(index_text) - 1};
    (void)id;
    document_send(req, &document);
}

void get_schema(h2o_req_t *req, struct slice id) {
    document_send_file(req, files, sizeof(files) / sizeof(files[0]), id);
}

#include "services/order/life/timeline.h"

#include "services/order/life/order_fsm.h"
#include "shared/base/clock.h"

static const char *const event_names[ORDER_EVENT_COUNT] = {
    [EVENT_ORDER_CANCEL] = "CancelRequested",
    [EVENT_ORDER_CREATED] = "OrderCreated",
    [EVENT_ORDER_CONFIRMED] = "OrderConfirmed",
    [EVENT_ORDER_COMPLETED] = "OrderCompleted",
    [EVENT_ORDER_FAILED] = "OrderFailed",
    [EVENT_ORDER_CANCELLED] = "OrderCancelled",
    [EVENT_ORDER_STOP_REQUESTED] = "StopRequested",
    [EVENT_ORDER_CAPTURE_REQUESTED] = "CaptureRequested",
    [EVENT_INVENTORY_RESERVED] = "InventoryReserved",
    [EVENT_INVENTORY_REJECTED] = "InventoryRejected",
    [EVENT_INVENTORY_RELEASED] = "InventoryReleased",
    [EVENT_PAYMENT_SUCCEEDED] = "PaymentSucceeded",
    [EVENT_PAYMENT_FAILED] = "PaymentFailed",
    [EVENT_PAYMENT_REFUNDED] = "PaymentRefunded",
    [EVENT_PAYMENT_AUTHORIZED] = "PaymentAuthorized",
    [EVENT_PAYMENT_CAPTURED] = "PaymentCaptured",
    [EVENT_PAYMENT_CAPTURE_FAILED] = "CaptureFailed",
    [EVENT_PAYMENT_VOIDED] = "PaymentVoided",
    [EVENT_PAYMENT_ACTION_REQUIRED] = "PaymentActionRequired",
    [EVENT_SHIPPING_SHIPPED] = "OrderShipped",
    [EVENT_SHIPPING_PART_SHIPPED] = "PartiallyShipped",
    [EVENT_SHIPPING_FAILED] = "ShippingFailed",
    [EVENT_SHIPPING_STOPPED] = "ShippingStopped",
    [EVENT_ORDER_RETURNED] = "OrderReturned",
    [EVENT_ORDER_LINES_STOP_REQUESTED] = "LinesStopRequested",
    [EVENT_ORDER_LINES_CANCELLED] = "LinesCancelled",
    [ORDER_LINES_WANTED] = "LinesCancelRequested",
    [ORDER_LINES_SENT] = "LinesNotCancelled",
    [ORDER_RETURN_WANTED] = "ReturnRequested",
    [ORDER_RETURN_REFUSED] = "ReturnRefused",
};

void timeline_add(struct json_writer *w, enum event_type type, int64_t at_us, struct slice detail) {
    char at[RFC3339_SIZE];
    clock_format(at_us, at);
    json_begin_object(w);
    json_put_text(w, "at", at);
    json_put_text(w, "event", event_names[type]);
    if (detail.len > 0)
        json_put_string(w, "detail", detail);
    json_end_object(w);
}

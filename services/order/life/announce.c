#include "services/order/life/announce.h"

#include "shared/observe/metrics.h"

METRIC_COUNTER(orders_ended, "ordermesh_orders_ended_total", "status", "Orders by final status.");
METRIC_STARTS(orders_ended, "COMPLETED", "FAILED", "CANCELLED");
METRIC_HISTOGRAM(order_seconds, "ordermesh_order_seconds", "",
                 "From acceptance to the final state.");

/* Nobody tells the customer of these, nor sends anything anywhere: those who take part until the
   order is confirmed, or take its money, do without the address. */
static bool goes_without_address(enum event_type type) {
    return type == EVENT_ORDER_CREATED || type == EVENT_ORDER_COMPLETED ||
           type == EVENT_ORDER_CAPTURE_REQUESTED || type == EVENT_ORDER_LINES_CANCELLED;
}

void announce(struct outbox *outbox, const struct announcement *announcement, struct buf *scratch) {
    struct order_snapshot snapshot = *announcement->snapshot;
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&snapshot.order_id, order_id);
    if (goes_without_address(announcement->type))
        snapshot.sealed = slice_of(NULL);
    buf_clear(scratch);
    struct json_writer w = json_writer(scratch);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    if (announcement->reason != REASON_NONE)
        json_put_text(&w, "reason", order_reason_name(announcement->reason));
    if (announcement->detail.len > 0)
        json_put_string(&w, "detail", announcement->detail);
    if (announcement->tracking_number.len > 0)
        json_put_string(&w, "trackingNumber", announcement->tracking_number);
    if (announcement->details_key != NULL)
        json_put_raw(&w, announcement->details_key, announcement->details);
    json_end_object(&w);
    outbox_add(outbox, announcement->type, slice_of(order_id), announcement->cause,
               buf_slice(scratch));
}

void announce_end_metrics(enum order_status status, int64_t accepted_at_us, int64_t now_us) {
    unsigned slot = metric_slot(&orders_ended, order_status_name(status));
    metric_add(&orders_ended, slot, 1);
    int64_t took_us = now_us > accepted_at_us ? now_us - accepted_at_us : 0; /* two clocks */
    metric_observe(&order_seconds, 0, (double)took_us / 1e6);
}

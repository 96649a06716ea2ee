#include "services/shipping/handler.h"

#include "services/shipping/store.h"
#include "shared/order_snapshot.h"

static const char carrier[] = "OrderMesh Parcel";

static enum status parse_order(const struct event *event, struct arena *arena,
                               struct order_snapshot *order, struct error *error) {
    enum status status = order_snapshot_parse(event->data, arena, order, error);
    if (status == STATUS_OK && uuid_compare(&order->order_id, &event->order_id) != 0)
        status = error_set(error, STATUS_INVALID, "subject and orderId differ");
    return status;
}

static void emit_shipped(struct outbox *outbox, const struct event *cause,
                         const struct order_snapshot *order, const struct shipment *shipment,
                         struct buf *data) {
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    order_snapshot_write(order, &w);
    json_put_text(&w, "carrier", shipment->carrier);
    json_put_text(&w, "trackingNumber", shipment->tracking_number);
    json_end_object(&w);
    outbox_add(outbox, EVENT_SHIPPING_SHIPPED, cause->subject, cause, buf_slice(data));
}

static enum status shipping_apply(struct batch *batch, struct error *error) {
    struct shipment *shipments = arena_alloc(batch->arena, batch->count * sizeof(*shipments));
    size_t count = 0;
    struct buf data = {0};
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct order_snapshot order = {0};
        struct error invalid = {0};
        if (parse_order(&delivery->event, batch->arena, &order, &invalid) != STATUS_OK) {
            delivery_reject(delivery, STATUS_INVALID, "%s", invalid.text);
            continue;
        }
        struct shipment *shipment = &shipments[count++];
        shipment->order_id = order.order_id;
        shipment->carrier = carrier;
        tracking_format(&order.order_id, shipment->tracking_number);
        emit_shipped(batch->outbox, &delivery->event, &order, shipment, &data);
    }
    buf_fini(&data);
    return shipping_store_add(batch, shipments, count, error);
}

const struct handler shipping_handler = {.apply = shipping_apply};

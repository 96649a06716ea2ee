#include "services/shipping/handler.h"

#include "services/shipping/parts.h"
#include "services/shipping/store.h"
#include "shared/contract/lines_cancelled.h"

#include <string.h>

const char shipping_carrier[] = "OrderMesh Parcel";

static enum status parse_order(const struct event *event, struct arena *arena,
                               struct order_snapshot *order, struct error *error) {
    enum status status = order_snapshot_parse(event->data, arena, order, error);
    if (status == STATUS_OK && uuid_compare(&order->order_id, &event->order_id) != 0)
        status = error_set(error, STATUS_INVALID, "subject and orderId differ");
    return status;
}

/* --- deciding --- */

static bool is_listed(const char *list, struct slice sku) {
    for (const char *entry = list; *entry != '\0';) {
        size_t len = strcspn(entry, ",");
        if (slice_equal((struct slice){entry, len}, sku))
            return true;
        entry += len + (entry[len] == ',');
    }
    return false;
}

static enum shipment_status decide(const struct shipping *shipping, const struct event *event,
                                   const struct order_snapshot *order) {
    if (event->type == EVENT_ORDER_STOP_REQUESTED)
        return SHIPMENT_STOPPED;
    for (size_t i = 0; i < order->item_count; i++) {
        if (is_listed(shipping->fail_skus, order->items[i].sku))
            return SHIPMENT_FAILED;
    }
    return SHIPMENT_SHIPPED;
}

static struct shipment make_shipment(enum shipment_status status,
                                     const struct order_snapshot *order) {
    struct shipment shipment = {.order_id = order->order_id, .status = status, .carrier = ""};
    if (status != SHIPMENT_SHIPPED)
        return shipment;
    shipment.carrier = shipping_carrier;
    if (parts_has_several(order))
        parts_format_number(order, shipment.tracking_number);
    else
        tracking_format(&order->order_id, shipment.tracking_number);
    return shipment;
}

/* --- answering --- */

static const enum event_type answers[] = {
    [SHIPMENT_SHIPPED] = EVENT_SHIPPING_SHIPPED,
    [SHIPMENT_FAILED] = EVENT_SHIPPING_FAILED,
    [SHIPMENT_STOPPED] = EVENT_SHIPPING_STOPPED,
};

static void emit(struct batch *batch, const struct event *cause, const struct order_snapshot *order,
                 const struct shipment *shipment, struct buf *data) {
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    if (shipment->status == SHIPMENT_SHIPPED) {
        order_snapshot_write(order, &w);
        parts_put_cancelled(cause->data, batch->arena, &w);
        json_put_text(&w, "carrier", shipment->carrier);
        json_put_text(&w, "trackingNumber", shipment->tracking_number);
    } else {
        json_put_string(&w, "orderId", cause->subject);
    }
    if (shipment->status == SHIPMENT_FAILED)
        json_put_text(&w, "reason", "no carrier takes it");
    json_end_object(&w);
    outbox_add(batch->outbox, answers[shipment->status], cause->subject, cause, buf_slice(data));
}

/* What a batch decides, side by side. */
struct decided {
    struct shipment *shipments;
    struct order_snapshot *orders;
    const struct event **causes;
    size_t count;
};

/* An order in parts has its answer once its last parcel leaves. */
static enum status answer(struct batch *batch, const struct decided *decided, struct error *error) {
    struct buf data = {0};
    size_t parted = 0;
    for (size_t i = 0; i < decided->count; i++) {
        const struct shipment *shipment = &decided->shipments[i];
        if (!shipment->is_new)
            continue;
        if (shipment->status != SHIPMENT_SHIPPED || !parts_has_several(&decided->orders[i])) {
            emit(batch, decided->causes[i], &decided->orders[i], shipment, &data);
        } else {
            decided->orders[parted] = decided->orders[i];
            decided->causes[parted++] = decided->causes[i];
        }
    }
    buf_fini(&data);
    return parts_begin(batch, decided->orders, decided->causes, parted, error);
}

static enum status shipping_apply(struct batch *batch, struct error *error) {
    struct decided decided = {
        .shipments = arena_alloc(batch->arena, batch->count * sizeof(*decided.shipments)),
        .orders = arena_alloc(batch->arena, batch->count * sizeof(*decided.orders)),
        .causes = arena_alloc(batch->arena, batch->count * sizeof(*decided.causes)),
    };
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        const struct event *event = &delivery->event;
        struct order_snapshot *order = &decided.orders[decided.count];
        struct error invalid = {0};
        if (parse_order(event, batch->arena, order, &invalid) != STATUS_OK) {
            delivery_reject(delivery, STATUS_INVALID, "%s", invalid.text);
            continue;
        }
        enum shipment_status status = decide(batch->context, event, order);
        decided.shipments[decided.count] = make_shipment(status, order);
        decided.causes[decided.count++] = event;
    }
    enum status status = shipping_store_add(batch, decided.shipments, decided.count, error);
    return status == STATUS_OK ? answer(batch, &decided, error) : status;
}

/* An order is decided once, and answered when it is. */
const struct handler shipping_handler = {.apply = shipping_apply, .once = ONCE_BY_EFFECT};

#include "services/shipping/parts.h"

#include "services/shipping/handler.h"
#include "services/shipping/parts_store.h"
#include "shared/base/failpoint.h"

enum { TURN_MS = 500, ORDERS_MOST = 200 };

void parts_format_number(const struct order_snapshot *order, char *text) {
    tracking_format_part(&order->order_id, (int)order->allocation_count, text);
}

void parts_put_cancelled(const struct json_value *data, struct arena *arena,
                         struct json_writer *w) {
    struct lines_cancelled cancelled;
    if (lines_cancelled_parse(data, arena, &cancelled, &(struct error){0}) != STATUS_OK)
        return;
    json_key(w, LINES_CANCELLED_KEY);
    lines_cancelled_write(&cancelled, w);
}

/* --- beginning --- */

static struct slice write_order(const struct order_snapshot *order, const struct event *cause,
                                struct arena *arena) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    json_begin_object(&w);
    order_snapshot_write(order, &w);
    parts_put_cancelled(cause->data, arena, &w);
    json_end_object(&w);
    struct slice copy = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return copy;
}

enum status parts_begin(struct batch *batch, const struct order_snapshot *orders,
                        const struct event *const *causes, size_t count, struct error *error) {
    struct parted *parted = arena_alloc(batch->arena, (count + 1) * sizeof(*parted));
    for (size_t i = 0; i < count; i++)
        parted[i] = (struct parted){.order_id = orders[i].order_id,
                                    .snapshot = write_order(&orders[i], causes[i], batch->arena),
                                    .cause = *causes[i]};
    return count > 0 ? parts_store_add(batch, parted, count, error) : STATUS_OK;
}

/* --- sending --- */

/* An order whose parcels leave, and the JSON that it is kept as. */
struct sending {
    struct order_snapshot order;
    const struct json_value *data;
};

static struct parcel make_parcel(const struct order_snapshot *order, int64_t sent) {
    struct parcel parcel = {
        .order_id = order->order_id,
        .part = sent + 1,
        .warehouse = order->allocations[sent].warehouse,
        .is_last = (size_t)sent + 1 == order->allocation_count,
    };
    tracking_format_part(&order->order_id, (int)parcel.part, parcel.tracking_number);
    return parcel;
}

/* Into the open object. */
static void write_parcel(const struct order_snapshot *order, const struct parcel *parcel,
                         struct json_writer *w) {
    const struct order_allocation *allocation = &order->allocations[parcel->part - 1];
    json_put_int(w, "part", parcel->part);
    json_put_string(w, "warehouse", allocation->warehouse);
    json_put_text(w, "carrier", shipping_carrier);
    json_put_text(w, "trackingNumber", parcel->tracking_number);
    order_items_write(allocation->items, allocation->item_count, w);
}

static void write_part_shipped(const struct order_snapshot *order, const struct parcel *parcel,
                               struct json_writer *w) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&order->order_id, id);
    json_put_text(w, "orderId", id);
    json_put_int(w, "parts", (int64_t)order->allocation_count);
    write_parcel(order, parcel, w);
}

static void write_shipped(const struct sending *sending, const struct parcel *last,
                          struct arena *arena, struct json_writer *w) {
    const struct order_snapshot *order = &sending->order;
    order_snapshot_write(order, w);
    parts_put_cancelled(sending->data, arena, w);
    json_put_text(w, "carrier", shipping_carrier);
    json_put_text(w, "trackingNumber", last->tracking_number);
    json_key(w, "shipments");
    json_begin_array(w);
    for (int64_t sent = 0; sent < last->part; sent++) {
        struct parcel parcel = make_parcel(order, sent);
        json_begin_object(w);
        write_parcel(order, &parcel, w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void emit(struct batch *batch, const struct parted *parted, const struct sending *sending,
                 const struct parcel *parcel) {
    struct buf data = {0};
    struct json_writer w = json_writer(&data);
    json_begin_object(&w);
    if (parcel->is_last)
        write_shipped(sending, parcel, batch->arena, &w);
    else
        write_part_shipped(&sending->order, parcel, &w);
    json_end_object(&w);
    outbox_add(batch->outbox,
               parcel->is_last ? EVENT_SHIPPING_SHIPPED : EVENT_SHIPPING_PART_SHIPPED,
               parted->cause.subject, &parted->cause, buf_slice(&data));
    buf_fini(&data);
}

static enum status read_order(const struct parted *parted, struct arena *arena,
                              struct sending *sending, struct error *error) {
    enum status status = json_tree_parse(parted->snapshot, arena, &sending->data, error);
    if (status == STATUS_OK)
        status = order_snapshot_parse(sending->data, arena, &sending->order, error);
    if (status == STATUS_OK && parted->sent >= (int64_t)sending->order.allocation_count)
        status = error_set(error, STATUS_INTERNAL, "more parcels have left than there are");
    return status;
}

static enum status send_due(struct batch *batch, struct error *error) {
    const struct shipping *shipping = batch->context;
    struct parted *orders;
    size_t count;
    enum status status = parts_store_take_due(batch, ORDERS_MOST, &orders, &count, error);
    if (status != STATUS_OK || count == 0)
        return status;
    struct parcel *parcels = arena_alloc(batch->arena, count * sizeof(*parcels));
    for (size_t i = 0; i < count; i++) {
        struct sending sending = {.data = NULL};
        status = read_order(&orders[i], batch->arena, &sending, error);
        if (status != STATUS_OK)
            return status;
        parcels[i] = make_parcel(&sending.order, orders[i].sent);
        emit(batch, &orders[i], &sending, &parcels[i]);
    }
    status = parts_store_send(batch, parcels, count, shipping->parcel_pause_s, error);
    failpoint("shipping.mid_parcel");
    return status;
}

const struct periodic parts_sender = {"parts", TURN_MS, send_due, NULL};

#include "services/loyalty/handler.h"

#include "services/loyalty/points.h"
#include "services/loyalty/store.h"
#include "shared/contract/order_snapshot.h"

static enum status parse_completed(const struct event *event, struct arena *arena,
                                   struct points_entry *entry, struct error *error) {
    struct order_snapshot order = {0};
    enum status status = order_snapshot_parse(event->data, arena, &order, error);
    if (status != STATUS_OK)
        return status;
    if (uuid_compare(&order.order_id, &event->order_id) != 0)
        return error_set(error, STATUS_INVALID, "subject and orderId differ");
    if (order.total_minor < 0)
        return error_set(error, STATUS_INVALID, "totalMinor: missing");
    *entry = (struct points_entry){
        .order_id = order.order_id,
        .tenant = order.tenant,
        .customer_id = order.customer_id,
        .points = points_for(order.total_minor),
    };
    return STATUS_OK;
}

static enum status earn(struct batch *batch, struct error *error) {
    struct points_entry *entries = arena_alloc(batch->arena, batch->count * sizeof(*entries));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct error invalid = {0};
        if (parse_completed(&delivery->event, batch->arena, &entries[count], &invalid) == STATUS_OK)
            count++;
        else
            delivery_reject(delivery, STATUS_INVALID, "%s", invalid.text);
    }
    return loyalty_store_earn(batch, entries, count, error);
}

/* What stays paid, where the event says so: it is of a part. */
static bool stays_paid(const struct event *event, int64_t *minor) {
    int64_t refunded_minor, captured_minor;
    if (json_tree_get_int64(event->data, "refundedMinor", &refunded_minor, NULL) != STATUS_OK ||
        json_tree_get_int64(event->data, "capturedMinor", &captured_minor, NULL) != STATUS_OK)
        return false;
    *minor = captured_minor - refunded_minor;
    return *minor > 0;
}

/* Points follow what stays paid, and go with the last of it. */
static enum status take_back(struct batch *batch, struct error *error) {
    struct points_entry *gone = arena_alloc(batch->arena, batch->count * sizeof(*gone));
    struct points_entry *limited = arena_alloc(batch->arena, batch->count * sizeof(*limited));
    size_t gone_count = 0, limited_count = 0;
    int64_t paid_minor;
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->items[i]->event;
        if (stays_paid(event, &paid_minor))
            limited[limited_count++] = (struct points_entry){.order_id = event->order_id,
                                                             .points = points_for(paid_minor)};
        else
            gone[gone_count++].order_id = event->order_id;
    }
    enum status status = loyalty_store_limit(batch, limited, limited_count, error);
    return status == STATUS_OK ? loyalty_store_take_back(batch, gone, gone_count, error) : status;
}

/* The ledger has one row an order, and balances move with its rows only. */
const struct handler earn_handler = {.apply = earn, .once = ONCE_BY_EFFECT, .patience_ms = 1000};
const struct handler take_back_handler = {
    .apply = take_back, .once = ONCE_BY_EFFECT, .patience_ms = 1000};

static enum status answer(struct endpoint_call *call, struct json_object *request,
                          struct error *error) {
    struct customer customer;
    int64_t points = 0;
    enum status status = json_get_string(request, "customerId", &customer.id, error);
    if (status == STATUS_OK)
        status = json_get_string(request, "tenant", &customer.tenant, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "customerId and tenant are texts");
    status = loyalty_store_read(call->pg, &customer, &points, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_put_string(&w, "customerId", customer.id);
    json_put_int(&w, "points", points);
    json_end_object(&w);
    return STATUS_OK;
}

enum status loyalty_endpoint_get(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status != STATUS_OK)
        return status;
    status = answer(call, request, error);
    json_object_put(request);
    return status;
}

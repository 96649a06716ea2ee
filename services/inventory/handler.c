#include "services/inventory/handler.h"

#include "services/inventory/cut.h"
#include "services/inventory/store.h"
#include "shared/base/failpoint.h"
#include "shared/contract/reservation_id.h"

/* --- what the batch asks for --- */

/* An order to reserve for, or what is left of one; delivery->state. NULL where there is neither. */
struct request {
    struct order_snapshot snapshot;
    struct stock_line *lines;
};

static struct request *parse_request(struct delivery *delivery, struct arena *arena) {
    struct request *request = arena_alloc(arena, sizeof(*request));
    struct order_snapshot *snapshot = &request->snapshot;
    struct error error = {0};
    enum status status = order_snapshot_parse(delivery->event.data, arena, snapshot, &error);
    if (status == STATUS_OK && uuid_compare(&snapshot->order_id, &delivery->event.order_id) != 0)
        status = error_set(&error, STATUS_INVALID, "subject and orderId differ");
    if (status != STATUS_OK) {
        delivery_reject(delivery, status, "%s", error.text);
        return NULL;
    }
    request->lines = arena_alloc(arena, snapshot->item_count * sizeof(*request->lines));
    for (size_t i = 0; i < snapshot->item_count; i++)
        request->lines[i] = (struct stock_line){.sku = snapshot->items[i].sku,
                                                .quantity = snapshot->items[i].quantity};
    return request;
}

/* The money was taken, or is held. */
static bool is_payment(const struct event *event) {
    return event->type == EVENT_PAYMENT_SUCCEEDED || event->type == EVENT_PAYMENT_AUTHORIZED;
}

/* Does the event ask for stock? order.created, but in payment-first only its payment. */
static bool asks_for_stock(const struct event *event) {
    return event->type == EVENT_ORDER_CREATED || is_payment(event);
}

/* An event that names no flow is not waved through, unless it is a payment from before there were
   flows. */
static bool inventory_wants(const struct event *event) {
    struct slice text;
    enum order_flow flow;
    if (!asks_for_stock(event))
        return true;
    if (json_tree_get_string(event->data, "flow", &text, NULL) != STATUS_OK ||
        !order_flow_parse(text, &flow))
        return event->type == EVENT_ORDER_CREATED;
    return (flow == FLOW_PAYMENT_FIRST) == is_payment(event);
}

static void parse_requests(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        if (asks_for_stock(&delivery->event) || delivery->event.type == EVENT_ORDER_LINES_CANCELLED)
            delivery->state = parse_request(delivery, batch->arena);
    }
}

/* The SKUs of those that ask for stock, and the orders of the others, which give back or ship what
   they hold. */
static struct stock_wanted list_wanted(const struct batch *batch) {
    size_t most = 1, sku_count = 0, holder_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct request *request = batch->items[i]->state;
        most += request != NULL ? request->snapshot.item_count : 0;
    }
    struct slice *skus = arena_alloc(batch->arena, most * sizeof(*skus));
    struct uuid *holders = arena_alloc(batch->arena, batch->count * sizeof(*holders));
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        const struct request *request = delivery->state;
        if (!asks_for_stock(&delivery->event))
            holders[holder_count++] = delivery->event.order_id;
        for (size_t j = 0; request != NULL && j < request->snapshot.item_count; j++)
            skus[sku_count++] = request->lines[j].sku;
    }
    return (struct stock_wanted){skus, sku_count, holders, holder_count};
}

/* --- deciding --- */

struct decision {
    struct outbox *outbox;
    struct arena *arena;
    struct stock stock;
    struct reservations reservations;
    struct buf data;
    bool has_reserved, has_released, has_cut;
};

static void emit(struct decision *decision, enum event_type type, const struct event *cause) {
    outbox_add(decision->outbox, type, cause->subject, cause, buf_slice(&decision->data));
}

/* Its lines stand together by warehouse. */
static void take_allocations(const struct reservation *reservation, struct arena *arena,
                             struct order_snapshot *snapshot) {
    size_t count = reservation->line_count;
    struct order_item *items = arena_alloc(arena, count * sizeof(*items));
    struct order_allocation *allocation = NULL;
    snapshot->allocations = arena_alloc(arena, count * sizeof(*snapshot->allocations));
    snapshot->allocation_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stock_line *line = &reservation->lines[i];
        items[i] = (struct order_item){line->sku, line->quantity, -1};
        if (i == 0 || !slice_equal(line->warehouse, reservation->lines[i - 1].warehouse)) {
            allocation = &snapshot->allocations[snapshot->allocation_count++];
            *allocation = (struct order_allocation){warehouse_name(line->warehouse), &items[i], 0};
        }
        allocation->item_count++;
    }
}

/* What main gives alone needs no further word. */
static void emit_reserved(struct decision *decision, const struct event *cause,
                          const struct order_snapshot *order,
                          const struct reservation *reservation) {
    struct order_snapshot snapshot = *order;
    bool is_allocated = reservation->status == RESERVATION_ALLOCATED;
    char id[UUID_TEXT_SIZE];
    if (is_allocated)
        take_allocations(reservation, decision->arena, &snapshot);
    buf_clear(&decision->data);
    struct json_writer w = json_writer(&decision->data);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    if (is_allocated) {
        struct uuid reservation_id = reservation_id_of(&reservation->order_id);
        uuid_format(&reservation_id, id);
        json_put_text(&w, "reservationId", id);
    }
    json_end_object(&w);
    emit(decision, EVENT_INVENTORY_RESERVED, cause);
}

static void emit_rejected(struct decision *decision, const struct event *cause,
                          const struct shortage *shortage) {
    buf_clear(&decision->data);
    struct json_writer w = json_writer(&decision->data);
    json_begin_object(&w);
    json_put_string(&w, "orderId", cause->subject);
    json_put_text(&w, "reason", order_reason_name(shortage->reason));
    json_put_string(&w, "sku", shortage->sku);
    json_end_object(&w);
    emit(decision, EVENT_INVENTORY_REJECTED, cause);
}

static void emit_released(struct decision *decision, const struct event *cause) {
    buf_clear(&decision->data);
    struct json_writer w = json_writer(&decision->data);
    json_begin_object(&w);
    json_put_string(&w, "orderId", cause->subject);
    json_end_object(&w);
    emit(decision, EVENT_INVENTORY_RELEASED, cause);
}

/* An order that has any reservation has had its answer, and a tombstone refuses it. */
static void reserve(struct decision *decision, const struct delivery *delivery,
                    struct reservation *reservation) {
    const struct request *request = delivery->state;
    struct shortage shortage;
    if (request == NULL || reservation->status != RESERVATION_NONE)
        return;
    decision->has_reserved = true;
    const struct wanted_lines wanted = {request->lines, request->snapshot.item_count};
    if (reservation_make(reservation, &decision->stock, &wanted, decision->arena, &shortage))
        emit_reserved(decision, &delivery->event, &request->snapshot, reservation);
    else
        emit_rejected(decision, &delivery->event, &shortage);
}

static void release(struct decision *decision, struct delivery *delivery,
                    struct reservation *reservation) {
    switch (reservation->status) {
    case RESERVATION_NONE:
        reservation->status = RESERVATION_RELEASED;
        break;
    case RESERVATION_RESERVED:
    case RESERVATION_ALLOCATED:
        if (!stock_release(&decision->stock, reservation->lines, reservation->line_count)) {
            delivery_reject(delivery, STATUS_CONFLICT, "a reserved SKU has no stock row");
            break;
        }
        reservation->status = RESERVATION_RELEASED;
        decision->has_released = true;
        emit_released(decision, &delivery->event);
        break;
    case RESERVATION_REJECTED:
    case RESERVATION_RELEASED:
        break;
    case RESERVATION_SHIPPED:
        delivery_reject(delivery, STATUS_CONFLICT, "the order's stock has been shipped");
        break;
    }
}

static void ship(struct decision *decision, struct delivery *delivery,
                 struct reservation *reservation) {
    switch (reservation->status) {
    case RESERVATION_NONE:
        delivery_early(delivery, "its reservation is not here yet");
        break;
    case RESERVATION_RESERVED:
    case RESERVATION_ALLOCATED:
        if (stock_ship(&decision->stock, reservation->lines, reservation->line_count))
            reservation->status = RESERVATION_SHIPPED;
        else
            delivery_reject(delivery, STATUS_CONFLICT, "a reserved SKU has no stock row");
        break;
    case RESERVATION_REJECTED:
    case RESERVATION_RELEASED:
        delivery_reject(delivery, STATUS_CONFLICT, "a completed order holds nothing");
        break;
    case RESERVATION_SHIPPED:
        break;
    }
}

/* Pieces of a confirmed order are not sent. It may have been completed, and so counted as shipped,
   before this comes. */
static void cut(struct decision *decision, struct delivery *delivery,
                struct reservation *reservation) {
    const struct request *request = delivery->state;
    struct stock_lines freed;
    if (request == NULL)
        return;
    switch (reservation->status) {
    case RESERVATION_NONE:
        delivery_early(delivery, "its reservation is not here yet");
        return;
    case RESERVATION_REJECTED:
    case RESERVATION_RELEASED:
        return;
    case RESERVATION_RESERVED:
    case RESERVATION_ALLOCATED:
    case RESERVATION_SHIPPED:
        break;
    }
    reservation_cut(reservation, &request->snapshot, decision->arena, &freed);
    bool is_known = reservation->status == RESERVATION_SHIPPED
                        ? stock_unship(&decision->stock, freed.rows, freed.count)
                        : stock_release(&decision->stock, freed.rows, freed.count);
    decision->has_cut = true;
    if (!is_known)
        delivery_reject(delivery, STATUS_CONFLICT, "a reserved SKU has no stock row");
}

static void decide(struct decision *decision, struct delivery *delivery) {
    struct reservation *reservation =
        reservations_find(&decision->reservations, &delivery->event.order_id);
    if (asks_for_stock(&delivery->event))
        reserve(decision, delivery, reservation);
    else if (delivery->event.type == EVENT_ORDER_LINES_CANCELLED)
        cut(decision, delivery, reservation);
    else if (delivery->event.type == EVENT_ORDER_COMPLETED)
        ship(decision, delivery, reservation);
    else
        release(decision, delivery, reservation);
}

static enum status inventory_apply(struct batch *batch, struct error *error) {
    struct decision decision = {.outbox = batch->outbox, .arena = batch->arena};
    parse_requests(batch);
    struct stock_wanted wanted = list_wanted(batch);
    enum status status =
        inventory_store_load(batch, &wanted, &decision.reservations, &decision.stock, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i]->outcome == OUTCOME_DONE)
            decide(&decision, batch->items[i]);
    }
    buf_fini(&decision.data);
    status = inventory_store_save(batch, &decision.stock, &decision.reservations, error);
    if (status == STATUS_OK && decision.has_reserved)
        failpoint("inventory.mid_reserve");
    if (status == STATUS_OK && decision.has_released)
        failpoint("compensation.midway");
    if (status == STATUS_OK && decision.has_cut)
        failpoint("inventory.mid_cut");
    return status;
}

/* What an order's reservation says refuses every repetition. */
const struct handler inventory_handler = {
    .apply = inventory_apply, .wants = inventory_wants, .once = ONCE_BY_EFFECT};
const struct handler inventory_patient_handler = {.apply = inventory_apply,
                                                  .wants = inventory_wants,
                                                  .once = ONCE_BY_EFFECT,
                                                  .patience_ms = 1000};

#include "services/order/handler.h"

#include "services/order/life/announce.h"
#include "services/order/life/timeline.h"
#include "services/order/lines/cancel_store.h"
#include "services/order/lines/return_store.h"
#include "services/order/progress_update.h"
#include "services/order/shipments.h"
#include "services/order/store.h"
#include "services/order/store_cancel.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"

/* --- what an event says --- */

/* Pieces that are not sent, and what is left of their order. */
struct cut {
    struct lines_cancelled pieces;
    struct order_snapshot rest;
};

struct fact {
    enum order_reason reason;
    struct slice detail;
    struct shipment_facts shipments;
    struct cut *cut; /* that shipping was asked for in time; NULL: none */
};

/* Where each event keeps its reason and what people want to see. */
static const struct fact_source {
    const char *reason_key;
    enum order_reason reason; /* without a key */
    const char *detail_key;
} fact_sources[ORDER_EVENT_COUNT] = {
    [EVENT_ORDER_CANCEL] = {.reason = REASON_CANCELLED_BY_CUSTOMER},
    [EVENT_INVENTORY_REJECTED] = {.reason_key = "reason", .detail_key = "sku"},
    [EVENT_PAYMENT_FAILED] = {.reason_key = "reason", .detail_key = "code"},
    [EVENT_PAYMENT_CAPTURE_FAILED] = {.detail_key = "code"},
    [EVENT_PAYMENT_ACTION_REQUIRED] = {.detail_key = "url"},
    [EVENT_SHIPPING_SHIPPED] = {.detail_key = "trackingNumber"},
    [EVENT_SHIPPING_PART_SHIPPED] = {.detail_key = "trackingNumber"},
    [EVENT_SHIPPING_FAILED] = {.reason = REASON_SHIPPING_FAILED, .detail_key = "reason"},
    [EVENT_SHIPPING_STOPPED] = {.reason = REASON_SAGA_TIMEOUT},
    [ORDER_UNPAID] = {.reason = REASON_PAYMENT_TIMEOUT},
    [ORDER_TIME_UP] = {.reason = REASON_SAGA_TIMEOUT},
    [ORDER_KEY_TAKEN] = {.reason = REASON_IDEMPOTENCY_CONFLICT},
};

static enum status read_cut(const struct event *event, struct arena *arena, struct fact *fact,
                            struct error *error) {
    if (event->type != EVENT_SHIPPING_SHIPPED ||
        json_tree_member(event->data, LINES_CANCELLED_KEY) == NULL)
        return STATUS_OK;
    fact->cut = arena_alloc(arena, sizeof(*fact->cut));
    enum status status = lines_cancelled_parse(event->data, arena, &fact->cut->pieces, error);
    return status == STATUS_OK ? order_snapshot_parse(event->data, arena, &fact->cut->rest, error)
                               : status;
}

static enum status read_fact(const struct event *event, struct arena *arena, struct fact *fact,
                             struct error *error) {
    const struct fact_source *source = &fact_sources[event->type];
    enum status status = STATUS_OK;
    struct slice reason;
    fact->reason = source->reason;
    if (source->reason_key != NULL) {
        status = json_tree_get_string(event->data, source->reason_key, &reason, error);
        if (status == STATUS_OK && !order_reason_parse(reason, &fact->reason))
            status =
                error_set(error, STATUS_INVALID, "reason %.*s is none of ours", SLICE_ARG(reason));
    }
    if (status == STATUS_OK && source->detail_key != NULL)
        status = json_tree_get_string(event->data, source->detail_key, &fact->detail, error);
    if (status == STATUS_OK)
        status = read_cut(event, arena, fact, error);
    return status == STATUS_OK ? shipments_read(event, arena, &fact->shipments, error) : status;
}

/* --- stepping --- */

/* One event applied to its order. */
struct progress {
    struct order_row *order;
    const struct event *event;
    struct fact fact;
    struct slice details;
    const struct order_lines *left; /* of its lines, where pieces are to be cancelled */
    unsigned actions;               /* enum order_action bits */
    int64_t at_us; /* of what the order service itself does; never before its cause */
    struct progress *next_of_order;
};

/* The steps of one order in this batch. */
struct chain {
    struct progress *first, *last;
};

/* It takes effect; empty where it tells nothing besides. */
static struct slice take_own(const struct delivery *delivery) {
    struct own_event *own = delivery->state;
    if (delivery->event.type < EVENT_TYPE_COUNT || own == NULL)
        return (struct slice){0};
    own->is_taken = true;
    return own->details;
}

/* What each warehouse gives is announced with the order from now on. */
static void take_allocations(struct order_row *order, const struct shipment_facts *facts) {
    if (!facts->is_allocation)
        return;
    order->state.steps |= STEP_ALLOCATED;
    order->snapshot.allocations = facts->allocated.allocations;
    order->snapshot.allocation_count = facts->allocated.allocation_count;
}

/* What this step decides about pieces that are to be cancelled: those of an order that is confirmed
   only now are not sent, and others are as shipping says. */
static unsigned step_lines(struct order_row *order, const struct event *event, unsigned actions,
                           const struct fact *fact) {
    enum event_type decided = ORDER_LINES_STOPPED;
    bool is_answer =
        event->type == EVENT_SHIPPING_SHIPPED && (order->state.steps & STEP_LINES_ASKED) != 0;
    bool is_begin =
        (actions & ORDER_CONFIRM) != 0 && (order->state.steps & STEP_LINES_CANCELLED) != 0;
    if (is_answer && fact->cut == NULL)
        decided = ORDER_LINES_SENT;
    else if (is_answer)
        order->snapshot = fact->cut->rest;
    return is_answer || is_begin ? order_fsm_step(&order->state, decided)->actions : 0;
}

static const struct order_lines *left_of(const struct delivery *delivery) {
    const struct own_event *own = delivery->state;
    return delivery->event.type == ORDER_LINES_WANTED && own != NULL ? own->left : NULL;
}

static bool step(struct order_row *order, struct delivery *delivery, struct arena *arena,
                 struct progress *progress) {
    const struct event *event = &delivery->event;
    struct error error = {0};
    struct fact fact = {0};
    enum status status = read_fact(event, arena, &fact, &error);
    if (status != STATUS_OK) {
        delivery_reject(delivery, STATUS_INVALID, "%s", error.text);
        return false;
    }
    const struct order_transition *row = order_fsm_step(&order->state, event->type);
    if (row == NULL) {
        delivery_reject(delivery, STATUS_INTERNAL, "no transition from %s on %s",
                        order_status_name(order->state.status), order_fsm_event_name(event->type));
        return false;
    }
    if (row->actions == 0)
        return false;
    if (row->actions & ORDER_CANCEL)
        fact.reason = REASON_CANCELLED_BY_CUSTOMER;
    take_allocations(order, &fact.shipments);
    *progress = (struct progress){.order = order,
                                  .event = event,
                                  .fact = fact,
                                  .details = take_own(delivery),
                                  .left = left_of(delivery),
                                  .actions = row->actions};
    progress->actions |= step_lines(order, event, row->actions, &fact);
    return true;
}

static const unsigned announced_actions = ORDER_START | ORDER_CONFIRM | ORDER_COMPLETE |
                                          ORDER_FAIL | ORDER_CANCEL | ORDER_STOP | ORDER_CAPTURE |
                                          ORDER_RETURN | ORDER_STOP_LINES | ORDER_CUT;

/* What was given back so far: an event of a part says that besides. 0 where it does not say. */
static int64_t given_back(const struct event *event) {
    int64_t minor;
    if (json_tree_get_int64(event->data, "refundedMinor", &minor, NULL) == STATUS_OK ||
        json_tree_get_int64(event->data, "amountMinor", &minor, NULL) == STATUS_OK)
        return minor;
    return 0;
}

/* 0 where it does not say: its customer then has no more time than the order. */
static int64_t action_until(const struct event *event) {
    struct slice text;
    int64_t until_us;
    if (json_tree_get_string(event->data, "until", &text, NULL) != STATUS_OK ||
        !clock_parse(text, &until_us))
        return 0;
    return until_us;
}

static void note(struct order_row *order, const struct progress *progress) {
    if (progress->actions != ORDER_START)
        order->changes++;
    if (progress->actions & announced_actions)
        order->needs_items = true;
    if (progress->actions & (ORDER_FAIL | ORDER_CANCEL))
        order->reason = progress->fact.reason;
    if (progress->event->type == EVENT_SHIPPING_SHIPPED)
        order->tracking_number = progress->fact.detail;
    if (progress->event->type == EVENT_PAYMENT_REFUNDED &&
        given_back(progress->event) > order->given_back_minor)
        order->given_back_minor = given_back(progress->event);
    if (progress->event->type == EVENT_PAYMENT_ACTION_REQUIRED)
        order->action_until_us = action_until(progress->event);
}

/* The command's own; other events have none. */
static const struct early_cancel *cancel_of(const struct delivery *delivery) {
    return delivery->event.type == EVENT_ORDER_CANCEL ? delivery->state : NULL;
}

/* A wish that names no tenant is for any order, but cannot be kept. */
static bool is_kept(const struct delivery *delivery) {
    const struct early_cancel *cancel = cancel_of(delivery);
    return cancel != NULL && cancel->tenant.len > 0;
}

static bool is_for(const struct delivery *delivery, const struct order_row *order) {
    return !is_kept(delivery) || slice_equal(cancel_of(delivery)->tenant, order->snapshot.tenant);
}

/* Steps every event in stream order; several of one order build on each other. */
static size_t step_all(struct batch *batch, const struct order_rows *orders, struct progress *steps,
                       struct chain *chains) {
    size_t count = 0;
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct order_row *order = order_rows_find(orders, &delivery->event.order_id);
        struct progress *progress = &steps[count];
        if (order == NULL && !is_kept(delivery))
            delivery_early(delivery, "its order is not here yet");
        if (order == NULL || !is_for(delivery, order) ||
            !step(order, delivery, batch->arena, progress))
            continue;
        int64_t event_us = delivery->event.time_us;
        progress->at_us = now_us > event_us ? now_us : event_us;
        note(order, progress);
        struct chain *chain = &chains[order - orders->rows];
        if (chain->first == NULL)
            chain->first = progress;
        else
            chain->last->next_of_order = progress;
        chain->last = progress;
        count++;
    }
    return count;
}

/* --- consequences --- */

/* Each action adds its event to the timeline and announces it, in this order; one of the service's
   own is told nobody else. An order's start is in its timeline from its first moment. */
static const struct consequence {
    enum order_action action;
    enum event_type type;
    bool has_reason;
    const char *details_key; /* NULL: it tells nothing besides */
} consequences[] = {
    {ORDER_START, EVENT_ORDER_CREATED, false, NULL},
    {ORDER_CONFIRM, EVENT_ORDER_CONFIRMED, false, NULL},
    {ORDER_CUT, EVENT_ORDER_LINES_CANCELLED, false, LINES_CANCELLED_KEY},
    {ORDER_KEEP, ORDER_LINES_SENT, false, NULL},
    {ORDER_CAPTURE, EVENT_ORDER_CAPTURE_REQUESTED, false, NULL},
    {ORDER_COMPLETE, EVENT_ORDER_COMPLETED, false, NULL},
    {ORDER_STOP, EVENT_ORDER_STOP_REQUESTED, true, NULL},
    {ORDER_STOP_LINES, EVENT_ORDER_LINES_STOP_REQUESTED, false, LINES_CANCELLED_KEY},
    {ORDER_FAIL, EVENT_ORDER_FAILED, true, NULL},
    {ORDER_CANCEL, EVENT_ORDER_CANCELLED, true, NULL},
    {ORDER_RETURN, EVENT_ORDER_RETURNED, false, "return"},
};
#define CONSEQUENCE_COUNT (sizeof(consequences) / sizeof(consequences[0]))

static void write_entries(struct json_writer *w, const struct progress *progress) {
    struct slice said =
        progress->actions & ORDER_REFUSE ? SLICE_LITERAL("refused") : progress->fact.detail;
    if (progress->actions & ORDER_RECORD)
        timeline_add(w, progress->event->type, progress->event->time_us, said);
    for (size_t i = 0; i < CONSEQUENCE_COUNT; i++) {
        struct slice detail = {0};
        if (!(progress->actions & consequences[i].action) || consequences[i].action == ORDER_START)
            continue;
        if (consequences[i].has_reason)
            detail = slice_of(order_reason_name(progress->fact.reason));
        timeline_add(w, consequences[i].type, progress->at_us, detail);
    }
}

static void write_timelines(const struct order_rows *orders, const struct chain *chains,
                            struct arena *arena, struct buf *scratch) {
    for (size_t i = 0; i < orders->count; i++) {
        if (orders->rows[i].changes == 0)
            continue;
        buf_clear(scratch);
        struct json_writer w = json_writer(scratch);
        json_begin_array(&w);
        for (const struct progress *p = chains[i].first; p != NULL; p = p->next_of_order)
            write_entries(&w, p);
        json_end_array(&w);
        orders->rows[i].timeline = arena_slice(arena, buf_slice(scratch));
    }
}

/* Shipping is asked to send what would be left. */
static struct order_snapshot told_order(const struct progress *progress, enum order_action action,
                                        struct arena *arena) {
    struct order_snapshot order = progress->order->snapshot;
    if (action == ORDER_STOP_LINES) {
        order_snapshot_leave(&order, progress->left, arena);
        order_snapshot_settle(&order, arena);
    }
    return order;
}

static void announce_progress(struct batch *batch, const struct progress *progress,
                              struct buf *scratch) {
    for (size_t i = 0; i < CONSEQUENCE_COUNT; i++) {
        const struct consequence *consequence = &consequences[i];
        if (!(progress->actions & consequence->action) || consequence->type >= EVENT_TYPE_COUNT)
            continue;
        const struct order_snapshot order = told_order(progress, consequence->action, batch->arena);
        struct announcement announcement = {
            .type = consequence->type,
            .snapshot = &order,
            .cause = progress->event,
            .details_key = consequence->details_key,
            .details = progress->details,
        };
        if (consequence->has_reason) {
            announcement.reason = progress->fact.reason;
            announcement.detail = progress->fact.detail;
        }
        if (consequence->action == ORDER_COMPLETE)
            announcement.tracking_number = progress->order->tracking_number;
        announce(batch->outbox, &announcement, scratch);
    }
    if (progress->actions & (ORDER_COMPLETE | ORDER_FAIL | ORDER_CANCEL))
        announce_end_metrics(progress->order->state.status, progress->order->accepted_at_us,
                             progress->at_us);
}

static enum status save_shipments(struct batch *batch, const struct progress *steps, size_t count,
                                  struct error *error) {
    struct shipment_note *notes = arena_alloc(batch->arena, (count + 1) * sizeof(*notes));
    size_t noted = 0;
    for (size_t i = 0; i < count; i++) {
        if (steps[i].fact.shipments.count > 0)
            notes[noted++] =
                (struct shipment_note){steps[i].order->snapshot.order_id, steps[i].event->time_us,
                                       &steps[i].fact.shipments};
    }
    return noted > 0 ? shipments_save(batch, notes, noted, error) : STATUS_OK;
}

/* Few refunds are of a return. */
static enum status note_returns(struct batch *batch, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        const struct delivery *delivery = batch->items[i];
        struct slice text;
        struct uuid id;
        int64_t minor;
        if (delivery->event.type == EVENT_PAYMENT_REFUNDED && delivery->outcome == OUTCOME_DONE &&
            json_tree_get_string(delivery->event.data, "returnId", &text, NULL) == STATUS_OK &&
            uuid_parse(text, &id) &&
            json_tree_get_int64(delivery->event.data, "amountMinor", &minor, NULL) == STATUS_OK)
            status = return_store_note_refund(batch->pg, &id, minor, error);
    }
    return status;
}

/* --- pieces that are cancelled: few orders have any --- */

static struct slice write_cut(const struct lines_cancelled *cut, struct arena *arena) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    lines_cancelled_write(cut, &w);
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

/* What is told of them besides: shipping's answer says it, else what is kept with the order. */
static enum status describe_cuts(struct batch *batch, struct progress *steps, size_t count,
                                 struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct cut *cut = steps[i].fact.cut;
        struct lines_cancelled kept;
        if (!(steps[i].actions & ORDER_CUT))
            continue;
        if (cut == NULL)
            status = cancel_store_load(batch->pg, &steps[i].order->snapshot.order_id, batch->arena,
                                       &kept, error);
        if (status == STATUS_OK)
            steps[i].details = write_cut(cut != NULL ? &cut->pieces : &kept, batch->arena);
    }
    return status;
}

static void settle_orders(const struct order_rows *orders, struct arena *arena) {
    for (size_t i = 0; i < orders->count; i++) {
        struct order_row *order = &orders->rows[i];
        if (order->needs_items && (order->state.steps & STEP_LINES_CANCELLED) != 0)
            order_snapshot_settle(&order->snapshot, arena);
    }
}

static enum status save_cut(struct batch *batch, const struct progress *progress,
                            struct error *error) {
    enum status status = STATUS_OK;
    if (progress->actions & ORDER_KEEP)
        status = cancel_store_refuse(batch->pg, &progress->order->snapshot.order_id, error);
    if ((progress->actions & ORDER_CUT) && progress->fact.cut != NULL)
        status = cancel_store_settle(batch->pg, &progress->fact.cut->pieces.id, error);
    if (status == STATUS_OK && (progress->actions & ORDER_CUT))
        status = shipments_cut(batch, &progress->order->snapshot, progress->event->time_us, error);
    return status;
}

static enum status save_cuts(struct batch *batch, const struct progress *steps, size_t count,
                             struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!(steps[i].actions & (ORDER_CUT | ORDER_KEEP)))
            continue;
        status = save_cut(batch, &steps[i], error);
        failpoint("order.mid_cut");
    }
    return status;
}

static enum status progress_apply(struct batch *batch, struct error *error) {
    struct order_rows orders = {0};
    enum status status = order_store_load(batch, &orders, error);
    if (status != STATUS_OK)
        return status;
    struct progress *steps = arena_alloc(batch->arena, batch->count * sizeof(*steps));
    struct chain *chains = arena_alloc(batch->arena, (orders.count + 1) * sizeof(*chains));
    size_t count = step_all(batch, &orders, steps, chains);
    status = order_store_load_items(batch, &orders, error);
    if (status == STATUS_OK)
        status = shipments_load(batch, &orders, error);
    if (status == STATUS_OK)
        status = describe_cuts(batch, steps, count, error);
    if (status != STATUS_OK)
        return status;
    settle_orders(&orders, batch->arena);
    struct buf scratch = {0};
    write_timelines(&orders, chains, batch->arena, &scratch);
    for (size_t i = 0; i < count; i++)
        announce_progress(batch, &steps[i], &scratch);
    for (size_t i = 0; i < orders.count; i++) {
        if (orders.rows[i].changes > 0)
            progress_update(batch->updates, &orders.rows[i], &scratch);
    }
    buf_fini(&scratch);
    status = order_store_update(batch, &orders, error);
    if (status == STATUS_OK)
        status = save_shipments(batch, steps, count, error);
    if (status == STATUS_OK)
        status = save_cuts(batch, steps, count, error);
    return status == STATUS_OK ? note_returns(batch, error) : status;
}

const struct handler progress_handler = {.apply = progress_apply};
/* A step of the way forward is kept with the order, and so known when it comes again. */
const struct handler step_handler = {.apply = progress_apply, .once = ONCE_BY_EFFECT};

/* --- wishes to cancel --- */

/* Empty when it names none. */
static struct slice tenant_of(const struct event *event) {
    struct slice tenant;
    struct error missing = {0};
    if (json_tree_get_string(event->data, "tenant", &tenant, &missing) != STATUS_OK)
        return (struct slice){0};
    return tenant;
}

static enum status cancel_apply(struct batch *batch, struct error *error) {
    struct early_cancel *cancels = arena_alloc(batch->arena, batch->count * sizeof(*cancels));
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        cancels[i] = (struct early_cancel){delivery, tenant_of(&delivery->event)};
        delivery->state = &cancels[i];
    }
    enum status status = order_store_keep_cancels(batch, cancels, batch->count, error);
    return status == STATUS_OK ? progress_apply(batch, error) : status;
}

const struct handler cancel_handler = {.apply = cancel_apply, .once = ONCE_BY_OWN_KEY};

/* --- the catalog --- */

static enum status read_change(const struct event *event, struct catalog_change *change,
                               struct error *error) {
    struct catalog_price *price = &change->price;
    enum status status = json_tree_get_string(event->data, "sku", &price->sku, error);
    if (status == STATUS_OK)
        status = json_tree_get_int64(event->data, "priceMinor", &price->price_minor, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(event->data, "currency", &price->currency, error);
    if (status == STATUS_OK)
        status = json_tree_get_int64(event->data, "version", &change->version, error);
    if (status != STATUS_OK)
        return status;
    if (json_tree_get_bool(event->data, "active", &price->is_active, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "active: not a boolean");
    if (price->price_minor < 0 || price->price_minor > ORDER_MAX_MINOR)
        return error_set(error, STATUS_INVALID, "priceMinor: out of range");
    return STATUS_OK;
}

static enum status catalog_apply(struct batch *batch, struct error *error) {
    struct catalog_change *changes = arena_alloc(batch->arena, batch->count * sizeof(*changes));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct error invalid = {0};
        if (read_change(&batch->items[i]->event, &changes[count], &invalid) == STATUS_OK)
            count++;
        else
            delivery_reject(batch->items[i], STATUS_INVALID, "%s", invalid.text);
    }
    return count > 0 ? order_store_put_catalog(batch, changes, count, error) : STATUS_OK;
}

const struct handler catalog_handler = {.apply = catalog_apply};

#include "services/payment/handler.h"

#include "services/payment/provider_span.h"
#include "services/payment/store.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"
#include "shared/observe/metrics.h"

#include <stdio.h>

METRIC_COUNTER(payments_told, "ordermesh_payments_total", "result", "Payments told of, by result.");
METRIC_STARTS(payments_told, "succeeded", "failed", "refunded");

/* A delivery asks this of the provider; delivery->state, NULL when nothing. */
struct task {
    enum payment_operation operation;
    struct provider_request request;
};

/* --- prepare: record what is wanted --- */

static bool parse_order(struct delivery *delivery, struct arena *arena,
                        struct order_snapshot *snapshot) {
    struct error error = {0};
    enum status status = order_snapshot_parse(delivery->event.data, arena, snapshot, &error);
    if (status == STATUS_OK && snapshot->total_minor < 0)
        status = error_set(&error, STATUS_INVALID, "totalMinor: missing");
    if (status == STATUS_OK && uuid_compare(&snapshot->order_id, &delivery->event.order_id) != 0)
        status = error_set(&error, STATUS_INVALID, "subject and orderId differ");
    if (status != STATUS_OK)
        delivery_reject(delivery, status, "%s", error.text);
    return status == STATUS_OK;
}

static struct task *make_task(const struct delivery *delivery, const struct payment_row *row,
                              enum payment_operation operation, struct arena *arena) {
    struct task *task = arena_alloc(arena, sizeof(*task));
    struct provider_request *request = &task->request;
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&row->order.order_id, order_id);
    const char *verb = operation == PAYMENT_CHARGE ? "charge" : "refund";
    snprintf(request->key, sizeof(request->key), "%s-%s", verb, order_id);
    snprintf(request->charge_key, sizeof(request->charge_key), "charge-%s", order_id);
    snprintf(request->order_id, sizeof(request->order_id), "%s", order_id);
    snprintf(request->charge_id, sizeof(request->charge_id), "%.*s",
             SLICE_ARG(row->known_charge_id));
    request->payment_method = row->order.payment_method;
    request->amount_minor = row->order.amount_minor;
    request->currency = row->order.currency;
    request->is_over = row->status == PAYMENT_VOIDED;
    request->attempt = delivery->attempt;
    request->wanted_at_us = delivery->event.time_us;
    request->trace = delivery->event.trace;
    task->operation = operation;
    return task;
}

/* VOIDED after an INTENT: a charge may have been made just before a crash. Asking again under its
   key tells, and moves no more money; a captured amount is then given back. */
static struct task *charge_task(const struct delivery *delivery, struct payment_row *row,
                                struct arena *arena) {
    bool was_wanted = row->order.payment_method.len > 0;
    if (row->status == PAYMENT_INTENT || (row->status == PAYMENT_VOIDED && was_wanted))
        return make_task(delivery, row, PAYMENT_CHARGE, arena);
    if (row->status == PAYMENT_REFUNDING)
        return make_task(delivery, row, PAYMENT_REFUND, arena);
    return NULL;
}

/* The order has ended: a captured payment is given back, and a later charge refused. */
static struct task *end_task(const struct delivery *delivery, struct payment_row *row,
                             struct arena *arena) {
    enum payment_status next = payment_fsm_end(row->status);
    row->is_changed |= next != row->status;
    row->status = next;
    if (next == PAYMENT_REFUNDING)
        return make_task(delivery, row, PAYMENT_REFUND, arena);
    return NULL;
}

/* Its next turn comes after those of all others. */
static struct task *owed_task(const struct delivery *delivery, struct payment_row *row,
                              struct arena *arena) {
    struct task *task = row->status == PAYMENT_INTENT ? NULL : charge_task(delivery, row, arena);
    row->is_changed |= task != NULL;
    return task;
}

typedef struct task *(*task_fn)(const struct delivery *delivery, struct payment_row *row,
                                struct arena *arena);

static void make_tasks(struct batch *batch, const struct payment_rows *payments, task_fn make) {
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct payment_row *row = payment_rows_find(payments, &delivery->event.order_id);
        if (row != NULL && delivery->outcome == OUTCOME_DONE)
            delivery->state = make(delivery, row, batch->arena);
    }
}

/* Where making tasks changes payments. */
static enum status make_and_save(struct batch *batch, task_fn make, struct error *error) {
    struct payment_rows payments = {0};
    enum status status = payment_store_load(batch, &payments, error);
    if (status == STATUS_OK) {
        make_tasks(batch, &payments, make);
        status = payment_store_save(batch, &payments, error);
    }
    return status == STATUS_OK ? pg_commit(batch->pg, error) : status;
}

/* inventory.reserved charges in inventory-first, order.created in the other flows. An event that
   names no flow is not waved through: prepare says what is wrong with it. */
static bool charge_wants(const struct event *event) {
    struct slice text;
    enum order_flow flow;
    if (json_tree_get_string(event->data, "flow", &text, NULL) != STATUS_OK ||
        !order_flow_parse(text, &flow))
        return true;
    return (flow == FLOW_INVENTORY_FIRST) == (event->type == EVENT_INVENTORY_RESERVED);
}

static enum status charge_prepare(struct batch *batch, struct error *error) {
    struct payment_order *orders = arena_alloc(batch->arena, batch->count * sizeof(*orders));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct order_snapshot order = {0};
        if (!parse_order(batch->items[i], batch->arena, &order))
            continue;
        orders[count++] = (struct payment_order){order.order_id, order.total_minor, order.currency,
                                                 order.payment_method};
    }
    struct payment_rows payments = {0};
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_add(batch, PAYMENT_INTENT, orders, count, error);
    if (status == STATUS_OK)
        status = payment_store_commit_and_read(batch, &payments, error);
    if (status == STATUS_OK)
        make_tasks(batch, &payments, charge_task);
    return status;
}

static enum status end_prepare(struct batch *batch, struct error *error) {
    struct payment_order *orders = arena_alloc(batch->arena, batch->count * sizeof(*orders));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct order_snapshot order = {0};
        if (!parse_order(batch->items[i], batch->arena, &order))
            continue;
        orders[count++] = (struct payment_order){
            .order_id = order.order_id,
            .amount_minor = order.total_minor,
            .currency = order.currency,
        };
    }
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_add(batch, PAYMENT_VOIDED, orders, count, error);
    return status == STATUS_OK ? make_and_save(batch, end_task, error) : status;
}

static enum status owed_prepare(struct batch *batch, struct error *error) {
    enum status status = pg_begin(batch->pg, error);
    return status == STATUS_OK ? make_and_save(batch, owed_task, error) : status;
}

/* --- call: ask the provider --- */

/* No provider is asked for nothing; answered then. */
static bool is_free(struct provider_request *request) {
    if (request->amount_minor > 0)
        return false;
    request->answer = request->is_over ? PROVIDER_NOTHING : PROVIDER_DONE;
    snprintf(request->charge_id, sizeof(request->charge_id), "none");
    snprintf(request->refund_id, sizeof(request->refund_id), "none");
    snprintf(request->code, sizeof(request->code), "%s", request->is_over ? "never_charged" : "");
    return true;
}

static struct request_list list_requests(const struct batch *batch,
                                         enum payment_operation operation) {
    struct request_list list = {0};
    list.items = arena_alloc(batch->arena, batch->count * sizeof(struct provider_request *));
    for (size_t i = 0; i < batch->count; i++) {
        struct task *task = batch->items[i]->state;
        if (task != NULL && task->operation == operation &&
            batch->items[i]->outcome == OUTCOME_DONE && !is_free(&task->request))
            list.items[list.count++] = &task->request;
    }
    return list;
}

static void ask(const struct provider *provider, const struct request_list *charges,
                const struct request_list *refunds) {
    if (charges->count > 0) {
        failpoint("payment.before_charge");
        provider_call(provider, "charge", provider->charge, charges);
        failpoint("payment.after_charge");
    }
    if (refunds->count > 0)
        provider_call(provider, "refund", provider->refund, refunds);
}

/* Puts off what failed alone and gives up what cannot succeed. Returns why the provider counts as
   down, or NULL when it does not. */
static const char *sort_answers(struct batch *batch) {
    const char *why_down = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        const struct task *task = batch->items[i]->state;
        if (task == NULL)
            continue;
        const char *code = task->request.code;
        if (task->request.answer == PROVIDER_TRANSIENT)
            delivery_retry(batch->items[i], STATUS_UNAVAILABLE, "the provider failed this time: %s",
                           code);
        else if (task->request.answer == PROVIDER_REFUSED)
            delivery_reject(batch->items[i], STATUS_INVALID, "the provider refused it: %s", code);
        else if (task->request.answer == PROVIDER_OUTAGE)
            why_down = code;
    }
    return why_down;
}

static enum status payment_call(struct batch *batch, struct error *error) {
    struct payment *payment = batch->context;
    struct request_list charges = list_requests(batch, PAYMENT_CHARGE);
    struct request_list refunds = list_requests(batch, PAYMENT_REFUND);
    char name[64];
    if (charges.count + refunds.count == 0)
        return STATUS_OK;
    snprintf(name, sizeof(name), "payment provider %s", payment->provider->name);
    if (!breaker_allow(payment->breaker, clock_monotonic_us()))
        return breaker_refuse(payment->breaker, name, error);
    ask(payment->provider, &charges, &refunds);
    const char *why_down = sort_answers(batch);
    breaker_report(payment->breaker, why_down, clock_monotonic_us());
    if (why_down != NULL)
        return error_set(error, STATUS_UNAVAILABLE, "%s is down: %s", name, why_down);
    return STATUS_OK;
}

/* --- apply: record what came of it --- */

/* payment.succeeded: in payment-first, inventory reserves what the snapshot says. In other flows it
   must only see that it has nothing to do, as it has once the order has ended: then no event says
   what was ordered, and `order` is NULL. */
static void write_succeeded(struct buf *data, const struct payment_row *row,
                            const struct order_snapshot *order) {
    char order_id[UUID_TEXT_SIZE];
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    if (order != NULL && order->flow == FLOW_PAYMENT_FIRST) {
        order_snapshot_write(order, &w);
    } else {
        uuid_format(&row->order.order_id, order_id);
        json_put_text(&w, "orderId", order_id);
        json_put_string(&w, "currency", row->order.currency);
        if (order != NULL)
            json_put_text(&w, "flow", order_flow_name(order->flow));
    }
    json_put_int(&w, "amountMinor", row->order.amount_minor);
    json_put_text(&w, "chargeId", row->charge_id);
    json_end_object(&w);
}

static void write_data(struct buf *data, enum event_type type, const struct payment_row *row) {
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&row->order.order_id, order_id);
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    if (type == EVENT_PAYMENT_FAILED) {
        json_put_text(&w, "reason", order_reason_name(REASON_PAYMENT_DECLINED));
        json_put_text(&w, "code", row->decline_code);
    } else {
        json_put_int(&w, "amountMinor", row->order.amount_minor);
        json_put_string(&w, "currency", row->order.currency);
    }
    if (type == EVENT_PAYMENT_REFUNDED)
        json_put_text(&w, "refundId", row->refund_id);
    json_end_object(&w);
}

static const char *result_name(enum event_type type) {
    if (type == EVENT_PAYMENT_FAILED)
        return "failed";
    return type == EVENT_PAYMENT_REFUNDED ? "refunded" : "succeeded";
}

static void announce(struct batch *batch, struct delivery *delivery, enum event_type type,
                     const struct payment_row *row, struct buf *data) {
    struct order_snapshot order = {0};
    if (type != EVENT_PAYMENT_SUCCEEDED)
        write_data(data, type, row);
    else if (delivery->event.data == NULL)
        write_succeeded(data, row, NULL);
    else if (parse_order(delivery, batch->arena, &order))
        write_succeeded(data, row, &order);
    else
        return;
    outbox_add(batch->outbox, type, delivery->event.subject, &delivery->event, buf_slice(data));
    metric_add(&payments_told, metric_slot(&payments_told, result_name(type)), 1);
}

static const char *or_null(const char *text) {
    return text[0] != 0 ? text : NULL;
}

static void take_answer(struct payment_row *row, const struct task *task,
                        const struct payment_transition *transition) {
    row->status = transition->next;
    row->is_changed = true;
    row->charge_id = or_null(task->request.charge_id);
    row->refund_id = or_null(task->request.refund_id);
    row->decline_code = or_null(task->request.code);
}

static void settle(struct batch *batch, struct delivery *delivery,
                   const struct payment_rows *payments, struct buf *data) {
    const struct task *task = delivery->state;
    struct payment_row *row = payment_rows_find(payments, &delivery->event.order_id);
    if (task == NULL || row == NULL)
        return;
    const struct payment_transition *transition =
        payment_fsm_step(row->status, task->operation, task->request.answer);
    if (transition == NULL)
        return;
    take_answer(row, task, transition);
    if (transition->says != PAYMENT_SAYS_NOTHING)
        announce(batch, delivery, (enum event_type)transition->says, row, data);
    if (transition->needs_refund)
        delivery_retry(delivery, STATUS_CONFLICT, "%s: to be refunded", transition->why);
}

static enum status payment_apply(struct batch *batch, struct error *error) {
    struct payment_rows payments = {0};
    struct buf data = {0};
    enum status status = payment_store_load(batch, &payments, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < batch->count; i++)
        settle(batch, batch->items[i], &payments, &data);
    buf_fini(&data);
    return payment_store_save(batch, &payments, error);
}

/* A payment says something only as it goes on to its next status. */
const struct handler charge_handler = {
    .prepare = charge_prepare,
    .call = payment_call,
    .apply = payment_apply,
    .wants = charge_wants,
    .once = ONCE_BY_EFFECT,
};
const struct handler end_handler = {
    .prepare = end_prepare,
    .call = payment_call,
    .apply = payment_apply,
    .once = ONCE_BY_EFFECT,
};
const struct handler owed_handler = {
    .prepare = owed_prepare, .call = payment_call, .apply = payment_apply};

#include "services/payment/handler.h"

#include "services/payment/action_store.h"
#include "services/payment/payment_event.h"
#include "services/payment/provider/provider_span.h"
#include "services/payment/store.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/contract/order_snapshot.h"

#include <stdio.h>

/* A delivery asks this of the provider; delivery->state, NULL when nothing. */
struct task {
    enum payment_operation operation;
    int64_t until_us; /* the customer has so long; 0: nobody is asked */
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

/* Of the provider's idempotency keys. An order has one charge, whether it takes the money or only
   holds it. */
static const char *const verbs[] = {
    [PAYMENT_CHARGE] = "charge",     [PAYMENT_AUTHORIZE] = "charge", [PAYMENT_CAPTURE] = "capture",
    [PAYMENT_VOID] = "void",         [PAYMENT_REFUND] = "refund",    [PAYMENT_INQUIRE] = "inquire",
    [PAYMENT_WITHDRAW] = "withdraw",
};

static void name_key(struct provider_request *request, enum payment_operation operation) {
    snprintf(request->key, sizeof(request->key), "%s-%s", verbs[operation], request->order_id);
}

static struct task *make_task(const struct delivery *delivery, const struct payment_row *row,
                              enum payment_operation operation, struct arena *arena) {
    struct task *task = arena_alloc(arena, sizeof(*task));
    struct provider_request *request = &task->request;
    uuid_format(&row->order.order_id, request->order_id);
    name_key(request, operation);
    snprintf(request->charge_key, sizeof(request->charge_key), "charge-%s", request->order_id);
    snprintf(request->charge_id, sizeof(request->charge_id), "%.*s",
             SLICE_ARG(row->known_charge_id));
    request->payment_method = row->order.payment_method;
    request->amount_minor = row->order.amount_minor;
    request->currency = row->order.currency;
    request->is_held = operation == PAYMENT_AUTHORIZE || row->status == PAYMENT_HOLD_CHALLENGED;
    request->is_over = row->status == PAYMENT_VOIDED || row->status == PAYMENT_ABANDONED;
    request->attempt = delivery->attempt;
    request->wanted_at_us = delivery->event.time_us;
    request->trace = delivery->event.trace;
    task->operation = operation;
    return task;
}

static struct task *owed_task(const struct delivery *delivery, const struct payment_row *row,
                              struct arena *arena) {
    enum payment_operation operation;
    return payment_fsm_owes(row->status, &operation) ? make_task(delivery, row, operation, arena)
                                                     : NULL;
}

/* VOIDED after an INTENT, and ABANDONED: a charge may have been made just before a crash. Asking
   again under its key tells, and moves no more money; what was taken, or is held, is then given
   back. What a payment owes besides is owed to its order's end, or to its shipment. */
static struct task *charge_task(const struct delivery *delivery, struct payment_row *row,
                                struct arena *arena) {
    bool was_wanted = row->order.payment_method.len > 0;
    switch (row->status) {
    case PAYMENT_INTENT:
        return make_task(delivery, row, PAYMENT_CHARGE, arena);
    case PAYMENT_VOIDED:
        return was_wanted ? make_task(delivery, row, PAYMENT_CHARGE, arena) : NULL;
    case PAYMENT_AUTHORIZING:
    case PAYMENT_ABANDONED:
        return make_task(delivery, row, PAYMENT_AUTHORIZE, arena);
    default:
        return owed_task(delivery, row, arena);
    }
}

static void go_to(struct payment_row *row, enum payment_status next) {
    row->was_challenged |= next != row->status && payment_fsm_is_challenged(row->status);
    row->is_changed |= next != row->status;
    row->status = next;
}

/* The order has ended: what was taken, or is held, is given back, and a later charge refused. */
static struct task *end_task(const struct delivery *delivery, struct payment_row *row,
                             struct arena *arena) {
    go_to(row, payment_fsm_end(row->status));
    return owed_task(delivery, row, arena);
}

/* The order has been shipped: what is held is taken. */
static struct task *capture_task(const struct delivery *delivery, struct payment_row *row,
                                 struct arena *arena) {
    go_to(row, payment_fsm_due(row->status));
    return owed_task(delivery, row, arena);
}

/* Its next turn comes after those of all others. */
static struct task *clock_task(const struct delivery *delivery, struct payment_row *row,
                               struct arena *arena) {
    bool is_awaited = row->status == PAYMENT_INTENT || row->status == PAYMENT_AUTHORIZING;
    struct task *task = is_awaited ? NULL : charge_task(delivery, row, arena);
    row->is_changed |= task != NULL;
    return task;
}

/* Has its customer confirmed it? */
static struct task *inquire_task(const struct delivery *delivery, struct payment_row *row,
                                 struct arena *arena) {
    if (!payment_fsm_is_challenged(row->status))
        return NULL;
    struct task *task = make_task(delivery, row, PAYMENT_INQUIRE, arena);
    task->until_us = ((const struct due_action *)delivery)->until_us;
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
        bool is_held = order.capture == CAPTURE_ON_SHIPMENT;
        orders[count++] = (struct payment_order){
            .order_id = order.order_id,
            .as = is_held ? PAYMENT_AUTHORIZING : PAYMENT_INTENT,
            .amount_minor = order.total_minor,
            .currency = order.currency,
            .payment_method = order.payment_method,
        };
    }
    struct payment_rows payments = {0};
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_add(batch, orders, count, error);
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
            .as = PAYMENT_VOIDED,
            .amount_minor = order.total_minor,
            .currency = order.currency,
        };
    }
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_add(batch, orders, count, error);
    return status == STATUS_OK ? make_and_save(batch, end_task, error) : status;
}

/* Pieces of it were cancelled before they were sent: no more is taken than for what has been.
   Decided once, as it is due, since a capture is asked for again under its key. */
static void take_less(struct payment_row *row, int64_t total_minor) {
    if (row == NULL || row->status != PAYMENT_AUTHORIZED || total_minor >= row->order.amount_minor)
        return;
    row->order.amount_minor = total_minor;
    row->takes_less = true;
}

/* An order is shipped only once its money is held, or taken. */
static void judge_shipped(struct delivery *delivery, const struct payment_row *row) {
    if (row == NULL || row->status == PAYMENT_INTENT || row->status == PAYMENT_AUTHORIZING ||
        payment_fsm_is_challenged(row->status))
        delivery_early(delivery, "its payment is not here yet");
    else if (!payment_fsm_is_held(row->status))
        delivery_reject(delivery, STATUS_CONFLICT, "nothing is held for it: its payment is %s",
                        payment_status_name(row->status));
}

static enum status capture_prepare(struct batch *batch, struct error *error) {
    struct payment_rows payments = {0};
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_load(batch, &payments, error);
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        struct order_snapshot order = {0};
        struct delivery *delivery = batch->items[i];
        if (!parse_order(delivery, batch->arena, &order))
            continue;
        judge_shipped(delivery, payment_rows_find(&payments, &order.order_id));
        take_less(payment_rows_find(&payments, &order.order_id), order.total_minor);
    }
    if (status == STATUS_OK) {
        make_tasks(batch, &payments, capture_task);
        status = payment_store_save(batch, &payments, error);
    }
    return status == STATUS_OK ? pg_commit(batch->pg, error) : status;
}

static enum status owed_prepare(struct batch *batch, struct error *error) {
    enum status status = pg_begin(batch->pg, error);
    return status == STATUS_OK ? make_and_save(batch, clock_task, error) : status;
}

static enum status action_prepare(struct batch *batch, struct error *error) {
    struct payment_rows payments = {0};
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = payment_store_commit_and_read(batch, &payments, error);
    if (status == STATUS_OK)
        make_tasks(batch, &payments, inquire_task);
    return status;
}

/* --- call: ask the provider --- */

/* No provider is asked for nothing; answered then. */
static bool is_free(struct provider_request *request) {
    if (request->amount_minor > 0)
        return false;
    request->answer = request->is_over ? PROVIDER_NOTHING : PROVIDER_DONE;
    snprintf(request->charge_id, sizeof(request->charge_id), "none");
    snprintf(request->refund_id, sizeof(request->refund_id), "none");
    snprintf(request->auth_code, sizeof(request->auth_code), "none");
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

/* How each operation is asked for, and what may kill a process around it in tests. */
static void ask(const struct provider *provider, enum payment_operation operation,
                const struct request_list *requests) {
    switch (operation) {
    case PAYMENT_CHARGE:
    case PAYMENT_AUTHORIZE:
        failpoint("payment.before_charge");
        provider_call(provider, "charge", provider->charge, requests);
        failpoint("payment.after_charge");
        break;
    case PAYMENT_CAPTURE:
        failpoint("payment.before_capture");
        provider_call(provider, "capture", provider->capture, requests);
        failpoint("payment.after_capture");
        break;
    case PAYMENT_VOID:
        provider_call(provider, "release", provider->release, requests);
        failpoint("payment.after_release");
        break;
    case PAYMENT_REFUND:
        provider_call(provider, "refund", provider->refund, requests);
        break;
    case PAYMENT_INQUIRE:
        failpoint("payment.before_inquire");
        provider_call(provider, "inquire", provider->inquire, requests);
        failpoint("payment.after_inquire");
        break;
    case PAYMENT_WITHDRAW:
        failpoint("payment.before_withdraw");
        provider_call(provider, "withdraw", provider->release, requests);
        failpoint("payment.after_withdraw");
        break;
    case PAYMENT_OPERATION_COUNT:
        break;
    }
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
    struct request_list requests[PAYMENT_OPERATION_COUNT];
    size_t count = 0;
    char name[64];
    for (int i = 0; i < PAYMENT_OPERATION_COUNT; i++) {
        requests[i] = list_requests(batch, (enum payment_operation)i);
        count += requests[i].count;
    }
    if (count == 0)
        return STATUS_OK;
    snprintf(name, sizeof(name), "payment provider %s", payment->provider->name);
    if (!breaker_allow(payment->breaker, clock_monotonic_us()))
        return breaker_refuse(payment->breaker, name, error);
    for (int i = 0; i < PAYMENT_OPERATION_COUNT; i++) {
        if (requests[i].count > 0)
            ask(payment->provider, (enum payment_operation)i, &requests[i]);
    }
    const char *why_down = sort_answers(batch);
    breaker_report(payment->breaker, why_down, clock_monotonic_us());
    if (why_down != NULL)
        return error_set(error, STATUS_UNAVAILABLE, "%s is down: %s", name, why_down);
    return STATUS_OK;
}

/* The customer has not answered, and has no more time. */
static bool is_late(const struct task *task) {
    return task->until_us != 0 && task->until_us <= clock_now_us();
}

static void turn_to_withdraw(struct task *task) {
    task->operation = PAYMENT_WITHDRAW;
    task->request.answer = PROVIDER_NONE;
    name_key(&task->request, task->operation);
}

static void say_why_withdrawn(const struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        struct provider_request *request = &((struct task *)batch->items[i]->state)->request;
        if (request->answer == PROVIDER_DONE)
            snprintf(request->code, sizeof(request->code), "confirmation_timeout");
    }
}

/* What its customer may have done is asked before it is withdrawn. */
static enum status action_call(struct batch *batch, struct error *error) {
    struct batch late = *batch;
    enum status status = payment_call(batch, error);
    late.items = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*late.items));
    late.count = 0;
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        struct task *task = batch->items[i]->state;
        if (task == NULL || task->request.answer != PROVIDER_ACTION || !is_late(task))
            continue;
        turn_to_withdraw(task);
        late.items[late.count++] = batch->items[i];
    }
    if (status == STATUS_OK && late.count > 0) {
        status = payment_call(&late, error);
        say_why_withdrawn(&late);
    }
    return status;
}

/* --- apply: record what came of it --- */

/* What came of the charge tells of the order, as the event that asked for it does. */
static bool tells_of_the_order(enum event_type type) {
    return type == EVENT_PAYMENT_SUCCEEDED || type == EVENT_PAYMENT_AUTHORIZED ||
           type == EVENT_PAYMENT_ACTION_REQUIRED;
}

static void announce(struct batch *batch, struct delivery *delivery, enum event_type type,
                     const struct payment_row *row, struct buf *data) {
    const struct payment *payment = batch->context;
    const struct task *task = delivery->state;
    struct order_snapshot order = {0};
    bool has_order = tells_of_the_order(type) && delivery->event.data != NULL;
    const struct payment_facts facts = {
        .row = row,
        .order = has_order ? &order : NULL,
        .provider = payment->provider->name,
        .auth_code = task->request.auth_code,
        .reason = is_late(task) && task->request.answer != PROVIDER_DECLINED
                      ? REASON_PAYMENT_TIMEOUT
                      : REASON_PAYMENT_DECLINED,
        .action_url = task->request.action_url,
    };
    if (has_order && !parse_order(delivery, batch->arena, &order))
        return;
    payment_event_write(data, type, &facts);
    outbox_add(batch->outbox, type, delivery->event.subject, &delivery->event, buf_slice(data));
    payment_event_count(type);
}

static const char *or_null(const char *text) {
    return text[0] != 0 ? text : NULL;
}

/* Waits for its customer from now on. */
static void begin_action(struct payment_row *row, const struct delivery *delivery,
                         const struct payment *payment) {
    row->action = (struct payment_action){
        .until_us = clock_now_us() + payment->action_limit_s * 1000000,
        .event = delivery->payload,
    };
}

static void take_answer(struct payment_row *row, const struct task *task,
                        const struct payment_transition *transition) {
    row->was_challenged = payment_fsm_is_challenged(row->status);
    row->status = transition->next;
    row->is_changed = true;
    row->charge_id = or_null(task->request.charge_id);
    row->refund_id = or_null(task->request.refund_id);
    row->decline_code = or_null(task->request.code);
    bool is_done = task->request.answer == PROVIDER_DONE;
    row->is_authorized = transition->says == EVENT_PAYMENT_AUTHORIZED;
    row->is_captured = (is_done && task->operation == PAYMENT_CAPTURE) ||
                       (!is_done && task->operation == PAYMENT_VOID);
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
    if (transition->says == EVENT_PAYMENT_ACTION_REQUIRED)
        begin_action(row, delivery, batch->context);
    if (transition->says != PAYMENT_SAYS_NOTHING)
        announce(batch, delivery, (enum event_type)transition->says, row, data);
    if (transition->must_return)
        delivery_retry(delivery, STATUS_CONFLICT, "%s: to be given back", transition->why);
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
const struct handler capture_handler = {
    .prepare = capture_prepare,
    .call = payment_call,
    .apply = payment_apply,
    .once = ONCE_BY_EFFECT,
};
const struct handler action_handler = {
    .prepare = action_prepare, .call = action_call, .apply = payment_apply};
const struct handler owed_handler = {
    .prepare = owed_prepare, .call = payment_call, .apply = payment_apply};

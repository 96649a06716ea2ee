#include "services/payment/part_refunds.h"

#include "services/payment/handler.h"
#include "services/payment/payment_event.h"
#include "services/payment/provider/provider_span.h"
#include "services/payment/refund_store.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/contract/currency.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/service/transaction.h"

#include <stdio.h>

enum { TURN_MS = 1000, REASON_MOST = 200 };

/* --- asking for one --- */

/* As it stands; the payment's currency goes with it. */
struct asked {
    struct refund refund;
    struct line_wishes wishes;
    struct order_lines lines; /* of the order; none where an amount is asked for */
    struct slice currency;
    bool is_replayed;
};

static enum status parse_ids(const struct json_value *request, struct refund *wanted,
                             struct error *error) {
    struct slice id, order_id;
    if (json_tree_get_string(request, "refundId", &id, NULL) != STATUS_OK ||
        !uuid_parse(id, &wanted->id) ||
        json_tree_get_string(request, "orderId", &order_id, NULL) != STATUS_OK ||
        !uuid_parse(order_id, &wanted->order_id))
        return error_set(error, STATUS_INVALID, "refundId and orderId are UUIDs");
    if (json_tree_get_string(request, "reason", &wanted->reason, NULL) != STATUS_OK ||
        wanted->reason.len == 0 || wanted->reason.len > REASON_MOST)
        return error_set(error, STATUS_INVALID, "reason: not a text of 1 to %d bytes", REASON_MOST);
    wanted->status = SLICE_LITERAL(REFUND_PENDING);
    return STATUS_OK;
}

/* The pieces, and the lines of the order that they are of. */
static enum status parse_pieces(const struct json_value *request, struct arena *arena,
                                struct asked *asked, struct error *error) {
    const struct json_value *items, *lines;
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    enum status status = json_tree_get_array(request, "items", &items, error);
    if (status == STATUS_OK)
        status = json_tree_get_array(request, "lines", &lines, error);
    if (status == STATUS_OK)
        status = line_wishes_parse(items, arena, &asked->wishes, NULL, error);
    if (status == STATUS_OK)
        status = order_lines_parse(lines, arena, &asked->lines, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "items and lines: not those of an order");
    line_wishes_write(&asked->wishes, &w);
    asked->refund.items = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return STATUS_OK;
}

static enum status parse_wanted(const struct json_value *request, struct arena *arena,
                                struct asked *asked, struct error *error) {
    int64_t *minor = &asked->refund.amount_minor;
    enum status status = parse_ids(request, &asked->refund, error);
    if (status != STATUS_OK)
        return status;
    if (json_tree_member(request, "items") != NULL)
        return parse_pieces(request, arena, asked, error);
    if (json_tree_get_int64(request, "amountMinor", minor, NULL) != STATUS_OK || *minor < 1 ||
        *minor > ORDER_MAX_MINOR)
        return error_set(error, STATUS_INVALID, "amountMinor: not an amount");
    return STATUS_OK;
}

static enum status judge(const struct refundable *payment, const struct refund *wanted,
                         struct error *error) {
    int64_t left_minor = payment->captured_minor - payment->refunded_minor;
    if (payment->status != PAYMENT_CAPTURED)
        return error_set(error, STATUS_CONFLICT, "nothing was taken that could be given back");
    if (wanted->amount_minor > left_minor)
        return error_set(error, STATUS_CONFLICT,
                         "of what was taken %lld minor units are left to be given back",
                         (long long)left_minor);
    if (wanted->amount_minor % currency_step_minor(payment->currency) != 0)
        return error_set(error, STATUS_CONFLICT, "no card is given back so exact an amount of %.*s",
                         SLICE_ARG(payment->currency));
    return STATUS_OK;
}

/* Pieces that were given back are there no more. */
static enum status price(struct pg *pg, const struct refundable *payment, struct asked *asked,
                         struct error *error) {
    enum status status = refund_store_read_lines(pg, &asked->refund.order_id, &asked->lines, error);
    if (status == STATUS_OK)
        status = order_lines_take(&asked->lines, &asked->wishes, error);
    if (status != STATUS_OK)
        return status;
    asked->refund.amount_minor = order_lines_worth_minor(&asked->lines, payment->currency);
    if (asked->refund.amount_minor == 0)
        return error_set(error, STATUS_CONFLICT, "these pieces are worth nothing");
    return STATUS_OK;
}

static enum status add_new(struct pg *pg, const struct refundable *payment, struct asked *asked,
                           struct error *error) {
    enum status status = STATUS_OK;
    if (asked->lines.count > 0)
        status = price(pg, payment, asked, error);
    if (status == STATUS_OK)
        status = judge(payment, &asked->refund, error);
    return status == STATUS_OK ? refund_store_add(pg, &asked->refund, &asked->lines, error)
                               : status;
}

static bool is_same(const struct refund *stored, const struct refund *wanted) {
    return uuid_compare(&stored->order_id, &wanted->order_id) == 0 &&
           slice_equal(stored->items, wanted->items) &&
           (wanted->items.len > 0 || stored->amount_minor == wanted->amount_minor) &&
           slice_equal(stored->reason, wanted->reason);
}

/* The payment's lock makes two at once come one after the other. */
static enum status decide(struct pg *pg, struct arena *arena, void *state, struct error *error) {
    struct asked *asked = state;
    struct refundable payment;
    struct refund stored;
    const struct refund *wanted = &asked->refund;
    enum status status = refund_store_lock(pg, &wanted->order_id, arena, &payment, error);
    if (status != STATUS_OK)
        return status;
    asked->currency = payment.currency;
    status = refund_store_find(pg, &wanted->id, arena, &stored, error);
    if (status == STATUS_NOT_FOUND)
        return add_new(pg, &payment, asked, error);
    if (status != STATUS_OK)
        return status;
    if (!is_same(&stored, wanted))
        return error_set(error, STATUS_INVALID, "the id stands for another refund");
    asked->refund = stored;
    asked->is_replayed = true;
    return STATUS_OK;
}

static void write_asked(struct buf *out, const struct asked *asked) {
    char id[UUID_TEXT_SIZE], order_id[UUID_TEXT_SIZE];
    uuid_format(&asked->refund.id, id);
    uuid_format(&asked->refund.order_id, order_id);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "refundId", id);
    json_put_text(&w, "orderId", order_id);
    json_put_int(&w, "amountMinor", asked->refund.amount_minor);
    json_put_string(&w, "currency", asked->currency);
    if (asked->refund.items.len > 0)
        json_put_raw(&w, "items", asked->refund.items);
    json_put_string(&w, "reason", asked->refund.reason);
    json_put_string(&w, "status", asked->refund.status);
    json_put_bool(&w, "replayed", asked->is_replayed);
    json_end_object(&w);
}

enum status refund_endpoint_ask(struct endpoint_call *call, struct error *error) {
    const struct json_value *request;
    struct asked asked = {0};
    enum status status = json_tree_parse(call->request, call->arena, &request, error);
    if (status == STATUS_OK)
        status = parse_wanted(request, call->arena, &asked, error);
    if (status == STATUS_OK)
        status = transact(call, decide, &asked, error);
    if (status == STATUS_OK)
        write_asked(call->reply, &asked);
    return status;
}

/* --- looking at them --- */

enum status refund_endpoint_list(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL, *whole = NULL;
    struct slice id;
    struct uuid order_id;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK &&
        (json_get_string(request, "orderId", &id, NULL) != STATUS_OK || !uuid_parse(id, &order_id)))
        status = error_set(error, STATUS_INVALID, "orderId is no UUID");
    bool is_whole = status == STATUS_OK && json_object_object_get_ex(request, "whole", &whole) &&
                    json_object_get_boolean(whole);
    json_object_put(request);
    if (status != STATUS_OK)
        return status;
    buf_append_text(call->reply, "{\"refunds\":");
    status = refund_store_list(call->pg, &order_id, is_whole, call->reply, error);
    buf_append_char(call->reply, '}');
    return status;
}

/* --- making them --- */

METRIC_GAUGE(oldest_pending, "ordermesh_refund_oldest_pending_seconds", "",
             "Age of the oldest refund that was asked for and is not settled; 0: there is none.");

#define WATCH_US INT64_C(60000000)

/* Its key is forgotten by the provider after a day. Looked at once a minute. */
static enum status watch_oldest(struct pg *pg, struct error *error) {
    static int64_t next_us;
    int64_t age_s, now_us = clock_monotonic_us();
    if (now_us < next_us)
        return STATUS_OK;
    enum status status = refund_store_oldest(pg, &age_s, error);
    if (status != STATUS_OK)
        return status;
    next_us = now_us + WATCH_US;
    metric_set(&oldest_pending, metric_slot(&oldest_pending, ""), age_s);
    return STATUS_OK;
}

static struct provider_request *make_request(const struct due_refund *due, struct arena *arena) {
    struct provider_request *request = arena_alloc(arena, sizeof(*request));
    char id[UUID_TEXT_SIZE];
    uuid_format(&due->refund.id, id);
    uuid_format(&due->refund.order_id, request->order_id);
    snprintf(request->key, sizeof(request->key), "refund-%s", id);
    snprintf(request->charge_key, sizeof(request->charge_key), "charge-%s", request->order_id);
    snprintf(request->charge_id, sizeof(request->charge_id), "%.*s", SLICE_ARG(due->charge_id));
    request->amount_minor = due->refund.amount_minor;
    request->currency = due->currency;
    request->is_partial = true;
    request->attempt = due->attempt;
    request->wanted_at_us = clock_now_us();
    request->trace = trace_start();
    return request;
}

/* What nobody knows is asked for again, at its next turn. */
static void take_answer(struct due_refund *due, const struct provider_request *request) {
    switch (request->answer) {
    case PROVIDER_DONE:
        due->outcome = REFUND_REFUNDED;
        due->refund_id = request->refund_id;
        break;
    case PROVIDER_DECLINED:
    case PROVIDER_NOTHING:
    case PROVIDER_REFUSED:
        due->outcome = REFUND_REFUSED;
        due->code = request->code[0] != '\0' ? request->code : "refused";
        log_warn("the provider refuses a refund", LOG_TEXT("order", request->order_id),
                 LOG_TEXT("code", due->code));
        break;
    case PROVIDER_NONE:
    case PROVIDER_TRANSIENT:
    case PROVIDER_OUTAGE:
    case PROVIDER_ACTION:
    case PROVIDER_ANSWER_COUNT:
        break;
    }
}

static const char *find_outage(const struct request_list *requests) {
    for (size_t i = 0; i < requests->count; i++) {
        if (requests->items[i]->answer == PROVIDER_OUTAGE)
            return requests->items[i]->code;
    }
    return NULL;
}

/* batch->items stays empty: what is due is kept with the task, which has one thread. */
static struct due_refunds in_hand;

static enum status ask_provider(struct batch *batch, struct error *error) {
    struct payment *payment = batch->context;
    in_hand = (struct due_refunds){0};
    enum status status = watch_oldest(batch->pg, error);
    if (status != STATUS_OK || !breaker_allow(payment->breaker, clock_monotonic_us()))
        return status;
    status = refund_store_take_due(batch->pg, batch->arena, &in_hand, error);
    if (status != STATUS_OK || in_hand.count == 0)
        return status;
    struct request_list requests = {.count = in_hand.count};
    requests.items = arena_alloc(batch->arena, in_hand.count * sizeof(struct provider_request *));
    for (size_t i = 0; i < in_hand.count; i++)
        requests.items[i] = make_request(&in_hand.items[i], batch->arena);
    failpoint("payment.before_refund");
    provider_call(payment->provider, "refund", payment->provider->refund, &requests);
    failpoint("payment.after_refund");
    breaker_report(payment->breaker, find_outage(&requests), clock_monotonic_us());
    for (size_t i = 0; i < in_hand.count; i++)
        take_answer(&in_hand.items[i], requests.items[i]);
    return STATUS_OK;
}

void refund_announce(struct outbox *outbox, const struct due_refund *made,
                     const struct settled_refund *settled, struct buf *data) {
    char order_id[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    uuid_format(&made->refund.id, id);
    uuid_format(&made->refund.order_id, order_id);
    /* The refund stands for the cause. */
    const struct event cause = {.id = made->refund.id,
                                .order_id = made->refund.order_id,
                                .correlation_id = slice_of(order_id),
                                .trace = trace_start()};
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_int(&w, "amountMinor", made->refund.amount_minor);
    json_put_string(&w, "currency", made->currency);
    json_put_text(&w, "refundId", made->refund_id);
    json_put_string(&w, "reason", made->refund.reason);
    json_put_int(&w, "refundedMinor", settled->refunded_minor);
    json_put_int(&w, "capturedMinor", settled->captured_minor);
    if (made->refund.is_return)
        json_put_text(&w, "returnId", id);
    json_end_object(&w);
    outbox_add(outbox, EVENT_PAYMENT_REFUNDED, slice_of(order_id), &cause, buf_slice(data));
    payment_event_count(EVENT_PAYMENT_REFUNDED);
}

static const struct settled_refund *find_settled(const struct settled_refunds *settled,
                                                 const struct uuid *id) {
    for (size_t i = 0; i < settled->count; i++) {
        if (uuid_compare(&settled->items[i].id, id) == 0)
            return &settled->items[i];
    }
    return NULL;
}

static enum status note_answers(struct batch *batch, struct error *error) {
    struct settled_refunds settled = {0};
    struct buf data = {0};
    if (in_hand.count == 0)
        return STATUS_OK;
    enum status status = refund_store_settle(batch->pg, &in_hand, batch->arena, &settled, error);
    for (size_t i = 0; status == STATUS_OK && i < in_hand.count; i++) {
        const struct due_refund *one = &in_hand.items[i];
        const struct settled_refund *found = find_settled(&settled, &one->refund.id);
        if (found != NULL && one->refund_id != NULL)
            refund_announce(batch->outbox, one, found, &data);
    }
    buf_fini(&data);
    return status;
}

const struct periodic asked_refunds = {"asked_refunds", TURN_MS, note_answers, ask_provider};

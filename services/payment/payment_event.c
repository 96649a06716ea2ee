#include "services/payment/payment_event.h"

#include "shared/base/clock.h"
#include "shared/contract/order_payment.h"
#include "shared/observe/metrics.h"

METRIC_COUNTER(payments_told, "ordermesh_payments_total", "result", "Payments told of, by result.");
METRIC_STARTS(payments_told, "succeeded", "failed", "refunded", "authorized", "captured",
              "capture_failed", "voided", "action_required");

static bool has_snapshot(const struct payment_facts *facts) {
    return facts->order != NULL && facts->order->flow == FLOW_PAYMENT_FIRST;
}

/* In payment-first, inventory reserves what the snapshot says. In other flows it must only see that
   it has nothing to do, as it has once the order has ended. */
static void put_order(struct json_writer *w, const struct payment_facts *facts) {
    char order_id[UUID_TEXT_SIZE];
    if (has_snapshot(facts)) {
        order_snapshot_write(facts->order, w);
        return;
    }
    uuid_format(&facts->row->order.order_id, order_id);
    json_put_text(w, "orderId", order_id);
    json_put_string(w, "currency", facts->row->order.currency);
    if (facts->order != NULL) {
        json_put_text(w, "flow", order_flow_name(facts->order->flow));
        order_allocations_write(facts->order, w);
    }
}

static void put_held(struct json_writer *w, const struct payment_facts *facts) {
    put_order(w, facts);
    json_put_int(w, "amountMinor", facts->row->order.amount_minor);
    json_put_text(w, "paymentId", facts->row->charge_id);
    json_put_text(w, "provider", facts->provider);
    json_put_text(w, "authCode", facts->auth_code);
    if (!has_snapshot(facts))
        json_put_string(w, "paymentMethod", facts->row->order.payment_method);
}

static void put_amount(struct json_writer *w, const struct payment_row *row) {
    json_put_int(w, "amountMinor", row->order.amount_minor);
    json_put_string(w, "currency", row->order.currency);
}

static void put_action(struct json_writer *w, const struct payment_facts *facts) {
    char until[RFC3339_SIZE];
    clock_format(facts->row->action.until_us, until);
    if (facts->order != NULL)
        json_put_string(w, "tenant", facts->order->tenant);
    json_put_text(w, "provider", facts->provider);
    json_put_text(w, "type", PAYMENT_ACTION_REDIRECT);
    json_put_text(w, "url", facts->action_url);
    json_put_text(w, "until", until);
}

static void put_rest(struct json_writer *w, enum event_type type,
                     const struct payment_facts *facts) {
    const struct payment_row *row = facts->row;
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&row->order.order_id, order_id);
    json_put_text(w, "orderId", order_id);
    if (type == EVENT_PAYMENT_FAILED)
        json_put_text(w, "reason", order_reason_name(facts->reason));
    else
        put_amount(w, row);
    if (type == EVENT_PAYMENT_FAILED || type == EVENT_PAYMENT_CAPTURE_FAILED)
        json_put_text(w, "code", row->decline_code);
    else if (type == EVENT_PAYMENT_REFUNDED)
        json_put_text(w, "refundId", row->refund_id);
    else
        json_put_text(w, "paymentId", row->charge_id);
    if (type == EVENT_PAYMENT_ACTION_REQUIRED)
        put_action(w, facts);
}

void payment_event_write(struct buf *data, enum event_type type,
                         const struct payment_facts *facts) {
    buf_clear(data);
    struct json_writer w = json_writer(data);
    json_begin_object(&w);
    if (type == EVENT_PAYMENT_AUTHORIZED) {
        put_held(&w, facts);
    } else if (type == EVENT_PAYMENT_SUCCEEDED) {
        put_order(&w, facts);
        json_put_int(&w, "amountMinor", facts->row->order.amount_minor);
        json_put_text(&w, "chargeId", facts->row->charge_id);
    } else {
        put_rest(&w, type, facts);
    }
    json_end_object(&w);
}

void payment_event_count(enum event_type type) {
    static const struct {
        enum event_type type;
        const char *result;
    } results[] = {
        {EVENT_PAYMENT_SUCCEEDED, "succeeded"}, {EVENT_PAYMENT_FAILED, "failed"},
        {EVENT_PAYMENT_REFUNDED, "refunded"},   {EVENT_PAYMENT_AUTHORIZED, "authorized"},
        {EVENT_PAYMENT_CAPTURED, "captured"},   {EVENT_PAYMENT_CAPTURE_FAILED, "capture_failed"},
        {EVENT_PAYMENT_VOIDED, "voided"},       {EVENT_PAYMENT_ACTION_REQUIRED, "action_required"},
    };
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i].type == type)
            metric_add(&payments_told, metric_slot(&payments_told, results[i].result), 1);
    }
}

#include "shared/contract/order_payment.h"

#include "shared/base/clock.h"

#include <string.h>

static bool is_broken_off(const struct order_money *money) {
    return money->status == ORDER_FAILED || money->status == ORDER_CANCELLED;
}

/* Of what is held at first, cancelled pieces are never taken; else they are given back. */
static int64_t taken_minor(const struct order_money *money) {
    return money->steps & STEP_AUTHORIZED ? money->total_minor - money->cancelled_minor
                                          : money->total_minor;
}

static int64_t captured_minor(const struct order_money *money) {
    return money->steps & STEP_PAID ? taken_minor(money) : 0;
}

static const char *status_of_paid(const struct order_money *money) {
    if (money->has_refund && money->refunded_minor >= taken_minor(money))
        return "REFUNDED";
    if (is_broken_off(money))
        return "REFUNDING";
    return money->refunded_minor > 0 ? "PARTIALLY_REFUNDED" : "CAPTURED";
}

static const char *status_of_held(const struct order_money *money) {
    if (money->steps & STEP_UNCAPTURED)
        return "CAPTURE_FAILED";
    if (money->has_void)
        return "VOIDED";
    if (is_broken_off(money))
        return "VOIDING";
    return money->steps & STEP_SHIPPED ? "CAPTURING" : "AUTHORIZED";
}

const char *order_payment_status(const struct order_money *money) {
    if (money->steps & STEP_PAID)
        return status_of_paid(money);
    if (money->steps & STEP_AUTHORIZED)
        return status_of_held(money);
    if (money->has_decline)
        return "DECLINED";
    if (is_broken_off(money))
        return "NONE";
    return money->steps & STEP_ACTION ? PAYMENT_NEEDS_ACTION : "PENDING";
}

static void put_next_action(struct json_writer *w, const struct order_money *money) {
    char until[RFC3339_SIZE];
    clock_format(money->action_until_us, until);
    json_key(w, "nextAction");
    json_begin_object(w);
    json_put_text(w, "type", PAYMENT_ACTION_REDIRECT);
    json_put_string(w, "url", money->action_url);
    json_put_text(w, "until", until);
    json_end_object(w);
}

void order_payment_write(const struct order_money *money, struct json_writer *w) {
    bool is_authorized = (money->steps & (STEP_AUTHORIZED | STEP_PAID)) != 0;
    const char *status = order_payment_status(money);
    json_key(w, "payment");
    json_begin_object(w);
    json_put_text(w, "status", status);
    json_put_int(w, "authorizedMinor", is_authorized ? money->total_minor : 0);
    json_put_int(w, "capturedMinor", captured_minor(money));
    json_put_int(w, "refundedMinor", money->refunded_minor);
    if (strcmp(status, PAYMENT_NEEDS_ACTION) == 0 && money->action_url.len > 0)
        put_next_action(w, money);
    json_end_object(w);
}

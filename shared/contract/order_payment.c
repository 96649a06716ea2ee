#include "shared/contract/order_payment.h"

static bool is_broken_off(const struct order_money *money) {
    return money->status == ORDER_FAILED || money->status == ORDER_CANCELLED;
}

static int64_t captured_minor(const struct order_money *money) {
    return money->steps & STEP_PAID ? money->total_minor : 0;
}

static const char *status_of_paid(const struct order_money *money) {
    if (money->has_refund && money->refunded_minor >= money->total_minor)
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
    return is_broken_off(money) ? "NONE" : "PENDING";
}

void order_payment_write(const struct order_money *money, struct json_writer *w) {
    bool is_authorized = (money->steps & (STEP_AUTHORIZED | STEP_PAID)) != 0;
    json_key(w, "payment");
    json_begin_object(w);
    json_put_text(w, "status", order_payment_status(money));
    json_put_int(w, "authorizedMinor", is_authorized ? money->total_minor : 0);
    json_put_int(w, "capturedMinor", captured_minor(money));
    json_put_int(w, "refundedMinor", money->refunded_minor);
    json_end_object(w);
}

/*
 * How the payment of an order stands, as its readers are told. The status is the first that fits of
 * one table. Pure; thread safe.
 */
#ifndef OM_SHARED_CONTRACT_ORDER_PAYMENT_H
#define OM_SHARED_CONTRACT_ORDER_PAYMENT_H

#include "shared/contract/order_terms.h"
#include "shared/json/json.h"

#define PAYMENT_NEEDS_ACTION "ACTION_REQUIRED"
/* The only type of a next action: the customer's browser goes to the URL, as Stripe calls it. */
#define PAYMENT_ACTION_REDIRECT "redirect_to_url"

struct order_money {
    enum order_status status;
    unsigned steps; /* enum order_step bits */
    int64_t total_minor, refunded_minor;
    int64_t cancelled_minor; /* of its total: pieces that were cancelled before they were sent */
    bool has_refund, has_void, has_decline; /* events of its timeline */
    struct slice action_url; /* where its customer is to confirm the payment; empty: nowhere */
    int64_t action_until_us;
};

/* "PARTIALLY_REFUNDED" */
const char *order_payment_status(const struct order_money *money);
/* Puts the member "payment" into the object that `w` has open: {"status", "authorizedMinor",
   "capturedMinor", "refundedMinor", "nextAction"?: {"type", "url", "until"}}; the last one while
   the payment waits for the customer. */
void order_payment_write(const struct order_money *money, struct json_writer *w);

#endif

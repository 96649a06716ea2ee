/*
 * All SQL of the payment service. Set-based; runs in the batch's open transaction, and what it
 * returns lives in the batch's arena. Rows are locked in the order of their ids.
 */
#ifndef OM_SERVICES_PAYMENT_STORE_H
#define OM_SERVICES_PAYMENT_STORE_H

#include "services/payment/payment_fsm.h"
#include "shared/base/slice.h"
#include "shared/consume/batch.h"

/* Is written for an order before the provider is asked. */
struct payment_order {
    struct uuid order_id;
    enum payment_status as; /* where there was none before */
    int64_t amount_minor;
    struct slice currency;
    struct slice payment_method;
};

/* What a payment waits for its customer with. */
struct payment_action {
    int64_t until_us;   /* 0: it does not begin to */
    struct slice event; /* the envelope of what asked for the payment */
};

struct payment_row {
    struct payment_order order; /* payment_method is empty in a tombstone: it was never wanted */
    enum payment_status status;
    struct slice known_charge_id; /* as stored; empty before the capture */
    /* To store: */
    bool is_changed;
    const char *charge_id, *refund_id, *decline_code; /* NULL leaves it */
    bool is_authorized, is_captured;                  /* in steps: the amount of this step */
    struct payment_action action;
    bool was_challenged; /* it waits no more */
    bool takes_less;     /* the order's amount is less than it was */
};

/* Sorted by order id. */
struct payment_rows {
    struct payment_row *rows;
    size_t count;
};

/* Queues a payment for every order that has none yet. Ids may repeat. */
enum status payment_store_add(struct batch *batch, const struct payment_order *orders, size_t count,
                              struct error *error) MUST_CHECK;
/* Makes deliveries of the payments that owe something (payment_fsm_owes()), or whose order ended
   while nobody knew what came of the charge, and for which nothing happened for longer than
   deliveries take; the longest wait first. */
enum status payment_store_find_owed(struct batch *batch, struct error *error) MUST_CHECK;
/* Loads and locks the payments of the batch's orders, as far as they exist. */
enum status payment_store_load(struct batch *batch, struct payment_rows *payments,
                               struct error *error) MUST_CHECK;
/* The same without locks, and commits what was queued in the same round trip. */
enum status payment_store_commit_and_read(struct batch *batch, struct payment_rows *payments,
                                          struct error *error) MUST_CHECK;
struct payment_row *payment_rows_find(const struct payment_rows *payments,
                                      const struct uuid *order_id);
/* Queues the update of all that changed. */
enum status payment_store_save(struct batch *batch, const struct payment_rows *payments,
                               struct error *error) MUST_CHECK;

#endif

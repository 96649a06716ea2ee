/*
 * The SQL of payments that wait for their customer: one row each, as long as they do. Results live
 * in the arena given.
 */
#ifndef OM_SERVICES_PAYMENT_ACTION_STORE_H
#define OM_SERVICES_PAYMENT_ACTION_STORE_H

#include "services/payment/store.h"

/* A payment whose provider is to be asked, as a delivery of the event that asked for it. */
struct due_action {
    struct delivery delivery; /* first */
    int64_t until_us;         /* its customer has so long */
};

/* Queues what payment_store_save() has to store besides: that payments begin to wait, or wait no
   more. Nothing where none does. */
enum status action_store_save(struct batch *batch, const struct payment_rows *payments,
                              struct error *error) MUST_CHECK;
/* Takes those that are due as batch->items, outside a transaction, and puts off their next turn:
   after 2 s, then each time half as long again, but not past its end, and every 2 s behind it. */
enum status action_store_take_due(struct batch *batch, struct error *error) MUST_CHECK;
/* The provider is to be asked at once. False: the order's payment does not wait. */
enum status action_store_hasten(struct pg *pg, const struct uuid *order_id, bool *waits,
                                struct error *error) MUST_CHECK;

#endif

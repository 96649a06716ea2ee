/* The SQL of wishes to cancel that come before their order. As store.h's. */
#ifndef OM_SERVICES_ORDER_STORE_CANCEL_H
#define OM_SERVICES_ORDER_STORE_CANCEL_H

#include "services/order/store_new.h"

/* A wish; `delivery` is of the cancel command. */
struct early_cancel {
    struct delivery *delivery;
    struct slice tenant; /* empty: it names none, and is not kept */
};

/* Keeps those whose orders are not there. A submit of the same order that is under way, here or in
   another instance, either is committed when this returns, or waits and finds what is kept. */
enum status order_store_keep_cancels(struct batch *batch, const struct early_cancel *cancels,
                                     size_t count, struct error *error) MUST_CHECK;
/* Takes what is kept for `orders`. An order is cancelled only by a wish of its tenant, and up to 24
   hours before its acceptance. */
enum status order_store_ask_wishes(struct batch *batch, const struct new_order *orders,
                                   size_t count, struct pg_result **wishes,
                                   struct error *error) MUST_CHECK;
/* The cancel commands of those that are new, in *told: an older order has had its wishes. */
void order_store_tell_wishes(const struct pg_result *wishes, const struct new_order *orders,
                             size_t count, struct batch *told);

#endif

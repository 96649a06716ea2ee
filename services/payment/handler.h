/*
 * Charges and refunds. Both handlers work in three parts, each repeatable after a crash: record
 * the intent (own transaction), ask the provider (no transaction), record its answer.
 */
#ifndef OM_SERVICES_PAYMENT_HANDLER_H
#define OM_SERVICES_PAYMENT_HANDLER_H

#include "services/payment/provider.h"
#include "shared/consume/batch.h"
#include "shared/net/breaker.h"

/* The handlers' context. */
struct payment {
    const struct provider *provider;
    struct provider *stripe; /* the same where it is ours to destroy, otherwise NULL */
    struct breaker *breaker; /* guards the provider */
};

/* inventory.reserved in inventory-first, order.created in the other flows: charge. */
extern const struct handler charge_handler;
/* order.failed, order.cancelled: give a captured payment back, refuse a later charge. */
extern const struct handler end_handler;
/* What is still to be given back, or to be told by the provider, of orders that have ended
   (owed_refunds.h). Its deliveries have no event. */
extern const struct handler owed_handler;

#endif

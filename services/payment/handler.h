/*
 * Charges, captures, voids and refunds. Each handler works in three parts, each repeatable after a
 * crash: record the intent (own transaction), ask the provider (no transaction), record its answer.
 */
#ifndef OM_SERVICES_PAYMENT_HANDLER_H
#define OM_SERVICES_PAYMENT_HANDLER_H

#include "services/payment/provider/provider.h"
#include "shared/consume/batch.h"
#include "shared/net/breaker.h"

/* The handlers' context. */
struct payment {
    const struct provider *provider;
    struct provider *stripe; /* the same where it is ours to destroy, otherwise NULL */
    struct breaker *breaker; /* guards the provider */
    int64_t action_limit_s;  /* so long a payment waits for its customer */
};

/* inventory.reserved in inventory-first, order.created in the other flows: charge, or hold. */
extern const struct handler charge_handler;
/* order.failed, order.cancelled: give back what was taken or is held, refuse a later charge. */
extern const struct handler end_handler;
/* order.capture_requested: take what is held. */
extern const struct handler capture_handler;
/* What is still owed, or to be told by the provider, of orders that have ended or were shipped
   (owed_steps.h). Its deliveries have no event. */
extern const struct handler owed_handler;
/* What has become of payments that wait for their customer (actions.h): deliveries of the events
   that asked for them, each a struct due_action. One whose time is up is withdrawn. */
extern const struct handler action_handler;

#endif

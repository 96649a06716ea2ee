/*
 * Refunds of a part, which an administrator asks for: the endpoint that takes them in, and the task
 * that makes them. A refund is durable, and reserved on its payment, before it is answered for. The
 * provider is asked under a key of the refund's own until it says what became of it.
 *
 * Only the money of completed orders is given back so: the gateway looks before it asks. Of any
 * other order the order service decides, and then all is given back (handler.h).
 */
#ifndef OM_SERVICES_PAYMENT_REFUNDS_H
#define OM_SERVICES_PAYMENT_REFUNDS_H

#include "shared/service/service.h"

/* {"refundId","orderId","amountMinor","reason"}: the refund as it stands, with "replayed" where it
   was asked for before. INVALID: the id stands for another one. CONFLICT: there is less left. */
enum status refund_endpoint_ask(struct endpoint_call *call, struct error *error);

extern const struct periodic asked_refunds;
/* {"orderId", "whole"} -> {"refunds": [...]}: an order's, oldest first; `whole` for an
   administrator, else as its customer sees them. */
enum status refund_endpoint_list(struct endpoint_call *call, struct error *error);

#endif

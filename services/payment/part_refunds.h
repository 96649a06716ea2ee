/*
 * Refunds of a part, which an administrator asks for: the endpoint that takes them in, and the task
 * that makes them. A refund is durable, and reserved on its payment, before it is answered for. The
 * provider is asked under a key of the refund's own until it says what became of it.
 *
 * Only the money of completed orders is given back so: the gateway looks before it asks. Of any
 * other order the order service decides, and then all is given back (handler.h). What comes of
 * pieces of lines that the order service decides on is kept as such refunds, too (line_refunds.h).
 */
#ifndef OM_SERVICES_PAYMENT_PART_REFUNDS_H
#define OM_SERVICES_PAYMENT_PART_REFUNDS_H

#include "services/payment/refund_store.h"
#include "shared/outbox/outbox.h"
#include "shared/service/service.h"

/* {"refundId","orderId","reason"} with "amountMinor", or with "items" and the "lines" of the order
   that they are of (order_lines.h): the refund as it stands, with "replayed" where it was asked for
   before. INVALID: the id stands for another one. CONFLICT: there is less left. */
enum status refund_endpoint_ask(struct endpoint_call *call, struct error *error);

/* Adds payment.refunded of one that was made; `data` is overwritten. */
void refund_announce(struct outbox *outbox, const struct due_refund *made,
                     const struct settled_refund *settled, struct buf *data);

extern const struct periodic asked_refunds;
/* {"orderId", "whole"} -> {"refunds": [...]}: an order's, oldest first; `whole` for an
   administrator, else as its customer sees them. */
enum status refund_endpoint_list(struct endpoint_call *call, struct error *error);

#endif

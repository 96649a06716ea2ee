/*
 * POST /api/v1/orders/{id}/cancel: the wish is made durable as commands.order.cancel, and the order
 * service decides. 202 also when the order is cancelled already, 409 once it has ended otherwise,
 * 412 when If-Match does not name its version as last read.
 *
 * With {"items","reason"} only these pieces are cancelled, which the order service decides at once,
 * once for each Idempotency-Key: 200 with whether they are or shipping is asked, 409 with what is
 * in the way. Answers later, on the loop's thread.
 */
#ifndef OM_GATEWAY_ORDERS_CANCEL_ORDER_H
#define OM_GATEWAY_ORDERS_CANCEL_ORDER_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void cancel_order(h2o_req_t *req, struct slice id);

#endif

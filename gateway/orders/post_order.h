/* POST /api/v1/orders: validate, claim the Idempotency-Key, publish, and answer 202 once the stream
   holds the order. */
#ifndef OM_GATEWAY_ORDERS_POST_ORDER_H
#define OM_GATEWAY_ORDERS_POST_ORDER_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void post_order(h2o_req_t *req, struct slice id);
/* Of so many headers Idempotency-Key, the first of which is `key`. False: post_order() refuses the
   request for it, whatever its body is. */
bool post_order_takes_key(const h2o_req_t *req, unsigned keys, struct slice key);

#endif

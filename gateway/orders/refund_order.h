/* POST /api/v1/admin/orders/{id}/refunds: gives back a part of what was taken for a completed
   order. */
#ifndef OM_GATEWAY_ORDERS_REFUND_ORDER_H
#define OM_GATEWAY_ORDERS_REFUND_ORDER_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#include "shared/loop/loop.h"

void post_refund(h2o_req_t *req, struct slice id);

/* The id of the refund that is asked for under `key`. */
struct uuid refund_id_of_key(struct slice tenant, struct slice key);

#endif

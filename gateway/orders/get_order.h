/* GET /api/v1/orders/{id} and .../status, asked of the order service over the mesh. */
#ifndef OM_GATEWAY_ORDERS_GET_ORDER_H
#define OM_GATEWAY_ORDERS_GET_ORDER_H

#include "gateway/lane/pending.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

void get_order(h2o_req_t *req, struct slice id);
void get_order_status(h2o_req_t *req, struct slice id);

/* The question to the order service about one order, as JSON in the lane's scratch. One that the
   caller of `pending` may not see is NOT_FOUND to the service. */
struct slice order_question(const struct pending *pending, const struct uuid *order_id);

#endif

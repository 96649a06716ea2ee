/* GET /api/v1/orders/{id} and .../status, asked of the order service over the mesh. */
#ifndef OM_GATEWAY_ORDERS_GET_ORDER_H
#define OM_GATEWAY_ORDERS_GET_ORDER_H

#include "gateway/lane/pending.h"
#include "gateway/link/broker.h"
#include "shared/base/slice.h"
#include "shared/base/uuid.h"
#include "shared/observe/trace.h"

void get_order(h2o_req_t *req, struct slice id);
void get_order_status(h2o_req_t *req, struct slice id);

/* Asks the order service about one order that `pending`'s caller may see: NOT_FOUND for others.
   Overwrites the lane's scratch. On failure `fn` is not called. */
enum status request_order(const struct pending *pending, const char *subject,
                          const struct uuid *order_id, const struct trace *trace, broker_fn fn,
                          void *closure) MUST_CHECK;

#endif

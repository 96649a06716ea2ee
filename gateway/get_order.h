/* GET /api/v1/orders/{id} and .../status, asked of the order service over the mesh. */
#ifndef OM_GATEWAY_GET_ORDER_H
#define OM_GATEWAY_GET_ORDER_H

#include "shared/buf.h"

#include <h2o.h>

void get_order(h2o_req_t *req, struct slice id);
void get_order_status(h2o_req_t *req, struct slice id);

#endif

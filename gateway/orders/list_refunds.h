/* GET of an order's refunds, asked of the payment service over the mesh. Only the order service
   knows whose the order is, so that it is asked first. */
#ifndef OM_GATEWAY_ORDERS_LIST_REFUNDS_H
#define OM_GATEWAY_ORDERS_LIST_REFUNDS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* GET /api/v1/admin/orders/{id}/refunds: all that is known of them. */
void get_refunds(h2o_req_t *req, struct slice id);
/* GET /api/v1/orders/{id}/refunds: what its customer sees of them. */
void get_order_refunds(h2o_req_t *req, struct slice id);

#endif

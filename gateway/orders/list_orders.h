/* GET /api/v1/orders: pages of orders, of one customer or all. Loop thread of the request. */
#ifndef OM_GATEWAY_ORDERS_LIST_ORDERS_H
#define OM_GATEWAY_ORDERS_LIST_ORDERS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* ?customerId&status&reason&search&idPrefix&sku&currency&minTotalMinor&maxTotalMinor&trackingNumber
   &paymentId&from&to&sort&limit&cursor -> {"orders":[...],"nextCursor"?}, and where there is a next
   page its address as Link rel=next. A page may be short, or empty, before the last. What is rare
   among all orders is found by the index that analytics keeps (services/analytics/find.h), which
   is a second or two behind. */
void list_orders(h2o_req_t *req, struct slice id);

#endif

/* mesh.order.list: pages of orders. */
#ifndef OM_SERVICES_ORDER_READ_LIST_H
#define OM_SERVICES_ORDER_READ_LIST_H

#include "shared/service/service.h"

/* order_filter.h's question -> {"orders":[...],"nextCursor"?}; INVALID for a cursor of another
   list. With "ids", up to 200 of them, it is those that are like the filter, in their order, and
   "nextCursor" is the question's. */
enum status order_endpoint_list(struct endpoint_call *call, struct error *error);

#endif

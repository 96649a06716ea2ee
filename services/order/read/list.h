/* mesh.order.list: pages of orders. */
#ifndef OM_SERVICES_ORDER_READ_LIST_H
#define OM_SERVICES_ORDER_READ_LIST_H

#include "shared/service/service.h"

/* {"tenant","customerId"?,"status"?,"reason"?,"from"?,"to"?,"sort"? createdAt|-createdAt,"limit"?
   1 to 200,"cursor"?} -> {"orders":[...],"nextCursor"?}; INVALID for a cursor of another list. */
enum status order_endpoint_list(struct endpoint_call *call, struct error *error);

#endif

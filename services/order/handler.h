/* How orders go on: the other services' events drive order_fsm.h, and feed the catalog. */
#ifndef OM_SERVICES_ORDER_HANDLER_H
#define OM_SERVICES_ORDER_HANDLER_H

#include "shared/service/service.h"

extern const struct handler progress_handler; /* inventory.*, payment.*, shipping.* of an order */
extern const struct handler catalog_handler;  /* inventory.product_changed */
/* order.cancel: its id derives from the order's, so the table's rows are what drops repeats. */
extern const struct handler cancel_handler;

/* {"orderId","tenant"} -> the order, or its status only */
enum status order_endpoint_get(struct endpoint_call *call, struct error *error);
enum status order_endpoint_status(struct endpoint_call *call, struct error *error);
/* the same -> {"orderId","status","reason"?,"updatedAt","version","timeline":[as applied]} */
enum status order_endpoint_history(struct endpoint_call *call, struct error *error);
/* {"tenant","customerId"?,"status"?,"reason"?,"from"?,"to"?,"sort"? createdAt|-createdAt,"limit"?
   1 to 200,"cursor"?} -> {"orders":[...],"nextCursor"?}; INVALID for a cursor of another list. */
enum status order_endpoint_list(struct endpoint_call *call, struct error *error);

#endif

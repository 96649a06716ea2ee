/* mesh.order.get, .status and .history: one order; mesh.order.missing: commands. */
#ifndef OM_SERVICES_ORDER_ENDPOINT_H
#define OM_SERVICES_ORDER_ENDPOINT_H

#include "shared/service/service.h"

/* {"orderId","tenant"} -> the order, or its status only */
enum status order_endpoint_get(struct endpoint_call *call, struct error *error);
enum status order_endpoint_status(struct endpoint_call *call, struct error *error);
/* the same -> {"orderId","status","reason"?,"updatedAt","version","timeline":[as applied]} */
enum status order_endpoint_history(struct endpoint_call *call, struct error *error);

/* {"submit":[order id],"cancel":[order id]} -> the same with those that have not taken effect:
   there is no such order, or nobody has wished its end. Of any tenant; up to ORDER_MISSING_MOST ids
   each.
 */
#define ORDER_MISSING_MOST 1000
enum status order_endpoint_missing(struct endpoint_call *call, struct error *error);

#endif

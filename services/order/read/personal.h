/* mesh.order.personal: a customer's orders with their personal data, which stays sealed. */
#ifndef OM_SERVICES_ORDER_READ_PERSONAL_H
#define OM_SERVICES_ORDER_READ_PERSONAL_H

#include "shared/service/service.h"

/* {"tenant","customerId","after"?: order id} ->
   {"tenant","customerId","orders":[{"orderId","status", "createdAt","sealed"?}],"next"?: order id}:
   the oldest first, 50 at a time. The reply is mesh.notification.open's question. */
enum status order_endpoint_personal(struct endpoint_call *call, struct error *error);

#endif

/* mesh.notification.open: what is held about a customer, opened for who may see it. */
#ifndef OM_SERVICES_NOTIFICATION_EXPORT_H
#define OM_SERVICES_NOTIFICATION_EXPORT_H

#include "shared/service/service.h"

/* mesh.order.personal's reply -> {"customerId","erasedAt"?,"orders":[{"orderId","status",
   "createdAt","personalData"? or "unreadable"?: why,"notices":[{"kind","channel","status","at"}]}],
   "next"?}. NOT_FOUND without OM_PII_KEY_FILE. */
enum status notification_endpoint_open(struct endpoint_call *call, struct error *error);

#endif

/* Completed orders earn points, refunds take them back; and what a customer has. */
#ifndef OM_SERVICES_LOYALTY_HANDLER_H
#define OM_SERVICES_LOYALTY_HANDLER_H

#include "shared/service/service.h"

/* order.completed: the customer has the order's points, unless it was refunded. */
extern const struct handler earn_handler;
/* payment.refunded: the order's points are gone, and stay so if it completes only now. */
extern const struct handler take_back_handler;

/* mesh.loyalty.get {"customerId","tenant"} -> {"customerId","points"}; 0 for a customer nobody has
   heard of. */
enum status loyalty_endpoint_get(struct endpoint_call *call, struct error *error);

#endif

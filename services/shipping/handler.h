/* A confirmed order is shipped. */
#ifndef OM_SERVICES_SHIPPING_HANDLER_H
#define OM_SERVICES_SHIPPING_HANDLER_H

#include "shared/consumer.h"

/* order.confirmed makes the shipment and says shipping.shipped. */
extern const struct handler shipping_handler;

#endif

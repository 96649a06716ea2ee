/* Orders hold, release and ship stock. One handler takes all of an order's events, so that a batch
   locks its stock once. */
#ifndef OM_SERVICES_INVENTORY_HANDLER_H
#define OM_SERVICES_INVENTORY_HANDLER_H

#include "shared/service/service.h"

/* order.created reserves; order.failed and order.cancelled release, or leave a tombstone;
   order.completed turns what was reserved into shipped. */
extern const struct handler inventory_handler;
/* The same, for what nobody waits for: what is shipped was held before. */
extern const struct handler inventory_patient_handler;

#endif

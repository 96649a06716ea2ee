/* The submit command becomes an order: priced, guarded by its idempotency key, announced. */
#ifndef OM_SERVICES_ORDER_SUBMIT_H
#define OM_SERVICES_ORDER_SUBMIT_H

#include "shared/consume/batch.h"

/* Order ids derive from the idempotency key, so the orders' primary key is what drops repeats. */
extern const struct handler submit_handler;

#endif

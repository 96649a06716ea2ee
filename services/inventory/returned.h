/* order.returned: what customers sent back, and is not written off, is on hand in main again. */
#ifndef OM_SERVICES_INVENTORY_RETURNED_H
#define OM_SERVICES_INVENTORY_RETURNED_H

#include "shared/consume/batch.h"

/* A return has one row (inventory.returns), and stock moves with it only. */
extern const struct handler stock_returned_handler;

#endif

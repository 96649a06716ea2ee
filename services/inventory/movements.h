/* mesh.inventory.movements: what came in or was written off in a period, by report.h's pages. What
   orders took is theirs to tell. */
#ifndef OM_SERVICES_INVENTORY_MOVEMENTS_H
#define OM_SERVICES_INVENTORY_MOVEMENTS_H

#include "shared/service/service.h"

/* Rows: {"at","movementId","sku","warehouse","quantity","onHand","reason"}: the quantity is
   negative for what went, and onHand is what lay there afterwards. */
enum status movements_endpoint(struct endpoint_call *call, struct error *error);

#endif

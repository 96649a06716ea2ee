/* Where a page of the catalog ended, as text that callers hand back without
 * looking into it. Pure.
 */
#ifndef OM_SERVICES_INVENTORY_CURSOR_H
#define OM_SERVICES_INVENTORY_CURSOR_H

#include "shared/base/arena.h"
#include "shared/base/buf.h"

/* Appends the cursor behind `sku`. */
void cursor_encode(struct slice sku, struct buf *out);
/* The SKU that the page ended with, in `arena`. False when it is no cursor of
 * ours. */
bool cursor_decode(struct slice cursor, struct arena *arena, struct slice *sku);

#endif

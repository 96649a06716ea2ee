/*
 * The catalog's endpoints in the mesh: products, and stock adjusted by deltas.
 * Each can be asked again without harm: a put that changes nothing is no new
 * version, and an adjustment's id is used once.
 *
 * A product is
 * {"sku","name","priceMinor","currency","active","version","available"}.
 * `available` is what is on hand in all warehouses, and moves with every
 * order, without a new version.
 */
#ifndef OM_SERVICES_INVENTORY_CATALOG_H
#define OM_SERVICES_INVENTORY_CATALOG_H

#include "shared/service/service.h"

#define CATALOG_SKU_MAX 64
#define CATALOG_WAREHOUSE_MAX 32
#define CATALOG_PAGE_MAX 200
#define CATALOG_PRICES_MAX 500
#define CATALOG_DELTA_MAX INT64_C(1000000000000)
#define CATALOG_STOCK_MAX INT64_C(9007199254740991) /* 2^53 - 1: exact in every JSON reader */

/* {"sku"} -> the product; NOT_FOUND */
enum status catalog_endpoint_get(struct endpoint_call *call, struct error *error);

/* {"skus":[...]}, CATALOG_PRICES_MAX of them at most -> {"products":[{"sku","priceMinor",
   "currency","active"}]}: those that there are, in the order of the SKU's bytes */
enum status catalog_endpoint_prices(struct endpoint_call *call, struct error *error);

/* {"limit","cursor"?} -> {"products":[...],"nextCursor"?}; INVALID for a cursor
 * that is none */
enum status catalog_endpoint_list(struct endpoint_call *call, struct error *error);

/* {"sku","name","priceMinor","currency","active"?,"expectedVersion"?} -> the
   product and "created". Without "active" a new product is active and another
   stays as it is. "expectedVersion" 0 stands for "there is none"; CONFLICT when
   the product is at another version, unless it is the next one and says the
   same already (a repetition). What changes is announced as
   inventory.product_changed. */
enum status catalog_endpoint_put(struct endpoint_call *call, struct error *error);

/* {"adjustmentId","sku","delta","reason"} -> the same, "available" after it,
   and "replayed". NOT_FOUND: no such product; CONFLICT: less than nothing would
   be on hand, or too much; INVALID: also when the id stands for another
   adjustment. */
enum status catalog_endpoint_adjust(struct endpoint_call *call, struct error *error);

/* As above with "warehouse", which the answer repeats, as "available" is what
   that one has. A warehouse is there from its first adjustment on, 15 besides
   main at most. On a subject of its own, since a service of an earlier version
   would not see which one is meant. */
enum status catalog_endpoint_adjust_elsewhere(struct endpoint_call *call, struct error *error);

/* {"sku"} -> {"sku","warehouses":[{"warehouse","received","onHand","reserved",
   "shipped"}]}, main first; NOT_FOUND */
enum status catalog_endpoint_stock(struct endpoint_call *call, struct error *error);

/* {} -> {"warehouses":[...]}, as above, with all SKUs added up */
enum status catalog_endpoint_warehouses(struct endpoint_call *call, struct error *error);

#endif

/* GET /api/v1/products/{sku}/stock and /api/v1/warehouses: what lies where, asked of the inventory
   service over the mesh, and never from the cache. Loop thread. */
#ifndef OM_GATEWAY_CATALOG_STOCK_H
#define OM_GATEWAY_CATALOG_STOCK_H

#include "shared/base/slice.h"
#include "shared/loop/loop.h"

void get_stock(h2o_req_t *req, struct slice sku);
void get_warehouses(h2o_req_t *req, struct slice id);

#endif

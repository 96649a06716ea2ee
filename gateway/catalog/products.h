/* GET /api/v1/products and /api/v1/products/{sku}: from the cache, or asked of the inventory
   service over the mesh. */
#ifndef OM_GATEWAY_CATALOG_PRODUCTS_H
#define OM_GATEWAY_CATALOG_PRODUCTS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void get_products(h2o_req_t *req, struct slice id);
void get_product(h2o_req_t *req, struct slice sku);

#endif

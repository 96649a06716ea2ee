/*
 * PUT /api/v1/products/{sku} and POST /api/v1/products/{sku}/stock-adjustments, done by the
 * inventory service over the mesh. The answer waits until no gateway serves what was cached before
 * the write.
 */
#ifndef OM_GATEWAY_CATALOG_CHANGE_CATALOG_H
#define OM_GATEWAY_CATALOG_CHANGE_CATALOG_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#include "shared/loop/loop.h"

/* 201 created, 200 changed or as it was; 412 (If-Match) or 409 (expectedVersion) when the product
   is at another version. */
void put_product(h2o_req_t *req, struct slice sku);
/* 201; a repetition of the key, or of the adjustmentId, gets the same answer with
   Idempotent-Replayed. 409 when less than nothing would be on hand. */
void post_stock_adjustment(h2o_req_t *req, struct slice sku);

/* The id that an Idempotency-Key gives an adjustment. Pure. */
struct uuid adjustment_id_of_key(struct slice tenant, struct slice key);

#endif

/*
 * Products as inventory has them, for orders that our copy of its catalog refuses: the news of a
 * product may be under way for as long as inventory's relay, or our consumer, is behind.
 */
#ifndef OM_SERVICES_ORDER_CATALOG_PRODUCT_SOURCE_H
#define OM_SERVICES_ORDER_CATALOG_PRODUCT_SOURCE_H

#include "services/order/catalog/pricing.h"
#include "shared/consume/batch.h"
#include "shared/json/json.h"

/* {"skus":[...]} -> {"products":[...]}, services/inventory/catalog.h. *reply is the caller's. */
typedef enum status (*products_fn)(struct batch *batch, struct slice request,
                                   struct json_object **reply, struct error *error);

/* Asks inventory over NATS; blocks for up to a second. */
enum status products_of_inventory(struct batch *batch, struct slice request,
                                  struct json_object **reply, struct error *error) MUST_CHECK;

/* The prices of the SKUs that there are, in the batch's arena. TIMEOUT, UNAVAILABLE: nobody
   answers, or nobody did within the last seconds, so that a batch is not held up again and again.
 */
enum status product_source_ask(struct batch *batch, products_fn ask, struct slice *skus,
                               size_t count, struct catalog *catalog,
                               struct error *error) MUST_CHECK;

#endif

/*
 * The price of an order: the catalog's prices count, and those that the client expected must agree.
 * Pure and thread safe.
 */
#ifndef OM_SERVICES_ORDER_PRICING_H
#define OM_SERVICES_ORDER_PRICING_H

#include "shared/base/slice.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

#include <stdbool.h>

struct catalog_price {
    struct slice sku;
    int64_t price_minor;
    struct slice currency;
    bool is_active;
};

/* Prices, sorted by the bytes of the SKU. */
struct catalog {
    const struct catalog_price *prices;
    size_t count;
};

/* Fills in unit prices and the total, and says why the order cannot be taken: UNKNOWN_SKU,
   PRICE_CHANGED (price or currency differs, or the total is beyond ORDER_MAX_MINOR), or NONE.
   *detail is then the SKU, or "total". What has no price counts 0; a total that is out of range
   is 0. */
enum order_reason order_price(struct order_snapshot *order, const struct catalog *catalog,
                              struct slice *detail);

#endif

/*
 * The price of an order: the catalog's prices count, and those that the client expected must agree.
 * Pure and thread safe.
 */
#ifndef OM_SERVICES_ORDER_CATALOG_PRICING_H
#define OM_SERVICES_ORDER_CATALOG_PRICING_H

#include "shared/base/arena.h"
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
   CURRENCY_MISMATCH, PRICE_CHANGED (it differs, or the total is beyond ORDER_MAX_MINOR), or NONE.
   *detail then says for people what it is about: the SKU with the values that differ, or "total".
   What has no price counts 0; a total that is out of range is 0. */
enum order_reason order_price(struct order_snapshot *order, const struct catalog *catalog,
                              struct arena *arena, struct slice *detail);

#endif

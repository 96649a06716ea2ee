/*
 * Stock in memory while a batch is decided: the stock on hand, and the batch's moves. Pure; the
 * rows belong to their maker. One thread.
 */
#ifndef OM_SERVICES_INVENTORY_STOCK_H
#define OM_SERVICES_INVENTORY_STOCK_H

#include "shared/base/slice.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

/* One SKU, locked. The moves of a batch add up to zero: nothing comes or goes, it changes place. */
struct stock_row {
    struct slice sku;
    int64_t on_hand;
    int64_t on_hand_move, reserved_move, shipped_move;
};

/* Sorted by the bytes of the SKU. */
struct stock {
    struct stock_row *rows;
    size_t count;
};

/* Why an order gets nothing. */
struct shortage {
    enum order_reason reason; /* OUT_OF_STOCK or UNKNOWN_SKU */
    struct slice sku;
};

struct stock_line {
    struct slice sku;
    int64_t quantity;
};

/* All lines or none: false leaves stock as it was, with the first shortage. A SKU may stand in
   several lines. */
bool stock_reserve(struct stock *stock, const struct stock_line *lines, size_t count,
                   struct shortage *shortage);
/* Both only for lines that were reserved; false when a SKU is gone from the table. */
bool stock_release(struct stock *stock, const struct stock_line *lines, size_t count);
bool stock_ship(struct stock *stock, const struct stock_line *lines, size_t count);

#endif

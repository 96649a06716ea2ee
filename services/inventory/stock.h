/*
 * Stock in memory while a batch is decided: the stock on hand, and the batch's moves. Pure; the
 * rows belong to their maker. One thread.
 */
#ifndef OM_SERVICES_INVENTORY_STOCK_H
#define OM_SERVICES_INVENTORY_STOCK_H

#include "shared/base/slice.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

#define WAREHOUSES_MAX 16 /* with main: what inventory.warehouses may hold */

/* One SKU in one warehouse, locked. The moves of a batch add up to zero: nothing comes or goes, it
   changes place. */
struct stock_row {
    struct slice sku;
    struct slice warehouse; /* empty: main */
    int rank;               /* of the warehouse: 0 is main */
    bool is_elsewhere;      /* of main: other warehouses have the SKU, too */
    int64_t on_hand;
    int64_t on_hand_move, reserved_move, shipped_move;
};

/* Sorted by the bytes of the SKU, then by rank. */
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
    struct slice warehouse; /* empty: main */
};

/* The SKU in one warehouse; NULL where there is none. */
struct stock_row *stock_find(const struct stock *stock, struct slice sku, struct slice warehouse);
/* The SKU's first row, and the number of its rows. */
struct stock_row *stock_find_all(const struct stock *stock, struct slice sku, size_t *count);

/* All lines or none: false leaves stock as it was, with the first shortage. A SKU may stand in
   several lines. */
bool stock_reserve(struct stock *stock, const struct stock_line *lines, size_t count,
                   struct shortage *shortage);
/* Both only for lines that were reserved; false when a SKU is gone from the table. */
bool stock_release(struct stock *stock, const struct stock_line *lines, size_t count);
bool stock_ship(struct stock *stock, const struct stock_line *lines, size_t count);
/* Takes back what was counted as shipped, and is not sent. */
bool stock_unship(struct stock *stock, const struct stock_line *lines, size_t count);

#endif

/*
 * Which warehouses serve an order. The rule, of which the first that fits counts:
 *
 *   1. main serves all of it (stock_reserve() of lines that name no warehouse);
 *   2. one other warehouse serves all of it: of several, that of the lowest rank;
 *   3. the fewest warehouses serve it together: of several choices the one with the lowest ranks,
 *      compared from the lowest on.
 *
 * Within a choice a line comes whole from its first warehouse that has all of it, and is divided,
 * from the lowest rank on, only where none has. So the same order on the same stock is always
 * served alike. Pure; one thread.
 */
#ifndef OM_SERVICES_INVENTORY_ALLOCATION_H
#define OM_SERVICES_INVENTORY_ALLOCATION_H

#include "services/inventory/stock.h"
#include "shared/base/arena.h"

/* What an order wants; the lines name no warehouse. */
struct wanted_lines {
    const struct stock_line *lines;
    size_t count;
};

struct allocation {
    struct stock_line *lines; /* by rank, then as the order has them; in the arena */
    size_t count;
};

/* Plans, and moves nothing. False, with the first SKU at fault, where all warehouses together have
   too little. */
bool allocation_plan(const struct stock *stock, const struct wanted_lines *wanted,
                     struct arena *arena, struct allocation *plan, struct shortage *shortage);

#endif

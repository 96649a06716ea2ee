/* What a reservation holds no more, since pieces of its order are cancelled. Pure; one thread. */
#ifndef OM_SERVICES_INVENTORY_CUT_H
#define OM_SERVICES_INVENTORY_CUT_H

#include "services/inventory/reservation.h"

struct stock_lines {
    struct stock_line *rows;
    size_t count;
};

/* Leaves in the reservation what is left of the order, by its warehouses, and says what that frees:
   nothing where it holds no more than that. So it may be repeated, in whatever order several cuts
   of one order come. Lines live in the arena. */
void reservation_cut(struct reservation *reservation, const struct order_snapshot *left,
                     struct arena *arena, struct stock_lines *freed);

#endif

/*
 * The stock that one order holds, and how it comes to hold it. In memory: the stock is locked, and
 * what was decided is stored with the batch (store.h). Pure; one thread.
 */
#ifndef OM_SERVICES_INVENTORY_RESERVATION_H
#define OM_SERVICES_INVENTORY_RESERVATION_H

#include "services/inventory/allocation.h"
#include "shared/crypto/uuid.h"

enum reservation_status {
    RESERVATION_NONE, /* no row */
    RESERVATION_RESERVED,
    RESERVATION_REJECTED,
    RESERVATION_RELEASED, /* without lines: a tombstone that refuses a late reservation */
    RESERVATION_SHIPPED,
    RESERVATION_ALLOCATED, /* reserved, and not all of it in main */
};

/* The stock that an order holds: as loaded, and as the batch leaves it. */
struct reservation {
    struct uuid order_id;
    enum reservation_status status, stored_status;
    enum order_reason reason; /* of REJECTED */
    const struct stock_line *lines;
    size_t line_count;
    bool is_cut; /* it has fewer lines, or fewer pieces of them, than are stored */
};

/* Reserves all that is wanted: from main if that has it, else from the warehouses that the rule
   names (allocation.h). RESERVED or ALLOCATED then, with lines; else false, REJECTED with the
   reason, and stock as it was. Lines live in the arena, or are those wanted. */
bool reservation_make(struct reservation *reservation, struct stock *stock,
                      const struct wanted_lines *wanted, struct arena *arena,
                      struct shortage *shortage);

#endif

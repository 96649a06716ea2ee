#include "services/inventory/reservation.h"

static bool reserve_elsewhere(struct stock *stock, const struct wanted_lines *wanted,
                              struct arena *arena, struct allocation *plan,
                              struct shortage *shortage) {
    return allocation_plan(stock, wanted, arena, plan, shortage) &&
           stock_reserve(stock, plan->lines, plan->count, shortage);
}

bool reservation_make(struct reservation *reservation, struct stock *stock,
                      const struct wanted_lines *wanted, struct arena *arena,
                      struct shortage *shortage) {
    struct allocation plan;
    if (stock_reserve(stock, wanted->lines, wanted->count, shortage)) {
        reservation->status = RESERVATION_RESERVED;
        reservation->lines = wanted->lines;
        reservation->line_count = wanted->count;
    } else if (reserve_elsewhere(stock, wanted, arena, &plan, shortage)) {
        reservation->status = RESERVATION_ALLOCATED;
        reservation->lines = plan.lines;
        reservation->line_count = plan.count;
    } else {
        reservation->status = RESERVATION_REJECTED;
        reservation->reason = shortage->reason;
        return false;
    }
    return true;
}

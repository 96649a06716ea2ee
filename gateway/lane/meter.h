/* Metric slots for the hot path: registering a label value takes a lock, so each place keeps its
   slot. Thread safe. */
#ifndef OM_GATEWAY_LANE_METER_H
#define OM_GATEWAY_LANE_METER_H

#include "shared/observe/metrics.h"

#include <stdatomic.h>

/* The slot of `label`, looked up at first use and kept in `*kept` (zero-initialized, static). */
static inline unsigned meter_slot(atomic_uint *kept, struct metric *metric, const char *label) {
    unsigned slot_and_one = atomic_load_explicit(kept, memory_order_relaxed);
    if (slot_and_one == 0) {
        slot_and_one = metric_slot(metric, label) + 1;
        atomic_store_explicit(kept, slot_and_one, memory_order_relaxed);
    }
    return slot_and_one - 1;
}

#endif

/*
 * The sums of the counts of a bucket, or of a whole period. Zero-initialize. Labels borrow from the
 * rows that were added. Plain values; nothing blocks.
 */
#ifndef OM_SERVICES_ANALYTICS_SUMS_H
#define OM_SERVICES_ANALYTICS_SUMS_H

#include "services/analytics/histogram.h"
#include "services/analytics/measure.h"
#include "shared/base/slice.h"

#define SUMS_LABELS_MAX 200 /* currencies, reasons: further ones are left out */

struct labelled_sum {
    struct slice label;
    int64_t value; /* captured, or how often */
    int64_t refunded;
};

struct labelled_sums {
    struct labelled_sum items[SUMS_LABELS_MAX];
    size_t count;
};

struct sums {
    int64_t statuses[ORDER_STATUS_COUNT];
    int64_t facts[FACT_COUNT];
    struct labelled_sums revenue;
    struct labelled_sums reasons;
    struct histogram latencies[STAGE_COUNT];
};

/* One row of counts. Unknown labels and bins are passed over. */
void sums_add(struct sums *sums, enum measure measure, struct slice label, int64_t bin,
              int64_t value);

#endif

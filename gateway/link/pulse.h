/*
 * All orders' updates, boiled down to what a person can follow: counts of each second, and a sample
 * of the updates themselves, both as event stream text:
 *
 *     event: order   {"orderId","status","was"?,"reason"?,"version","sequence","timeline"}
 *     event: second
 * {"at","updates","shown","accepted","confirmed","completed","failed","cancelled"}
 *
 * Not thread safe; nothing blocks.
 */
#ifndef OM_GATEWAY_LINK_PULSE_H
#define OM_GATEWAY_LINK_PULSE_H

#include "shared/base/buf.h"
#include "shared/contract/order_terms.h"
#include "shared/crypto/uuid.h"

struct pulse {
    int64_t updates, shown, accepted;
    int64_t became[ORDER_STATUS_COUNT];
};

/* Counts an update. True when it is one of the second's first `sample_most`: then its text is
   appended to `out`. */
bool pulse_take(struct pulse *pulse, const struct uuid *order_id, struct slice update,
                int64_t sample_most, struct buf *out);
/* Appends the counts and begins anew. */
void pulse_end_second(struct pulse *pulse, int64_t now_us, struct buf *out);

#endif

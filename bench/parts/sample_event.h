/* An event such as most are: an order.created of two items, with a sealed address. */
#ifndef OM_BENCH_PARTS_SAMPLE_EVENT_H
#define OM_BENCH_PARTS_SAMPLE_EVENT_H

#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"

/* Appends it, of a new order, and fills `traceparent` (TRACEPARENT_SIZE). */
void sample_event_write(struct uuid id, struct slice customer_id, struct buf *payload,
                        char *traceparent);

#endif

/*
 * The order service's events about an order: order.created, .confirmed, .completed, .failed,
 * .cancelled, .stop_requested, .capture_requested, .returned, .lines_stop_requested and
 * .lines_cancelled, each with the whole snapshot. Adds to the batch's outbox; nothing blocks.
 */
#ifndef OM_SERVICES_ORDER_LIFE_ANNOUNCE_H
#define OM_SERVICES_ORDER_LIFE_ANNOUNCE_H

#include "shared/base/buf.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"
#include "shared/outbox/outbox.h"

struct announcement {
    enum event_type type;
    const struct order_snapshot *snapshot; /* priced, with items */
    const struct event *cause;
    enum order_reason reason;     /* of an early end, or of the wish for it */
    struct slice detail;          /* of the reason; may be empty */
    struct slice tracking_number; /* of a completed order */
    const char *details_key;      /* NULL: there are none */
    struct slice details;         /* JSON: what is told besides */
};

/* `scratch` is overwritten. */
void announce(struct outbox *outbox, const struct announcement *announcement, struct buf *scratch);
/* Counts an order that has reached a final status. */
void announce_end_metrics(enum order_status status, int64_t accepted_at_us, int64_t now_us);

#endif

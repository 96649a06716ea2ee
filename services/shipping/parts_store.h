/* The SQL of orders that ship in parts. Set-based; runs in the caller's open transaction, and what
   it returns lives in the batch's arena. */
#ifndef OM_SERVICES_SHIPPING_PARTS_STORE_H
#define OM_SERVICES_SHIPPING_PARTS_STORE_H

#include "services/shipping/tracking.h"
#include "shared/consume/batch.h"

/* An order in parts, some of whose parcels are still to leave. */
struct parted {
    struct uuid order_id;
    struct slice snapshot; /* JSON, with allocations */
    struct event cause;    /* what outbox_add() reads of the order.confirmed */
    int64_t sent;          /* parcels that have left */
};

/* Queues the INSERT; the orders are new. */
enum status parts_store_add(struct batch *batch, const struct parted *orders, size_t count,
                            struct error *error) MUST_CHECK;
/* Locks up to `most` of those whose next parcel is due, by their ids. */
enum status parts_store_take_due(struct batch *batch, int64_t most, struct parted **orders,
                                 size_t *count, struct error *error) MUST_CHECK;

/* A parcel that leaves now. */
struct parcel {
    struct uuid order_id;
    int64_t part; /* from 1 */
    struct slice warehouse;
    char tracking_number[TRACKING_SIZE];
    bool is_last;
};

/* Queues their INSERT, and the next parcel's time, or that there is none. */
enum status parts_store_send(struct batch *batch, const struct parcel *parcels, size_t count,
                             int64_t pause_s, struct error *error) MUST_CHECK;

#endif

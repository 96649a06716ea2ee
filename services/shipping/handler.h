/*
 * Each order gets one answer: shipped, failed or stopped. Whichever of order.confirmed and
 * order.stop_requested comes first decides, and the later one finds the answer given: a parcel that
 * has left cannot be stopped, and a stopped order is never shipped. Of an order in parts that is
 * decided for all of them at once (parts.h).
 *
 * order.lines_stop_requested is the same decision: where it comes first, what it says is left of
 * the order is shipped, and shipping.shipped tells of the pieces that were not.
 */
#ifndef OM_SERVICES_SHIPPING_HANDLER_H
#define OM_SERVICES_SHIPPING_HANDLER_H

#include "shared/consume/batch.h"

/* The handler's context. */
struct shipping {
    const char *fail_skus;  /* comma separated: orders with one of them cannot be shipped */
    int64_t parcel_pause_s; /* between the parcels of an order in parts */
};

extern const char shipping_carrier[];

extern const struct handler shipping_handler;

#endif

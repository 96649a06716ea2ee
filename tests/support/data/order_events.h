/*
 * Made-up lives of orders as the events that the services would send, for those who only watch:
 * analytics, audits. A fifth each completes, stays pending after its reservation, fails for want of
 * stock, is declined (and released), is cancelled after its payment (released and refunded). The
 * three flows take turns. Times are made up too: an order a second from the start given.
 *
 * Owns the payloads until fini. One thread.
 */
#ifndef OM_TESTS_SUPPORT_DATA_ORDER_EVENTS_H
#define OM_TESTS_SUPPORT_DATA_ORDER_EVENTS_H

#include "shared/base/buf.h"
#include "shared/contract/event.h"

#define ORDER_EVENTS_PRICE_MINOR 1999 /* of each order, USD */
#define ORDER_EVENTS_PAYMENT_MS 40    /* from its beginning to the payment; other steps take 10 */

/* Order n is for one of MADE-<n % ORDER_EVENTS_SKUS>; its payment is ch_<n>, its parcel TRACK-<n>.
 */
#define ORDER_EVENTS_SKUS 7
int64_t order_events_total_minor(size_t order);

struct made_event {
    enum event_type type;
    struct uuid id;
    struct uuid order_id;
    struct buf payload;
};

struct order_events {
    struct made_event *items; /* order by order, a cause before what it caused */
    size_t count, capacity;
};

/* Adds the lives of `orders` more orders, a multiple of 15. */
void order_events_add(struct order_events *events, size_t orders, int64_t start_us);
void order_events_fini(struct order_events *events);
/* Another order of the same events, the same for the same seed. */
void order_events_shuffle(struct order_events *events, unsigned seed);

#endif

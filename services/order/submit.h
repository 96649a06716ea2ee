/*
 * The submit command becomes an order: priced, guarded by its idempotency key, announced.
 *
 * While Redis is away the gateway accepts two bodies under one key, and of these two the order
 * service may take in the later one first, since a process can stall with the older one in hand. So
 * an order whose key nobody guarded is held: nobody hears of it before everything that was accepted
 * before it is taken in, since only then it is sure to have its key. That takes a moment, or as
 * long as a stalled process keeps what it has; after ORDER_HELD_MOST_S it starts even so.
 *
 * What was accepted before it has a lower sequence in ORDERS, and is there when the order is held.
 * So it is enough that all is taken in up to that sequence, or that all is which the stream held at
 * a moment after that: where the broker's store was set back or deleted, ORDERS counts on from less
 * than the order's own. What was lost comes again (gateway/kept/) as accepted later (store_keys.h).
 */
#ifndef OM_SERVICES_ORDER_SUBMIT_H
#define OM_SERVICES_ORDER_SUBMIT_H

#include "services/order/store_keys.h"
#include "shared/service/periodic.h"

/* Order ids derive from the idempotency key, so the orders' primary key is what drops repeats. */
extern const struct handler submit_handler;

/* Longer than the four deliveries of a command, each of which may take its ack_wait of 30 s. */
#define ORDER_HELD_MOST_S 150

/* Starts orders that were held. */
extern const struct periodic held_orders;
/* One turn of it, when so much is taken in. For tests. */
enum status held_orders_start(struct batch *batch, const struct held_limits *limits,
                              struct error *error) MUST_CHECK;

#endif

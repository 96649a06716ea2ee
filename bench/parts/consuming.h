/*
 * A consumer's whole work, as often as a bench wants it: events from JetStream through the inbox,
 * an effect a database row each, the outbox, and the acknowledgement.
 *
 * It is the consumer loop of the services (shared/consume/consumer.h) as ORDERS/inventory, with a
 * handler that does no more than limits/consume.sql. Servers must be fresh, migrated and
 * provisioned. Blocks; ends the program when a figure is not what it must be. Main thread only.
 */
#ifndef OM_BENCH_PARTS_CONSUMING_H
#define OM_BENCH_PARTS_CONSUMING_H

#include "tests/support/servers/servers.h"

struct consuming {
    int64_t events;
    int poison_each; /* every n-th is poison: unreadable, or refused by the handler; 0: none */
};

/* Stores the events in ORDERS. */
void consuming_fill(struct servers *servers, const struct consuming *consuming);
/* Starts the consumer and returns how many events a second it dealt with, until the last one was
   acknowledged or terminated. Then every healthy one has had its effect once, and no other. */
double consuming_run(struct servers *servers, const struct consuming *consuming);

#endif

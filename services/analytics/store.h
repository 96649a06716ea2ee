/*
 * All SQL of the analytics service. Tables are named without a schema: the connection's search path
 * says which projection is meant. Set-based; the writing ones run in an open transaction.
 */
#ifndef OM_SERVICES_ANALYTICS_STORE_H
#define OM_SERVICES_ANALYTICS_STORE_H

#include "services/analytics/facts.h"
#include "services/analytics/tally.h"
#include "shared/base/arena.h"
#include "shared/pg/pg.h"

/* Keeps out all other writers until the transaction ends. Reads the facts known of the orders of
   `wanted`, which is sorted and names each once: in the same order, and without orders that have no
   row yet. Rows and texts are the arena's. */
enum status facts_store_lock(struct pg *pg, struct arena *arena, const struct order_facts *wanted,
                             size_t count, struct order_facts **known, size_t *found,
                             struct error *error) MUST_CHECK;
/* Queues the making of rows of orders that had none; sorted. When one was made meanwhile, the
   transaction fails with SERIALIZATION. */
enum status facts_store_make(struct pg *pg, const struct order_facts *facts, size_t count,
                             struct error *error) MUST_CHECK;
/* Queues the update of rows that facts_store_lock() read, as far as the facts `told` can have
   changed them: bits, 1u << enum fact. */
enum status facts_store_save(struct pg *pg, const struct order_facts *facts, size_t count,
                             unsigned told, struct error *error) MUST_CHECK;
/* Up to `count` (at most 10000) rows of orders behind `after`, by order id, into the arena. */
enum status facts_store_page(struct pg *pg, struct arena *arena, const struct uuid *after,
                             int64_t count, struct order_facts **facts, size_t *found,
                             struct error *error) MUST_CHECK;
/* Queues the adding of a settled tally. */
enum status counts_store_add(struct pg *pg, const struct tally *tally,
                             struct error *error) MUST_CHECK;
/* The same, to what is kept of orders whose facts go to an archive; and the start of new counts
   from that. */
enum status counts_store_keep(struct pg *pg, const struct tally *tally,
                              struct error *error) MUST_CHECK;
enum status counts_store_take(struct pg *pg, struct error *error) MUST_CHECK;

/* The counts of a period: bucket, measure, label, bin, value; sorted by the first four. */
enum { COUNTS_AT, COUNTS_MEASURE, COUNTS_LABEL, COUNTS_BIN, COUNTS_VALUE };
enum status counts_store_read(struct pg *pg, const struct period *period, struct pg_result **rows,
                              struct error *error) MUST_CHECK;

#endif

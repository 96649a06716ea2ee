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

/* Reads the facts known of the orders of `wanted`, which is sorted and names each once: as many
   rows in the same order, locked, empty for new orders. Rows and texts are the arena's. */
enum status facts_store_lock(struct pg *pg, struct arena *arena, const struct order_facts *wanted,
                             size_t count, struct order_facts **known,
                             struct error *error) MUST_CHECK;
/* Queues the update of locked rows. */
enum status facts_store_save(struct pg *pg, const struct order_facts *facts, size_t count,
                             struct error *error) MUST_CHECK;
/* Up to `count` (at most 10000) rows of orders behind `after`, by order id, into the arena. */
enum status facts_store_page(struct pg *pg, struct arena *arena, const struct uuid *after,
                             int64_t count, struct order_facts **facts, size_t *found,
                             struct error *error) MUST_CHECK;
/* Queues the adding of a settled tally. */
enum status counts_store_add(struct pg *pg, const struct tally *tally,
                             struct error *error) MUST_CHECK;

/* The counts of a period: bucket, measure, label, bin, value; sorted by the first four. */
enum { COUNTS_AT, COUNTS_MEASURE, COUNTS_LABEL, COUNTS_BIN, COUNTS_VALUE };
enum status counts_store_read(struct pg *pg, const struct period *period, struct pg_result **rows,
                              struct error *error) MUST_CHECK;

#endif

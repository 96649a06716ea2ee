/*
 * Applying events to a projection: the tables order_facts, counts and order_terms that the
 * connection's search path finds. The service does it in its batches, a rebuild to the tables it
 * fills.
 *
 * Events may come in any order and repeatedly: the tables end up the same.
 */
#ifndef OM_SERVICES_ANALYTICS_PROJECTION_H
#define OM_SERVICES_ANALYTICS_PROJECTION_H

#include "services/analytics/facts.h"
#include "shared/base/arena.h"
#include "shared/pg/pg.h"

/* Joins `count` facts, several of which may be about one order, into the tables: in the open
   transaction, by six statements at most whatever the count, of which one is waited for. The memory
   is `arena`'s. `facts` gets sorted. */
enum status projection_apply(struct pg *pg, struct arena *arena, struct order_facts *facts,
                             size_t count, struct error *error) MUST_CHECK;

#endif

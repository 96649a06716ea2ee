/*
 * The index in PostgreSQL, as the examiner reads and writes it: dlq.failures and dlq.entries, which
 * the streams hold, too, and what waits in dlq.reports and dlq.chances.
 *
 * Several instances may write the same at once: entries only ever move to a later generation.
 * Blocks as pg.h does; texts that are read live in the arena given.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_EXAMINER_INDEX_H
#define OM_SERVICES_DLQ_COLLECT_EXAMINER_INDEX_H

#include "services/dlq/collect/examiner_item.h"
#include "shared/pg/pg.h"

/* Settles what has ended here before or has its second chance, since its consumer was made: what is
   known from before that is of a stream that is gone. Joins the reports known of the others. */
enum status examiner_index_find_known(struct pg *pg, struct item *const *items, size_t count,
                                      struct arena *arena, struct error *error) MUST_CHECK;
/* Decides on each item by the entry that is there: a new generation, or a failure of that entry. */
enum status examiner_index_decide(struct pg *pg, struct item *const *items, size_t count,
                                  struct error *error) MUST_CHECK;
/* Writes down what became of the items, in one statement: failures and entries, second chances, and
   that the reports about what is settled need no sweep. No two may note failures of one entry. */
enum status examiner_index_write(struct pg *pg, struct item *const *items, size_t count,
                                 struct error *error) MUST_CHECK;

#endif

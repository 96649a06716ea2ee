/*
 * The inbox: which events a consumer has already applied, so that each has one effect however often
 * it is delivered. Events are taken and given back inside the batch's transaction.
 *
 * Before an outbox is sent again, those that operators discarded are put here, too, and apart, for
 * consumers that need no inbox otherwise (sql/0023_discarded_apart.sql).
 */
#ifndef OM_SHARED_CONSUME_INBOX_H
#define OM_SHARED_CONSUME_INBOX_H

#include "shared/consume/batch.h"
#include "shared/pg/pg_result.h"

/* Sets is_duplicate of each of the `count` deliveries: whether it was applied before, or stands
   earlier in this very batch. One statement; ids are locked in their order. */
enum status inbox_take(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                       size_t count, struct error *error) MUST_CHECK;
/* Asks which of them were discarded; *answer as with pg_queue_into(). */
enum status discarded_ask(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                          size_t count, struct pg_result **answer, struct error *error) MUST_CHECK;
/* Sets is_discarded and is_duplicate of those that were, and says whether any was. NULL: none. */
bool discarded_heed(const struct pg_result *answer, struct delivery *const *deliveries,
                    size_t count);
/* Gives back those that this transaction took and whose outcome is not DONE; queued into it. */
enum status inbox_give_back(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                            size_t count, struct error *error) MUST_CHECK;

#endif

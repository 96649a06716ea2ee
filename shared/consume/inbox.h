/*
 * The inbox: which events a consumer has already applied, so that each has one effect however often
 * it is delivered. Events are taken and given back inside the batch's transaction.
 */
#ifndef OM_SHARED_CONSUME_INBOX_H
#define OM_SHARED_CONSUME_INBOX_H

#include "shared/consume/batch.h"

/* Sets is_duplicate of each of the `count` deliveries: whether it was applied before, or stands
   earlier in this very batch. One statement; ids are locked in their order. */
enum status inbox_take(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                       size_t count, struct error *error) MUST_CHECK;
/* Gives back those that this transaction took and whose outcome is not DONE; queued into it. */
enum status inbox_give_back(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                            size_t count, struct error *error) MUST_CHECK;

#endif

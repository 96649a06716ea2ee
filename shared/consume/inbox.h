/*
 * The inbox: which events a consumer has already applied, so that each has one effect however often
 * it is delivered. Events are taken and forgotten inside the batch's transaction.
 */
#ifndef OM_SHARED_CONSUME_INBOX_H
#define OM_SHARED_CONSUME_INBOX_H

#include "shared/consume/batch.h"

/* Sets is_new[i] for each of the `count` deliveries: false when it was applied before, or stands
   earlier in this very batch. One statement; ids are locked in their order. */
enum status inbox_take(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                       size_t count, bool *is_new, struct error *error) MUST_CHECK;
/* Gives back the events whose outcome is not DONE; queued into the transaction. */
enum status inbox_forget(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                         size_t count, struct error *error) MUST_CHECK;

#endif

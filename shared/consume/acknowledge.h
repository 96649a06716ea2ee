/*
 * Tells the server what became of each message of a batch, and FAILURES why. Nobody else does so:
 * intake.c only says that messages are still in hand, and gives back unread what came without its
 * body.
 *
 *     DONE     ack
 *     EARLY    nothing yet: `due_us` says when it is to be tried again; after its time, as REJECT
 *     RETRY    NAK with 1, 2, 4 s, and a failure report
 *     REJECT   TERM, once its failure report is stored
 *
 * A failure report is what a failed attempt leaves for the dead-letter service and for people, as
 * failures.<stream>.<consumer>.<event id> (the last one is kept). DONE takes back what was reported
 * of earlier attempts, and says that a replayed dead letter got through.
 *
 * For the consumer's thread. Blocks for the report of a rejection, 2 s at most.
 */
#ifndef OM_SHARED_CONSUME_ACKNOWLEDGE_H
#define OM_SHARED_CONSUME_ACKNOWLEDGE_H

#include "shared/consume/consumer.h"
#include "shared/consume/intake.h"

/* What each message was settled as. */
enum event_count { COUNT_DONE, COUNT_DUPLICATE, COUNT_IGNORED, COUNT_RETRY, COUNT_REJECT, COUNTS };

/* On whose behalf; all borrowed. */
struct acknowledger {
    const struct consumer_spec *spec;
    const char *consumer; /* ORDERS/inventory: its name in logs */
    const struct consumer_options *options;
    struct intake *intake;
};

/* Marks that `reader` begins an attempt at a second chance, in FAILURES, as
   failures.<stream>.<consumer>.seq-<sequence>.<attempt>. If each attempt was begun by another
   reader, it is what ends them; otherwise its time ran out in the hands of one that lives. Fire and
   forget. */
void acknowledge_begin(const struct acknowledger *acknowledger, const struct message *message,
                       const char *reader);
/* Adds to `counts`. */
void acknowledge_batch(const struct acknowledger *acknowledger, const struct message_list *batch,
                       int64_t counts[COUNTS]);

#endif

/*
 * A worker's loop over a stream whose messages are no events: takes them in batches, hands each
 * batch over until it is dealt with, acknowledges it.
 *
 * While NATS or the database is away the batch is held: its messages are kept from redelivery, the
 * process is not ready, and the call is repeated ever more slowly. A batch that fails for a reason
 * of its own is taken apart; a message that fails alone is put off and logged.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_BATCH_READER_H
#define OM_SERVICES_DLQ_COLLECT_BATCH_READER_H

#include "shared/service/worker.h"

struct batch_reader {
    const char *stream;
    const char *durable;
    size_t batch_max;
    /* Deals with a batch. Repeatable. */
    enum status (*take)(void *closure, natsMsg *const *messages, size_t count, struct error *error);
    /* Optional: called between batches, several times a second. `has_backlog`: more messages wait
       behind the last one. */
    void (*between)(void *closure, bool has_backlog);
    void *closure;
};

/* Returns when the worker is draining and what was fetched is dealt with or left for redelivery. */
void batch_reader_run(struct worker *worker, const struct batch_reader *reader);

#endif

/*
 * From notices to dead letters, exactly one for each message that truly failed for a consumer.
 *
 *     known? -> hold against the consumer's facts -> read the original -> join the report
 *       -> name the entry -> a second chance, or: verdict -> publish -> index
 *
 * The stream makes it exact: an entry is published with the sequence its subject must have had, so
 * of several writers, and of repetitions after a crash, one succeeds. The others look at the entry
 * that is there, index it, and decide again. The order matters: publish first, then index, and
 * the notice's message is acknowledged last; a crash in between is repaired by the repetition.
 *
 * The original's body is never decoded here: it may be what crashes decoders.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_EXAMINER_H
#define OM_SERVICES_DLQ_COLLECT_EXAMINER_H

#include "services/dlq/collect/examiner_item.h"
#include "shared/pg/pg.h"

/* The means of an examination; one thread's. */
struct examiner {
    struct nats_client *nats;
    struct pg *pg;
    struct arena *arena;
};

/* Settles every notice: a dead letter, or part of one that is there, or refused and counted.
   Nothing is lost by a failure (UNAVAILABLE, TIMEOUT ...): repeat the call with the same notices.
 */
enum status examiner_take(const struct examiner *examiner, const struct notice *notices,
                          size_t count, struct error *error) MUST_CHECK;
/* Counts and logs what is not worth a look. */
void examiner_refuse(const char *reason, const struct error *error);

#endif

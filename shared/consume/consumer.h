/*
 * The consumer loop: one batch (intake.h), one transaction (attempt.h), one acknowledgement of each
 * message (acknowledge.h).
 *
 *     take what is queued, up to batch_max -> decode -> [prepare] -> [call]
 *       -> BEGIN -> inbox (drops duplicates) -> apply(batch) -> outbox -> COMMIT -> ack all
 *
 * A handler is given all events of its types in a batch, in stream order, and sets each delivery's
 * outcome (it starts as DONE):
 *
 *     DONE         effects are in the transaction            ack after commit
 *     EARLY        what it follows is not here yet           stays in hand; comes again, uncounted
 *     RETRY        failed this time                          NAK with 1, 2, 4 s; counts, but an
 *                                                            UNAVAILABLE one ends as EARLY does
 *     REJECT       can never succeed                         failure report, TERM
 *
 * A handler that returns DATA has its batch retried event by event, so that one bad event holds
 * back no other, and an event that fails so alone is RETRY; SERIALIZATION is retried at once. Any
 * other status, of a dependency that is down as of a bug, holds the batch under heartbeats until it
 * goes away: it uses up no attempt, and the consumer is not ready meanwhile. Each consumer runs on
 * its own thread with its own connection; handlers of one consumer never run at the same time,
 * those of two may.
 *
 * An EARLY event is in no other's way: it is set aside under heartbeats and given to the handler
 * again after 1, 2, 4 s and so on, for early_limit_s at most; then it is rejected, unless who was
 * asked for what it follows does not answer. So many of them that they cannot be the events' own
 * fault hold the consumer like a dependency that is down.
 *
 * Where a stream's messages are no events (handler.take_raw), all of this holds but for decoding,
 * inbox, outbox and failure reports.
 */
#ifndef OM_SHARED_CONSUME_CONSUMER_H
#define OM_SHARED_CONSUME_CONSUMER_H

#include "shared/consume/batch.h"

struct consumer;
struct nats_client;

struct consumer_options {
    struct nats_client *nats;
    const char *database_url;
    const char *service;
    const char *instance;
    void *context;
    int64_t batch_max;
    int64_t early_limit_s; /* seconds that an event may wait for what it follows */
    /* After each commit that wrote outbox rows: hands them to the relay. May be NULL. */
    void (*committed)(void *closure, const struct outbox *outbox);
    void *committed_closure;
};

#define PATIENT_BATCHES 8 /* as much as so many is one of a patient consumer's */

/* `spec` and `options`' pointers are borrowed until destroy. start() returns when the thread runs.
 */
struct consumer *consumer_create(const struct consumer_spec *spec,
                                 const struct consumer_options *options);
enum status consumer_start(struct consumer *consumer, struct error *error) MUST_CHECK;
void consumer_drain(struct consumer *consumer); /* stop fetching, finish what was fetched; async */
bool consumer_is_stopped(const struct consumer *consumer);
/* Bound, fetching, and not holding a batch; else `why` (may be NULL) says what it waits for. */
bool consumer_is_ready(struct consumer *consumer, struct error *why);
void consumer_destroy(struct consumer **consumer); /* joins the thread */

#endif

/*
 * Publishing dead letters again: the original's headers and body, on the subject it had, for the
 * consumer that failed.
 *
 * Nats-Msg-Id is <entry id>.replay.<generation>, so the stream stores one message a generation,
 * however often and by whomever it is published (within the stream's duplicate window; behind it
 * the consumer's inbox knows the event). republish.h says what else the message carries.
 *
 * One thread; blocks until the broker has answered.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_REPLAY_H
#define OM_SERVICES_DLQ_REPLAY_REPLAY_H

#include "services/dlq/index/store_act.h"
#include "shared/nats/request_batch.h"

/* Sets the end of each. An error: the broker is away, and some ends are unknown. */
enum status replay_publish(struct request_batch *requests, struct replays *replays,
                           struct error *error) MUST_CHECK;

/* The same, and writes down what became of them. */
enum status replay_run(struct request_batch *requests, struct replays *replays, struct pg *pg,
                       struct error *error) MUST_CHECK;

#endif

/*
 * Arrival: what a consumer has in hand, from the subscription to the end of its batch.
 *
 * Messages wait in arrival order and are handed out as batches: one message when it is quiet,
 * batch_max under load. A patient consumer lets messages gather at the server and asks for all of
 * them at once, so that a batch costs less for each, and that what no customer waits for is done
 * behind what one does; when it is quiet, the first one comes at once there, too. A message
 * that comes for the third time, or as a second chance (Om-Replay-Alone), is a batch of its own,
 * before all others: should it end the process, then it is in no other's way
 * (docs/decisions/0004-poison-is-taken-alone.md).
 *
 * An event that is early is set aside when its batch is released, and is in a batch again when it
 * is due. While there are as many of them as may wait in memory, they hold the consumer: nothing
 * more is asked for.
 *
 * A message whose body the consumer leaves out (headers_only) is held until the consumer is well,
 * and then comes again; meanwhile nothing more is asked for.
 *
 * A heartbeat on a thread of its own keeps everything in hand from being delivered again while a
 * batch takes long or is held, and keeps what is on its way from piling up unseen in the
 * subscription. All functions are for one thread, the consumer's.
 */
#ifndef OM_SHARED_CONSUME_INTAKE_H
#define OM_SHARED_CONSUME_INTAKE_H

#include "shared/base/slice.h"
#include "shared/consume/batch.h"
#include "shared/nats/pull.h"
#include "shared/observe/span.h"

/* One message in hand, from its arrival to its acknowledgement. */
struct message {
    struct delivery delivery; /* first: handlers see only this */
    natsMsg *raw;
    struct pull_metadata metadata;
    bool is_alone;      /* to be worked on by itself */
    bool is_chance;     /* a second chance (Om-Replay-Alone) */
    int64_t touched_us; /* the server was last told then that it is in hand */

    /* Of one that is early, monotonic; 0 for none. Set by acknowledge_batch(). */
    int64_t due_us;   /* it is set aside until then */
    int64_t until_us; /* it waits no longer */
    int early_tries;
    enum status told; /* what the log said of why */

    /* Found by decode_batch(). */
    size_t row;      /* of spec->rows; row_count: not for us */
    bool is_settled; /* decided without a handler: ignored, or unreadable */
    bool is_replay;  /* a dead letter, sent again for this consumer */

    struct span span; /* the work on it */
};

struct message_list {
    struct message **items;
    size_t count, most;
};

struct intake;

/* The spec is borrowed for the call. */
struct intake *intake_create(struct nats_client *nats, const struct consumer_spec *spec,
                             int64_t batch_max);
void intake_destroy(struct intake **intake); /* gives up what is in hand, unacknowledged */
/* Binds to the consumer and starts the heartbeat; errors as pull_open(). Can be repeated. */
enum status intake_open(struct intake *intake, struct error *error) MUST_CHECK;
/* Waits a moment for the next batch, which may stay empty. CLOSED when drained, with an empty
   batch; UNAVAILABLE when the broker or the consumer is away or of another kind: also beside a
   batch. */
enum status intake_take(struct intake *intake, struct error *error) MUST_CHECK;
/* The batch taken, until intake_release(); the list itself is the intake's, for its life. */
const struct message_list *intake_batch(const struct intake *intake);
/* Sets aside those of the batch that are early, and destroys the others. */
void intake_release(struct intake *intake);
/* How many in hand are early and were tried again in vain; and whether so many are early that it
   cannot be their own fault. */
size_t intake_overdue_count(const struct intake *intake);
bool intake_is_crowded(const struct intake *intake);
void intake_drain(struct intake *intake);        /* nothing more is asked for; take until CLOSED */
struct pull *intake_pull(struct intake *intake); /* to acknowledge with */

#endif

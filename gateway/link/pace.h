/*
 * Which way is the faster one for commands that wait together: each for itself, or as an atomic
 * batch.
 *
 * A server that syncs each message of a stream without copies stores a batch with some six syncs,
 * however large it is: it pays from a dozen messages on. One that syncs now and then, or for all
 * that is under way together, is faster without. No server tells, and disks differ, so that what
 * groups took is what counts, for five seconds: then the way that was not taken is tried again.
 * Pure.
 */
#ifndef OM_GATEWAY_LINK_PACE_H
#define OM_GATEWAY_LINK_PACE_H

#include "shared/nats/atomic_batch.h"

/* Smaller groups are tried as no batch, and measure the way there and back. */
#define PACE_GROUP_LEAST ATOMIC_BATCH_LEAST
/* A larger batch would make its first orders wait for its last. */
#define PACE_GROUP_MOST 256

struct pace_figure {
    int64_t us;
    int64_t at_us; /* monotonic; 0: not measured */
};

/* Zeroed: nothing is known. */
struct pace {
    struct pace_figure singly; /* for a message */
    struct pace_figure batch;  /* for a whole one */
};

/* `count` messages took so long from the first sent to the last answered. */
void pace_note(struct pace *pace, bool was_batch, size_t count, int64_t took_us, int64_t now_us);
/* `count` messages should go as a batch: it pays, or is to be tried. */
bool pace_wants_batch(const struct pace *pace, size_t count, int64_t now_us);
/* No batch that may be pays: nothing is won by letting commands wait for each other. */
bool pace_is_hopeless(const struct pace *pace, int64_t now_us);

#endif

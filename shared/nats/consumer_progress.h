/*
 * How far a consumer has come in its stream, as the server counts, and whether it has passed all
 * that the stream held at a moment. Thread safe; reading blocks for two requests.
 */
#ifndef OM_SHARED_NATS_CONSUMER_PROGRESS_H
#define OM_SHARED_NATS_CONSUMER_PROGRESS_H

#include "shared/nats/nats_client.h"

struct consumer_progress {
    /* The last sequence of the stream, asked before the rest. */
    uint64_t last;
    /* The sequence up to which everything is acknowledged, or given up. It may lag behind while a
       message that was given up is older than others under way, and behind what is not for it. */
    uint64_t floor;
    bool is_idle; /* nothing in the stream is left for it, or under way */
};

enum status consumer_progress_read(struct nats_client *nats, const char *stream,
                                   const char *durable, struct consumer_progress *progress,
                                   struct error *error) MUST_CHECK;

/* All that the stream held at a moment. Zero-initialize; plain values. */
struct consumer_fence {
    bool is_set;
    uint64_t sequence; /* the last one then, or less, where the stream was set back since */
    int64_t at_us;     /* as the caller counts time */
};

/* Takes a reading that was made after `at_us`. True when the consumer has passed the fence, which
   is in *passed then, and the next call sets another; where none is set, this one does. */
bool consumer_fence_pass(struct consumer_fence *fence, const struct consumer_progress *progress,
                         int64_t at_us, struct consumer_fence *passed);

#endif

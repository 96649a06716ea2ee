/*
 * What streams acknowledged of one pass of a relay: which sequences, and the event that was sent
 * last to each. Plain values; nothing blocks.
 */
#ifndef OM_SHARED_OUTBOX_STREAM_ACKS_H
#define OM_SHARED_OUTBOX_STREAM_ACKS_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#define STREAMS_MOST 8 /* that a relay publishes into and watches */
#define STREAM_NAME_SIZE 64

struct stream_acks {
    char stream[STREAM_NAME_SIZE];
    uint64_t lowest, highest; /* of the messages that are new to it; 0 for none */
    uint64_t top;             /* of all messages */
    bool has_duplicates;
    struct uuid last_event;
};

struct pass_acks {
    struct stream_acks items[STREAMS_MOST];
    size_t count;
};

/* An event is sent to `stream`. */
void pass_acks_sent(struct pass_acks *acks, const char *stream, const struct uuid *event_id);
/* `count` messages that end at `sequence` were stored, now or before. */
void pass_acks_stored(struct pass_acks *acks, struct slice stream, uint64_t sequence,
                      uint64_t count, bool is_duplicate);
/* The same of a PubAck for one message, which is no refusal. Looks only for what it needs, since
   there is one for each message. */
void pass_acks_read(struct pass_acks *acks, struct slice pub_ack);

#endif

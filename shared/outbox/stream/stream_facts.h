/*
 * What the server says of a stream: its answers to $JS.API.STREAM.INFO and $JS.API.CONSUMER.LIST.
 * Pure.
 */
#ifndef OM_SHARED_OUTBOX_STREAM_STREAM_FACTS_H
#define OM_SHARED_OUTBOX_STREAM_STREAM_FACTS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#define STREAM_CREATED_SIZE 40

struct stream_facts {
    char created[STREAM_CREATED_SIZE]; /* as the server wrote it: another one for another stream */
    uint64_t first_sequence, last_sequence, messages;
    uint64_t deleted;   /* one by one, or by subject: gaps between the first and the last */
    int64_t first_us;   /* when the first message was stored; 0 without one */
    int64_t max_age_us; /* 0: messages do not expire */
    bool is_full;       /* at a limit of its own, where old messages go for new ones */
};

/* NOT_FOUND when there is no such stream; UNAVAILABLE when the server cannot say. */
enum status stream_facts_parse(struct slice reply, struct stream_facts *facts,
                               struct error *error) MUST_CHECK;

/* The sequence up to which every durable consumer is done. `sequence`, which the stream had when it
   was asked, where none has anything left; 0 where there is none, or more than were listed. */
enum status stream_floor_parse(struct slice reply, uint64_t sequence, uint64_t *floor,
                               struct error *error) MUST_CHECK;
/* The highest sequence that any of the consumers was delivered. */
enum status stream_delivered_parse(struct slice reply, uint64_t *sequence,
                                   struct error *error) MUST_CHECK;

#endif

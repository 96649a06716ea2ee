/*
 * Reads a stream from some point on up to what it holds now, by a temporary pull consumer without
 * acknowledgements, which the server forgets by itself. Messages come in the stream's order, each
 * once: after an interruption the reader goes on behind the last one.
 *
 * One thread; create and next block up to some seconds while the server is silent.
 */
#ifndef OM_OMCTL_STREAMS_STREAM_READER_H
#define OM_OMCTL_STREAMS_STREAM_READER_H

#include "shared/base/slice.h"
#include "shared/nats/nats_client.h"

/* The streams that events are in. */
#define EVENT_STREAM_COUNT 6
extern const char *const event_streams[EVENT_STREAM_COUNT];

struct stream_reader;

/* Where to begin: at a sequence, or where it is 0 at a time (0: at the beginning). */
struct stream_position {
    uint64_t sequence;
    int64_t time_us;
};

/* NOT_FOUND: no such stream. */
enum status stream_reader_create(struct nats_client *nats, const char *stream,
                                 const struct stream_position *from, struct stream_reader **reader,
                                 struct error *error) MUST_CHECK;
void stream_reader_destroy(struct stream_reader **reader);

struct stream_message {
    uint64_t sequence;
    const char *subject;
    struct slice payload; /* this and the subject: until the next call */
};

/* CLOSED: everything was read that the stream held at the creation (or after an interruption). */
enum status stream_reader_next(struct stream_reader *reader, struct stream_message *message,
                               struct error *error) MUST_CHECK;
/* How many messages are still to come. */
int64_t stream_reader_remaining(const struct stream_reader *reader);

#endif

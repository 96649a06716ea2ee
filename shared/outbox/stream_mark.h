/*
 * What a relay remembers of a stream that it publishes into, by which it notices that the stream
 * lost what it had acknowledged. Plain values; nothing blocks.
 *
 * Sequences only rise, and others publish into the same stream. So of what was acknowledged to us
 * the last message is looked at again: where another is in its place, or the stream ends before it,
 * the stream was set back, and all that came after that point is gone. Where the stream begins
 * later than it did, and not because messages have expired, or has gaps that it had not, it was
 * purged. One message that somebody took out stays out.
 */
#ifndef OM_SHARED_OUTBOX_STREAM_MARK_H
#define OM_SHARED_OUTBOX_STREAM_MARK_H

#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"
#include "shared/outbox/stream/stream_facts.h"
#include "shared/outbox/stream_acks.h"

/* A stream as it was when it was looked at last, and well. */
struct stream_sight {
    char created[STREAM_CREATED_SIZE]; /* "": it was not looked at, but what follows is known */
    uint64_t first_sequence, deleted;
    int64_t first_us;  /* when the first message was stored */
    uint64_t sequence; /* the mark's then, and its time */
    int64_t acked_us;
};

struct stream_mark {
    char stream[STREAM_NAME_SIZE];
    uint64_t sequence; /* of the last message that was acknowledged */
    bool has_event;    /* that message is event_id, stored at acked_us (1970) */
    struct uuid event_id;
    int64_t acked_us;
    bool is_latest;          /* all that was published until now is stored at or below it */
    uint64_t floor;          /* every consumer is done with what is at or below it */
    int64_t checkpointed_us; /* when the last checkpoint was taken, monotonic; 0: there is none */
    struct stream_sight seen;
};

/* The marks of all streams of a relay as text, such as a row keeps: what was acknowledged. */
struct stream_marks {
    struct stream_mark items[STREAMS_MOST];
    size_t count;
};
void stream_marks_format(const struct stream_marks *marks, struct buf *out);
/* Replaces them; what is no mark is passed over. */
void stream_marks_parse(struct stream_marks *marks, struct slice text);
/* NULL when there is none. */
struct stream_mark *stream_marks_find(struct stream_marks *marks, const char *stream);
/* Adds one for a stream that has none; NULL when there are STREAMS_MOST. */
struct stream_mark *stream_marks_add(struct stream_marks *marks, const char *stream);

/* Both are of the same message. */
bool stream_mark_is_same(const struct stream_mark *a, const struct stream_mark *b);

/* Takes a pass's acknowledgements. False: the stream was set back, and the mark is as it was. With
   duplicates nobody knows which message has the highest number, and the mark is as it was until the
   stream is asked (stream_mark_put()); and a stream that was not seen well since the connection was
   made (`is_seen`) may have lost something before these: the mark waits for a later pass. */
bool stream_mark_take(struct stream_mark *mark, const struct stream_acks *acks, bool is_seen,
                      int64_t now_us);

/* The message at `sequence` is this event, and is the last that was acknowledged. */
void stream_mark_put(struct stream_mark *mark, uint64_t sequence, const struct uuid *event_id,
                     int64_t now_us);

enum marked_message {
    MARKED_UNKNOWN, /* it was not asked for */
    MARKED_THERE,
    MARKED_MISSING,
    MARKED_OTHER, /* another message has its sequence */
};

enum stream_verdict {
    STREAM_WELL,
    STREAM_SET_BACK, /* its end is gone, or it is another stream */
    STREAM_SHORTER,  /* its beginning is gone, and that may not be for its age */
    STREAM_THINNED,  /* several messages are gone from its midst */
};

enum stream_verdict stream_mark_judge(const struct stream_mark *mark,
                                      const struct stream_facts *facts, enum marked_message message,
                                      int64_t now_us);
/* Takes what was seen of a stream that is well. */
void stream_mark_see(struct stream_mark *mark, const struct stream_facts *facts);
/* When the newest message that we know of below `first_sequence` was stored; 0 where we know none.
 */
int64_t stream_mark_stored_below(const struct stream_mark *mark, uint64_t first_sequence);

#endif

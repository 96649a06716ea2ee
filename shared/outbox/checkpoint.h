/*
 * Checkpoints: where a relay's cursor stood when a stream had acknowledged a sequence. A row a
 * minute for each stream, while there is something to publish, for as long as outboxes keep rows.
 *
 * All that is below a checkpoint's cursor is stored at or below its sequence, or nobody waits for
 * it any more. Its event is what is stored there: a checkpoint holds while that message does. One
 * without an event is where a stream began anew for us, and cannot be told from others.
 *
 * Blocks for its statements, on the relay's session.
 */
#ifndef OM_SHARED_OUTBOX_CHECKPOINT_H
#define OM_SHARED_OUTBOX_CHECKPOINT_H

#include "shared/outbox/relay_cursor.h"
#include "shared/outbox/stream_mark.h"
#include "shared/pg/pg.h"

#define CHECKPOINT_INTERVAL_US (INT64_C(60) * 1000000)

/* Writes one of the mark's sequence, event and floor at `cursor`, and drops those that are too old
   to be of use. */
enum status checkpoint_write(struct pg *pg, const struct stream_mark *mark,
                             const struct relay_cursor *cursor, struct error *error) MUST_CHECK;
/* Gives the marks what the checkpoints know: floors, and when the last one was taken. */
enum status checkpoint_read_floors(struct pg *pg, struct stream_marks *marks,
                                   struct error *error) MUST_CHECK;

/* The stream's checkpoints up to a sequence, newest first: rows of the columns below. */
enum checkpoint_column { CHECKPOINT_TAKEN_AT, CHECKPOINT_SEQUENCE, CHECKPOINT_EVENT_ID };
enum status checkpoint_list(struct pg *pg, const char *stream, uint64_t last_sequence,
                            struct pg_result **rows, struct error *error) MUST_CHECK;

/* Whether what was below `first_sequence` was too young to have expired after max_age_us. */
enum status checkpoint_was_young(struct pg *pg, const struct stream_mark *mark,
                                 const struct stream_facts *facts, bool *was_young,
                                 struct error *error) MUST_CHECK;

#define CHECKPOINT_TIME_SIZE 40

/* Where to go back to, and how. */
struct rewind {
    const char *schema;
    const struct stream_marks *marks; /* all, to be saved */
    struct stream_mark *mark;         /* among them: the stream that lost something */
    uint64_t last_sequence;           /* of the stream now */
    struct slice survivor; /* the newest checkpoint that holds, as in CHECKPOINT_TAKEN_AT; or "" */
    int64_t history_s;     /* publish again what nobody waits for, too, of so long before */
    bool is_purged;        /* the stream may know the ids of what it lost */
    uint64_t saved_next_xid;
    int64_t session; /* which holds the lock */
};

/* Sets the saved cursor back in one transaction, forgets the checkpoints that no longer hold, and
   spares what was discarded. The mark is then what the stream has; `since` (CHECKPOINT_TIME_SIZE
   bytes) says when the cursor stood there. NOT_FOUND: there is no checkpoint. CONFLICT: somebody
   else moved the cursor. */
enum status checkpoint_rewind(struct pg *pg, const struct rewind *rewind, char *since,
                              struct error *error) MUST_CHECK;

#endif

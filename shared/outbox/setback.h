/*
 * The relay's guard against a broker that lost what it had acknowledged: its store was set back to
 * an older copy or by a power cut, a stream was deleted and made anew, or purged.
 *
 * Every few seconds, after each reconnection and by each acknowledgement the leading relay's
 * streams are judged (stream_mark.h). Of one that lost something the relay goes back to a
 * checkpoint (checkpoint.h) and publishes again from there: from where the stream still has
 * everything, or, of what was purged, from where some consumer was not done. What is published
 * again after a purge goes by `<event id>.<generation>`, since the stream's duplicate window still
 * knows the event ids. Consumers know an event by its id, so that nothing is done twice.
 *
 * Each loss is repaired once: what is purged again is published again, what stays away is not.
 *
 * On the relay's thread. Blocks for statements on the relay's session, and for the server's
 * answers, 5 s at most.
 */
#ifndef OM_SHARED_OUTBOX_SETBACK_H
#define OM_SHARED_OUTBOX_SETBACK_H

#include "shared/nats/nats_client.h"
#include "shared/outbox/relay_cursor.h"
#include "shared/outbox/stream_mark.h"
#include "shared/pg/pg.h"

struct setback;

/* `commands` as in struct relay_options. Borrows all. */
struct setback *setback_create(struct nats_client *nats, struct pg *pg, const char *schema,
                               const char *commands);
void setback_destroy(struct setback **setback);

/* Where the relay stands. */
struct setback_place {
    const struct relay_cursor *cursor;
    uint64_t saved_next_xid; /* as in the table */
    int64_t session;         /* holds the relay's lock */
};

/* Begins to lead, or the cursor was moved: `acknowledged` is as it was saved with it. */
enum status setback_load(struct setback *setback, struct slice acknowledged,
                         struct error *error) MUST_CHECK;
/* Takes what the streams acknowledged of a pass, before the cursor goes past it. When one of them
   was set back, *was_moved says that the saved cursor is another now, which has to be loaded. */
enum status setback_take(struct setback *setback, const struct pass_acks *acks,
                         const struct setback_place *before, bool *was_moved,
                         struct error *error) MUST_CHECK;
/* Appends what is to be saved with the cursor. */
void setback_save(const struct setback *setback, struct buf *acknowledged);
/* Takes checkpoints that are due, once the cursor is past what was taken, and saved. */
enum status setback_checkpoint(struct setback *setback, const struct relay_cursor *cursor,
                               struct error *error) MUST_CHECK;
/* Looks at the streams when it is time; nothing happens while the broker does not answer. */
enum status setback_look(struct setback *setback, const struct setback_place *place,
                         bool *was_moved, struct error *error) MUST_CHECK;
/* The last look was by the connection that there is now, or was begun by it. Else nothing may be
   published: a stream behind it may be shorter than its consumers know, and what nats.c keeps while
   there is no connection goes out before anybody looks. */
bool setback_has_looked(const struct setback *setback);
/* The stream that the last look missed, NULL: none. Owned by `setback`, until the next look. */
const char *setback_missing(const struct setback *setback);

#endif

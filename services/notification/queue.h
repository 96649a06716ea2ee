/*
 * Notices that a channel has still to send: the table notifications.pending.
 *
 * A notice that is taken stays, due again after a lease, until it is removed together with the
 * record of its result. So a process that dies leaves nothing unsent; a notice that it had sent
 * without recording it is sent once more. Several instances share the table, and for each channel
 * that has a rate a token bucket: the row of notifications.rates, by the database's clock. A token
 * goes when a notice is taken, also for one that is then put off or that a killed process held.
 */
#ifndef OM_SERVICES_NOTIFICATION_QUEUE_H
#define OM_SERVICES_NOTIFICATION_QUEUE_H

#include "services/notification/channels/channel.h"
#include "shared/base/arena.h"
#include "shared/pg/pg.h"

struct queued_notice {
    struct uuid order_id;
    enum notice_kind kind;
    enum notify_channel channel;
    struct slice event; /* its envelope */
    /* of one that was taken: */
    int attempts; /* this one included */
    int64_t age_s;
    int64_t delay_ms; /* until it is due again when it is put back */
};

struct queued_notices {
    struct queued_notice *rows;
    size_t count;
    int64_t wait_ms; /* of those taken: until the channel's rate has room; 0: it has */
};

/* A token bucket: `burst` at once, and one more every interval_us. interval_us 0: no limit. */
struct notice_rate {
    int64_t interval_us;
    int64_t burst;
};

struct queue_take {
    enum notify_channel channel;
    int64_t most;
    int64_t lease_ms;
    struct notice_rate rate;
};

/* Queues the INSERT into the open transaction; rows that are there, or recorded already, stay. */
enum status notification_queue_add(struct pg *pg, const struct queued_notices *notices,
                                   struct error *error) MUST_CHECK;
/* Takes up to `most` due ones of a channel, the longest due and as many as its rate has room for,
   in a transaction of its own. They come in the order of their events and live in the arena. */
enum status notification_queue_take(struct pg *pg, const struct queue_take *take,
                                    struct arena *arena, struct queued_notices *notices,
                                    struct error *error) MUST_CHECK;
/* How many wait for a channel, in a transaction of its own. What is due later than any delay lasts
   comes from a clock that was ahead, and is due now. */
enum status notification_queue_count(struct pg *pg, enum notify_channel channel, int64_t *count,
                                     struct error *error) MUST_CHECK;
/* Queued into the open transaction: ended, or due again after delay_ms with `attempts` made. */
enum status notification_queue_remove(struct pg *pg, const struct queued_notices *notices,
                                      struct error *error) MUST_CHECK;
enum status notification_queue_put_back(struct pg *pg, const struct queued_notices *notices,
                                        struct error *error) MUST_CHECK;

#endif

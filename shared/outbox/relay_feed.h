/*
 * What a relay publishes next: rows that were handed over, alone while they are the next of the
 * outbox as far as is known, or else together with what it reads, which is all but those.
 *
 * It reads at least every poll_ms, since others may write into the outbox, and since only a reading
 * takes the cursor on. Transactions whose rows were published from memory are left out of readings
 * until the cursor is past them.
 *
 * One thread. Blocks for statements.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_FEED_H
#define OM_SHARED_OUTBOX_RELAY_FEED_H

#include "shared/outbox/relay_pass.h"

struct relay_feed;

/* `pg` is borrowed until destroy. */
struct relay_feed *relay_feed_create(struct pg *pg, int64_t poll_ms);
void relay_feed_destroy(struct relay_feed **feed);
/* The cursor was loaded: nothing is known of the rows after it. */
void relay_feed_forget(struct relay_feed *feed);

/* The next rows, or none. What was handed over is taken, and left to another reading where it is
   not used; errors as relay_pass_read(). */
enum status relay_feed_next(struct relay_feed *feed, const struct relay_reading *reading,
                            bool must_read, struct handover **handed, struct relay_pass *pass,
                            struct error *error) MUST_CHECK;

const struct relay_ahead *relay_feed_ahead(const struct relay_feed *feed);
/* Monotonic: when the last reading was asked for, which was answered; and when the next is due. */
int64_t relay_feed_read_us(const struct relay_feed *feed);
int64_t relay_feed_due_us(const struct relay_feed *feed);

#endif

/*
 * The relay: publishes committed outbox rows to JetStream and advances a cursor past acknowledged
 * ones. One leader a schema (session advisory lock); other instances stand by.
 *
 * The cursor is (next_xid, holes[]). One statement reads, under one snapshot, the rows of
 * transactions in `holes` that have ended and those of xid >= next_xid; transactions the snapshot
 * still saw running below the new next_xid become holes. So a row that commits late is never
 * skipped, and a transaction left open delays nothing but its own rows. At-least-once: a crash
 * after publishing repeats rows with the same Nats-Msg-Id.
 *
 * Rows that their own process has just committed are handed over (relay_take()) and published
 * without being read, while their ids follow all those that are dealt with (outbox_ids.h); else all
 * are read. The outbox is read every poll_ms in any case. A reading leaves out what was published
 * from memory and takes the cursor past it; until then a crash repeats it.
 *
 * A leader that is stopped, or whose host is gone, loses its session and with it the lock within
 * 12 s. When it wakes, it publishes nothing that it read longer ago than its lock is certain for.
 *
 * Runs on its own thread with its own connection.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_H
#define OM_SHARED_OUTBOX_RELAY_H

#include "shared/base/status.h"
#include "shared/nats/nats_client.h"
#include "shared/outbox/outbox.h"

struct relay;

struct relay_options {
    struct nats_client *nats;
    const char *database_url;
    const char *schema;
    const char *commands; /* a stream without a relay, filled as the relay's own; NULL: none */
    int64_t batch_max;    /* rows a pass; a transaction is never split */
    int64_t poll_ms;      /* for what other instances committed */
    const char *instance; /* shown in pg_stat_activity and to those who stand by; NULL: none */
};

struct relay *relay_create(const struct relay_options *options);
enum status relay_start(struct relay *relay, struct error *error) MUST_CHECK;
/* From any thread, after a commit. */
void relay_wake(struct relay *relay);
/* The same, of what outbox_write_numbered() wrote: a relay that leads publishes these rows without
   reading them. Takes a copy. */
void relay_take(struct relay *relay, const struct outbox *outbox);
/* Publishes what is committed, then stops; asynchronous. */
void relay_drain(struct relay *relay);
bool relay_is_stopped(const struct relay *relay);
/* Its database and broker answer; else `why` (may be NULL) says what it waits for. */
bool relay_is_ready(struct relay *relay, struct error *why);
#define RELAY_HOLDER_SIZE 160
/* The session that leads while this relay stands by, in words; "" while it leads. Thread safe. */
void relay_holder(struct relay *relay, char holder[RELAY_HOLDER_SIZE]);
void relay_destroy(struct relay **relay); /* joins the thread */

#endif

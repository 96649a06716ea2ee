/*
 * The relay's way into JetStream: rows of the outbox as messages, and their acknowledgements.
 *
 * A pass is what was sent last: any number of rows at once, acknowledged together. An event's id is
 * its Nats-Msg-Id, so that an event sent twice is stored once. One thread.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_PUBLISHER_H
#define OM_SHARED_OUTBOX_RELAY_PUBLISHER_H

#include "shared/nats/nats_client.h"
#include "shared/pg/pg.h"

struct relay_publisher;

/* The columns of relay_read_sql. */
enum relay_read_column {
    RELAY_READ_SNAPSHOT,
    RELAY_READ_SAVED,
    RELAY_READ_SESSION,
    RELAY_READ_XID,
    RELAY_READ_EVENT_ID,
    RELAY_READ_SUBJECT,
    RELAY_READ_TRACEPARENT,
    RELAY_READ_PAYLOAD
};

struct relay_publisher *relay_publisher_create(struct nats_client *nats);
void relay_publisher_destroy(struct relay_publisher **publisher);

/* Publishes the first `row_count` rows, which are borrowed until they are acknowledged; may wait
   for the connection to take them. INTERNAL: a subject belongs to no stream. UNAVAILABLE: the
   monotonic clock reached `until_us`; rows from there on are not published. */
enum status relay_publisher_send(struct relay_publisher *publisher, const struct pg_result *rows,
                                 int row_count, int64_t until_us, struct error *error) MUST_CHECK;
/* Waits, 5 s at most, until all that was sent is stored; UNAVAILABLE when it is not. */
enum status relay_publisher_await(struct relay_publisher *publisher,
                                  struct error *error) MUST_CHECK;

#endif

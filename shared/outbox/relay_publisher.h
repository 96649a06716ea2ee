/*
 * The relay's way into JetStream: rows of the outbox as messages, and their acknowledgements.
 *
 * A pass is what was sent last: any number of rows at once, acknowledged together. An event's id is
 * its Nats-Msg-Id, so that an event sent twice is stored once; `<id>.<generation>` where the stream
 * may know the id of an event that it lost (setback.h).
 *
 * The rows of a stream go as atomic batches where these pay (shared/nats/atomic_batch.h), else one
 * by one; different streams' at the same time, those of one stream in their order, which holds also
 * when a batch is refused and its rows follow one by one. A batch whose end is not sent, since the
 * process died or was held up, stores nothing, and the server forgets it after 10 s.
 *
 * One thread.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_PUBLISHER_H
#define OM_SHARED_OUTBOX_RELAY_PUBLISHER_H

#include "shared/nats/nats_client.h"
#include "shared/outbox/outbox.h"
#include "shared/outbox/stream_acks.h"

struct relay_publisher;

struct relay_publisher *relay_publisher_create(struct nats_client *nats);
void relay_publisher_destroy(struct relay_publisher **publisher);
/* From the next pass on, rows of transactions below `until` go by ids of this generation. */
void relay_publisher_repeat(struct relay_publisher *publisher, uint64_t until, int64_t generation);

/* Publishes rows, which are borrowed until they are acknowledged; may wait
   for the connection to take them. INTERNAL: a subject belongs to no stream. UNAVAILABLE: the
   monotonic clock reached `until_us`; nothing is published from there on, by
   relay_publisher_await() neither. */
enum status relay_publisher_send(struct relay_publisher *publisher, const struct relay_row *rows,
                                 size_t row_count, int64_t until_us,
                                 struct error *error) MUST_CHECK;
/* Waits until all of the pass is stored, and sends what was to follow. UNAVAILABLE when a stream
   refuses, or acknowledges nothing for 5 s. */
enum status relay_publisher_await(struct relay_publisher *publisher,
                                  struct error *error) MUST_CHECK;

/* What was acknowledged of the last pass, also of one that failed; valid until the next is sent. */
const struct pass_acks *relay_publisher_acks(const struct relay_publisher *publisher);
/* Whether some of the last pass was stored as a batch. */
bool relay_publisher_had_batch(const struct relay_publisher *publisher);

#endif

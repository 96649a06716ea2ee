/*
 * A consumer that is ahead of its stream. A power cut can leave it so, since the two are different
 * files, and a server before 2.14 delivers to it nothing below the number that it had reached. So
 * the stream is filled up to there, with messages that no consumer minds (event_is_filler()),
 * before anything else is published.
 *
 * Blocks for the server's answers.
 */
#ifndef OM_SHARED_OUTBOX_STREAM_STREAM_FILL_H
#define OM_SHARED_OUTBOX_STREAM_STREAM_FILL_H

#include "shared/nats/nats_client.h"
#include "shared/nats/request_batch.h"

/* `requests` is scratch. UNAVAILABLE when the stream does not take them. */
enum status stream_fill(struct nats_client *nats, struct request_batch *requests,
                        const char *stream, struct error *error) MUST_CHECK;

#endif

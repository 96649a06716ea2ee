/*
 * Many requests in flight at once over one subscription: so a batch costs a few round trips instead
 * of a few for each message.
 *
 * One thread. Blocks in request_batch_run().
 */
#ifndef OM_SHARED_NATS_REQUEST_BATCH_H
#define OM_SHARED_NATS_REQUEST_BATCH_H

#include "shared/base/slice.h"
#include "shared/nats/nats_client.h"

struct request_batch;

struct request_batch *request_batch_create(struct nats_client *nats);
void request_batch_destroy(struct request_batch **batch);

/* Adds a request to the subject that `format` makes; returns its index, counting from 0 after each
   clear. `body` is copied. */
size_t request_batch_add(struct request_batch *batch, struct slice body, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds one that has headers: `message`, which now belongs to the batch, must have been made with
   request_batch_next_reply() as its reply subject. NULL fails when it is to be sent. */
const char *request_batch_next_reply(struct request_batch *batch);
size_t request_batch_add_message(struct request_batch *batch, natsMsg *message);
size_t request_batch_count(const struct request_batch *batch); /* added since the last clear */

/* Sends all and returns when each is answered. TIMEOUT when none was for 5 s, UNAVAILABLE when
   nobody listens; some may have been carried out then. */
enum status request_batch_run(struct request_batch *batch, struct error *error) MUST_CHECK;
/* The answer's body, valid until clear. */
struct slice request_batch_reply(const struct request_batch *batch, size_t index);
void request_batch_clear(struct request_batch *batch);

#endif

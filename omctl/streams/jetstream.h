/*
 * JetStream's API as raw JSON
 * (https://docs.nats.io/reference/reference-protocols/nats_api_reference), so that configuration
 * fields this program has never heard of survive a change of the others.
 *
 * Blocks up to 5 s a call. A refusal by the server is not a failed call: it is in `refused`.
 */
#ifndef OM_OMCTL_STREAMS_JETSTREAM_H
#define OM_OMCTL_STREAMS_JETSTREAM_H

#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"
#include "shared/nats/nats_client.h"

struct jetstream_refusal {
    int64_t code; /* JetStream's err_code; 0: not refused */
    char text[200];
};

/* Sends `body` (may be NULL) to $JS.API.<verb>. *reply is the caller's (json_object_put) also when
   the server refused. UNAVAILABLE or TIMEOUT: JetStream did not answer. */
enum status jetstream_call(struct nats_client *nats, const char *verb, struct json_object *body,
                           struct json_object **reply, struct jetstream_refusal *refused,
                           struct error *error) MUST_CHECK;
/* Waits until JetStream answers; TIMEOUT or UNAVAILABLE when it has not within `timeout_ms`. */
enum status jetstream_wait(struct nats_client *nats, int64_t timeout_ms,
                           struct error *error) MUST_CHECK;
/* The stream has no message from before this time, in microseconds since 1970: the time of its
   first one, or of its making where it never lost any. NOT_FOUND: there is no such stream. */
enum status jetstream_horizon(struct nats_client *nats, const char *stream, int64_t *horizon_us,
                              struct error *error) MUST_CHECK;

#endif

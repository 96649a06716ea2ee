/*
 * The connection to NATS: two nats.c connections behind one name.
 *
 * `fast` sends at once (latency: pulls, small publishes, replies), `bulk` buffers up to a
 * millisecond (throughput: acks, large publishes). Both reconnect for ever. All functions are
 * thread safe. Callbacks run on nats.c threads.
 */
#ifndef OM_SHARED_NATS_CLIENT_H
#define OM_SHARED_NATS_CLIENT_H

#include "shared/buf.h"
#include "shared/status.h"

#include <nats/nats.h>

struct nats_client;

struct nats_client_options {
    const char *url;           /* nats://host:port[,...] */
    const char *user;          /* "" for none */
    const char *password_file; /* "" for none */
    const char *name;          /* shown by the server; also the inbox prefix _INBOX_<name> */
};

/* Waits up to 5 s for the first connection. */
enum status nats_client_create(const struct nats_client_options *options,
                               struct nats_client **client, struct error *error) MUST_CHECK;
void nats_client_destroy(struct nats_client **client); /* flushes up to 1 s, closes */

natsConnection *nats_client_fast(struct nats_client *client);
natsConnection *nats_client_bulk(struct nats_client *client);
bool nats_client_is_connected(struct nats_client *client);
/* Counts reconnections of the fast connection; pulls sent before a change are void. */
uint64_t nats_client_epoch(struct nats_client *client);
/* A new subject under this client's inbox prefix, malloc'ed. */
char *nats_client_inbox(struct nats_client *client);
/* Maps a nats.c status to ours with its text in *error. */
enum status nats_error(struct error *error, natsStatus status, const char *doing);

/* A JetStream message with the headers every event carries (Nats-Msg-Id, Nats-Expected-Stream,
   Content-Type, traceparent). Caller destroys. */
enum status nats_event_message(natsMsg **message, const char *subject, const char *reply,
                               struct slice payload, const char *msg_id, const char *stream,
                               const char *traceparent, struct error *error) MUST_CHECK;

/* A PubAck's JSON: sequence and duplicate flag, or the server's error code and description. */
struct pub_ack {
    uint64_t sequence;
    bool is_duplicate;
    int error_code; /* JetStream err_code, 0 when stored */
    char error_text[160];
};
enum status pub_ack_parse(struct slice payload, struct pub_ack *ack,
                          struct error *error) MUST_CHECK;

#endif

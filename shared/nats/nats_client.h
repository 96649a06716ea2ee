/*
 * The connection to NATS: two nats.c connections behind one name.
 *
 * `fast` sends at once (latency: pulls, small publishes, replies), `bulk` buffers up to a
 * millisecond (throughput: acks, large publishes). Both reconnect for ever. All functions are
 * thread safe. Callbacks run on nats.c threads.
 */
#ifndef OM_SHARED_NATS_NATS_CLIENT_H
#define OM_SHARED_NATS_NATS_CLIENT_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/nats/nats_info.h"

#include <nats/nats.h>

struct nats_client;

struct nats_client_options {
    const char *url;  /* nats://host:port or tls://host:port[,...] */
    const char *user; /* "" for none; inboxes are _INBOX_<user>, without one _INBOX_<name> */
    const char *password_file; /* "" for none */
    const char *name;          /* shown by the server */
    /* PEM files; NULL or "" for none. With any of them, or a tls:// URL, the connection is TLS, and
       the server must show a certificate for the URL's host name from an authority that tls_ca_file
       or the system trusts. */
    const char *tls_ca_file;
    const char *tls_cert_file, *tls_key_file; /* shown to a server that asks for one */
};

#define NATS_SERVERS_MAX 16

/* INVALID for what is no such list, and for one of more than NATS_SERVERS_MAX servers. The scheme
   and the port may be left out. */
enum status nats_client_check_url(const char *url, struct error *error) MUST_CHECK;
/* Waits up to 5 s for the first connection. UNAVAILABLE also while the server takes no messages of
   our size (max_payload); one that it finds so later ends the process. The files are read by each
   call; a connection keeps their contents until the process ends. A refused permission (a subject
   that the user may not use) is logged as an error. */
enum status nats_client_create(const struct nats_client_options *options,
                               struct nats_client **client, struct error *error) MUST_CHECK;
void nats_client_destroy(struct nats_client **client); /* flushes up to 1 s, closes */

natsConnection *nats_client_fast(struct nats_client *client);
natsConnection *nats_client_bulk(struct nats_client *client);
bool nats_client_is_connected(struct nats_client *client);
/* Counts reconnections of the fast connection; pulls sent before a change are void. */
uint64_t nats_client_epoch(struct nats_client *client);
/* When NATS last refused to let this user publish to the subject, or to one of the same
   consumer's acknowledgements; monotonic; 0: never. */
int64_t nats_client_denied_us(struct nats_client *client, const char *subject);
/* UNAVAILABLE, with the subject and what to do, while NATS refused it lately to let this user
   publish to one. */
enum status nats_client_check_rights(struct nats_client *client, struct error *error) MUST_CHECK;
/* Goes on what is said of a publish that nobody acknowledged; "" unless one was refused lately. */
const char *nats_client_denial_hint(struct nats_client *client);
/* The connected server's version, to compare with NATS_SERVER_VERSION(2, 10, 4); 0 while it cannot
   be learned. The first call after each connection asks the server, and may block for 2 s. */
int nats_client_server_version(struct nats_client *client);
/* Whether the connected server is one of several; false while that cannot be learned. Likewise. */
bool nats_client_is_clustered(struct nats_client *client);
/* Ends a subscription of this client at once, and frees it later, since messages may still come:
   the thread that reads for nats.c before 3.6 uses one without holding it
   (github.com/nats-io/nats.c/issues/637), and natsSubscription_Destroy() frees it under that. */
void nats_client_unsubscribe(struct nats_client *client, natsSubscription **subscription);
/* A new subject under this client's inbox prefix, malloc'ed. */
char *nats_client_inbox(struct nats_client *client);
/* Maps a nats.c status to ours with its text in *error. */
enum status nats_error(struct error *error, natsStatus status, const char *doing);

/* A JetStream message with the headers every event carries (Nats-Msg-Id, Nats-Expected-Stream,
   Content-Type, traceparent), and the envelope's type and subject (Ce-Type, Ce-Subject), by which
   it is known without its body. Caller destroys. */
enum status nats_event_message(natsMsg **message, const char *subject, const char *reply,
                               struct slice payload, const char *msg_id, const char *stream,
                               const char *traceparent, struct error *error) MUST_CHECK;

/* A PubAck's JSON: sequence and duplicate flag, or the server's error code and description. That of
   an atomic batch has its last message's sequence, which the others' precede without a gap. */
struct pub_ack {
    uint64_t sequence;
    bool is_duplicate;
    char batch_id[65];    /* "" for a message by itself */
    uint64_t batch_count; /* 0 for a message by itself */
    int error_code;       /* JetStream err_code, 0 when stored */
    char error_text[160];
};
enum status pub_ack_parse(struct slice payload, struct pub_ack *ack,
                          struct error *error) MUST_CHECK;

#endif

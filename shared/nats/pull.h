/*
 * A pull subscription bound to an existing JetStream consumer, with pulls kept in flight ahead of
 * need (ADR-13, https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-13.md),
 * so that the next batch arrives while this one is in its transaction.
 *
 * Messages move from the subscription into a waiting list by pull_collect(); their holder
 * must keep them alive with pull_in_progress() within ack_wait. pull_collect() belongs to one
 * thread at a time; acknowledgements are thread safe.
 */
#ifndef OM_SHARED_NATS_PULL_H
#define OM_SHARED_NATS_PULL_H

#include "shared/base/status.h"
#include "shared/nats/consumer_info.h"
#include "shared/nats/nats_client.h"

struct pull;

/* Read from the reply subject of a delivery ($JS.ACK..., 9 tokens or 11 and more). */
struct pull_metadata {
    int deliveries;
    uint64_t stream_sequence;
    int64_t stored_us; /* by the server's clock */
    uint64_t pending;
};

struct pull *pull_create(struct nats_client *nats, const char *stream, const char *durable,
                         int64_t batch_max);
void pull_destroy(struct pull **pull);
/* Of which something is to come through the consumer's filter; the list is borrowed, before
 * pull_open(). */
void pull_set_needs(struct pull *pull, const struct subject_list *needs);
/* From then on pulls are for what has come only, at most one in `pause_ms`, unless one brought as
   much as it could: the server delivers at once instead of one by one, and has less to note. The
   first message after a while without any comes at once. Before pull_open(). */
void pull_set_pause(struct pull *pull, int64_t pause_ms);
/* Reads the consumer's configuration and subscribes. NOT_FOUND when it was not provisioned,
   UNAVAILABLE while it is paused, of another kind than ours, or its filter leaves out all of them.
 */
enum status pull_open(struct pull *pull, struct error *error) MUST_CHECK;
/* After pull_open(); as last heard. */
int64_t pull_ack_wait_ms(const struct pull *pull);
/* Whether the server gives up a message delivered so often, rather than deliver it again. */
bool pull_is_last_delivery(const struct pull *pull, int64_t deliveries);
/* Sends pulls so that a batch is on its way; call before each collect. */
void pull_request(struct pull *pull);
/* How long pull_request() asks for nothing more; 0: it does now. */
int64_t pull_rest_ms(const struct pull *pull);
/* Something was asked for and is on its way, or not there yet. */
bool pull_is_asking(const struct pull *pull);
/* The next message, waiting up to `wait_ms` (0: only what has come). TIMEOUT when there is none,
   CLOSED when drained empty, UNAVAILABLE when the broker or the consumer is away or paused,
   NOT_FOUND when the consumer is missing: it is asked after every 2 s. */
enum status pull_collect(struct pull *pull, int64_t wait_ms, natsMsg **message,
                         struct error *error) MUST_CHECK;
/* What is wrong with the consumer, as last heard; messages may come all the same. */
enum status pull_trouble(const struct pull *pull, struct error *error) MUST_CHECK;
/* By what has come, the consumer is not as it should be: `text` is its trouble until the next
   answer, for which it is asked at once. */
void pull_doubt(struct pull *pull, const char *text);
/* No more messages come but those already sent by the server. */
void pull_drain(struct pull *pull);

bool pull_parse_metadata(const char *ack_subject, struct pull_metadata *metadata);
void pull_ack(struct pull *pull, natsMsg *message);
void pull_nak(struct pull *pull, natsMsg *message, int64_t delay_ms);
/* Never again. `reason` goes into the server's advisory, where the server can take one (2.10.4). */
void pull_term(struct pull *pull, natsMsg *message, const char *reason);
void pull_in_progress(struct pull *pull, natsMsg *message);

#endif

/* How far a consumer has come, as the server counts. Blocks for one request; thread safe. */
#ifndef OM_SHARED_NATS_ACK_FLOOR_H
#define OM_SHARED_NATS_ACK_FLOOR_H

#include "shared/nats/nats_client.h"

/* The sequence in its stream up to which everything is acknowledged, or given up. It may lag
   behind while a message that was given up is older than others under way. */
enum status ack_floor_read(struct nats_client *nats, const char *stream, const char *durable,
                           uint64_t *sequence, struct error *error) MUST_CHECK;

#endif

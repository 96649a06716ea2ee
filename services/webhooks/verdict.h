/*
 * What a receiver's answer means for a delivery and for its webhook, as Standard Webhooks has it
 * (https://www.standardwebhooks.com): 2xx is delivered; 410 ends the webhook; every other answer,
 * and silence, puts the delivery off, a redirect included. Waits are 1 s, 2 s, 4 s ... up to an
 * hour, or what Retry-After says, where that is longer, up to an hour, too.
 *
 * A webhook whose deliveries fail rests as a whole by its failures in a row, so that it is asked
 * once a pause, however much waits for it. A ping is tried once. Pure and thread safe.
 */
#ifndef OM_SERVICES_WEBHOOKS_VERDICT_H
#define OM_SERVICES_WEBHOOKS_VERDICT_H

#include "services/webhooks/queue.h"
#include "shared/net/http_client.h"

#define VERDICT_ERROR_SIZE 160

struct delivery_facts {
    bool is_ping;
    int attempts; /* this one included */
    int failures; /* of the webhook, in a row, before this one */
    int64_t age_s, give_up_s;
};

/* Fills in all but the ids. `error_text` has VERDICT_ERROR_SIZE bytes, and lives as long. */
void verdict_give(const struct delivery_facts *facts, const struct httpc_call *call,
                  struct delivery_settlement *settlement, char *error_text);

#endif

/*
 * Sends what is due: one thread a process, with many deliveries under way at once, each of which
 * ends for itself. A webhook that is slow or silent takes its own few places (queue.h), and holds
 * no other. Only a 2xx is taken for an answer, redirects are not followed, and no connection is
 * made to an address that the settings do not permit.
 *
 * At least once: a delivery is settled after its answer, so that a process that dies in between
 * leaves it to be sent again, under the same webhook-id.
 */
#ifndef OM_SERVICES_WEBHOOKS_SENDER_H
#define OM_SERVICES_WEBHOOKS_SENDER_H

#include "shared/service/worker.h"

/* A worker's, whose context is a struct webhooks. */
void webhooks_sender_run(struct worker *worker);

#endif

/*
 * News of orders for those who watch them: plain NATS messages `updates.<order id>`, published when
 * the transaction that made them true has committed. They are for live views only: nothing is
 * stored, and reading the order makes up for one that is lost.
 *
 * Collected while a batch is decided, as the outbox is. Not thread safe; publishing does not wait.
 */
#ifndef OM_SHARED_CONTRACT_UPDATES_H
#define OM_SHARED_CONTRACT_UPDATES_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"

#define UPDATES_PREFIX "updates."

struct updates;

struct updates *updates_create(void);
void updates_destroy(struct updates **updates);
void updates_clear(struct updates *updates);
/* Copies `body`, a JSON object's text. NULL as `updates` drops it, where no updates are wanted. */
void updates_add(struct updates *updates, const struct uuid *order_id, struct slice body);
size_t updates_count(const struct updates *updates);
/* Hands all to the bulk connection, which sends them within a millisecond or drops them, and clears
   them. */
void updates_publish(struct updates *updates, struct nats_client *nats);

#endif

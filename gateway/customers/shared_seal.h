/*
 * What the gateways know of sealing besides the customers' own keys (seal_look.h): the shared key,
 * which seals while neither Redis nor the notification service says the customer's, and whether
 * customers' keys may be used at all. Only public keys come here.
 *
 * One loop asks each SHARED_SEAL_TURN_MS. It keeps the shared key in Redis, too, so that a gateway
 * that starts while the notification service is away has it; and it takes out of Redis the keys of
 * customers who were erased, whoever did that. While a notification service of a version runs that
 * can open no such text, nothing is sealed but with the master key.
 */
#ifndef OM_GATEWAY_CUSTOMERS_SHARED_SEAL_H
#define OM_GATEWAY_CUSTOMERS_SHARED_SEAL_H

#include "gateway/lane/lane.h"
#include "shared/crypto/seal_key.h"

#define SHARED_SEAL_TURN_MS 10000
#define SHARED_SEAL_REDIS_KEY "order:seal:shared"

/* Of the process; any thread. */
struct shared_seal;
struct shared_seal *shared_seal_create(void);
void shared_seal_destroy(struct shared_seal **shared);
/* False while an older notification service runs. */
bool shared_seal_allows(struct shared_seal *shared);
/* False: it is not known yet. */
bool shared_seal_key(struct shared_seal *shared, struct seal_key *key);

/* What asks. Loop thread; nothing blocks. */
struct shared_seal_poll;
struct shared_seal_poll *shared_seal_poll_create(struct lane *lane);
void shared_seal_poll_destroy(struct shared_seal_poll **poll);

#endif

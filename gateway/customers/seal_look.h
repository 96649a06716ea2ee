/*
 * With which key an order's personal data is sealed. The customer's is looked for in Redis,
 * together with what else the order asks there, and then asked of the notification service, which
 * makes it where there is none; customers who come while a question is under way are asked for
 * together. Redis keeps the key for an hour. Where neither says it within SEAL_ASK_MS it is the
 * shared one (shared_seal.h), for others, too, until it does or for a second; and the master key
 * where that is not known either. An order never fails for it, and only one with personal data
 * looks at all.
 *
 * Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_CUSTOMERS_SEAL_LOOK_H
#define OM_GATEWAY_CUSTOMERS_SEAL_LOOK_H

#include "gateway/lane/lane.h"
#include "gateway/link/redis.h"
#include "shared/crypto/seal_key.h"

#define SEAL_ASK_MS 100

/* id, metric label */
#define SEAL_CHOICE_TABLE(X)                                                                       \
    X(MASTER, "master") /* the master key alone */                                                 \
    X(CUSTOMER, "customer")                                                                        \
    X(SHARED, "shared")

enum seal_choice {
#define SEAL_CHOICE_ENUM(id, label) SEAL_BY_##id,
    SEAL_CHOICE_TABLE(SEAL_CHOICE_ENUM)
#undef SEAL_CHOICE_ENUM
};

struct seal_place;

/* One order's. Embed it, zeroed; all but `choice` and `key` are seal_look.c's. */
struct seal_look {
    enum seal_choice choice;
    struct seal_key key; /* unless it is MASTER */
    struct lane *lane;
    struct slice tenant, customer; /* borrowed until the end */
    bool is_looked;                /* Redis has answered */
    struct seal_place *place;      /* in a question; NULL: none */
    h2o_timer_t patience;
    void (*fn)(void *closure);
    void *closure;
};

/* Asks Redis. What this loop asks there afterwards is answered later. */
void seal_look_begin(struct seal_look *look, struct lane *lane, struct slice tenant,
                     struct slice customer);
/* `fn` is called once with the choice made, and may be before this returns. */
void seal_look_end(struct seal_look *look, void (*fn)(void *closure), void *closure);

/* Takes a customer's key out of Redis. `fn` may be NULL. */
void seal_key_forget(struct redis *redis, struct slice tenant, struct slice customer, redis_fn fn,
                     void *closure);

/* What a loop needs for it. */
struct seal_lane;
struct seal_lane *seal_lane_create(h2o_context_t *context);
void seal_lane_destroy(struct seal_lane **seal_lane);

#endif

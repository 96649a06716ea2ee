/*
 * The keys of customers, and who was erased: the tables notifications.customer_keys and
 * customer_erasures. This service alone has what opens (shared/crypto/seal_key.h); the gateways ask
 * it for what seals (endpoint.h).
 *
 * Where nobody could tell a gateway the customer's key, a shared key has sealed. There is a new one
 * each day; it opens for SHARED_KEY_DAYS and is destroyed then. What it sealed, and what the master
 * key alone sealed, is not opened once its customer was erased.
 */
#ifndef OM_SERVICES_NOTIFICATION_CUSTOMER_KEYS_H
#define OM_SERVICES_NOTIFICATION_CUSTOMER_KEYS_H

#include "services/notification/channels/channel.h"
#include "shared/base/arena.h"
#include "shared/crypto/crypto.h"
#include "shared/pg/pg.h"

#define SHARED_KEY_DAYS "14"
/* Gateways keep keys in Redis for an hour, and hear for twice as long who was erased. */
#define ERASED_LATELY "2 hours"

/* A customer of a tenant. */
struct customer {
    struct slice tenant, id;
};
struct customers {
    const struct customer *items;
    size_t count;
};

/* The keys that seal for `count` customers, as text in the arena; made where there are none, with
   one commit for all. Without a transaction. */
enum status customer_keys_get(struct pg *pg, const struct key_ring *ring,
                              const struct customers *customers, struct arena *arena,
                              struct slice *keys, struct error *error) MUST_CHECK;
/* The same of the shared key. */
enum status shared_key_get(struct pg *pg, const struct key_ring *ring, struct arena *arena,
                           struct slice *key, struct error *error) MUST_CHECK;
/* Makes a new one. */
enum status shared_key_make(struct pg *pg, const struct key_ring *ring,
                            struct error *error) MUST_CHECK;

struct erasure {
    int64_t erased_at_us;
    int64_t keys;  /* destroyed now: 0 or 1 */
    int64_t times; /* that the customer was erased, this time included */
};

/* Destroys the customer's key and notes who asked for it, in one transaction; repeatable. */
enum status customer_erase(struct pg *pg, const struct customer *customer, struct slice by,
                           struct erasure *erasure, struct error *error) MUST_CHECK;
/* Appends, as JSON's array of {"tenant","customerId"}, who was erased lately. */
enum status customers_erased_lately(struct pg *pg, struct buf *json,
                                    struct error *error) MUST_CHECK;

/* Opens the personal data of notices that have some, with one statement for all. A notice whose
   customer was erased has the result NOTICE_ERASED then; one that cannot be opened for another
   reason is FAILED, with the reason. What fails otherwise is the database. */
enum status customer_keys_open(struct pg *pg, const struct key_ring *ring,
                               struct notice *const *notices, size_t count, struct arena *arena,
                               struct error *error) MUST_CHECK;

#endif

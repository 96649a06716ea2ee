/*
 * The catalog's answers in Redis, for all gateways together.
 *
 * There is one generation of the catalog, and every entry names the one it was asked for under: it
 * counts only while that is still the current one. A write sets a new generation before it is
 * answered. So nobody is served what was read before a write that has been answered, also when it
 * is stored after it. An entry ends a time to live after the service was asked, which bounds how
 * old the stock in it can be.
 *
 * While Redis is away nothing is cached. A write that cannot set a new generation waits for the
 * time to live instead, since other gateways may still reach what it made stale.
 *
 * One for each lane. Loop thread only; nothing blocks, and a callback may come before the call
 * returns.
 */
#ifndef OM_GATEWAY_CATALOG_CATALOG_CACHE_H
#define OM_GATEWAY_CATALOG_CATALOG_CACHE_H

#include "gateway/link/redis.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

struct catalog_cache;

struct catalog_cache_options {
    h2o_context_t *context;
    struct redis *redis; /* borrowed */
    int64_t ttl_ms;      /* 0: nothing is cached */
};

struct catalog_cache *catalog_cache_create(const struct catalog_cache_options *options);
/* After its Redis, which fails the calls in flight. */
void catalog_cache_destroy(struct catalog_cache **cache);

/* Allows to store what is asked for now. Plain value. */
struct catalog_ticket {
    char generation[UUID_TEXT_SIZE]; /* "": nothing may be stored */
    int64_t asked_us;
};

/* `body` is valid during the call; its `ptr` is NULL when there is no entry. */
typedef void (*catalog_found_fn)(void *closure, struct slice body,
                                 const struct catalog_ticket *ticket);
void catalog_cache_find(struct catalog_cache *cache, struct slice key, catalog_found_fn fn,
                        void *closure);
/* Not waited for. */
void catalog_cache_store(struct catalog_cache *cache, struct slice key,
                         const struct catalog_ticket *ticket, struct slice body);

/* After a write; `fn` is called when nothing older can be served any more. */
void catalog_cache_renew(struct catalog_cache *cache, void (*fn)(void *closure), void *closure);

#endif

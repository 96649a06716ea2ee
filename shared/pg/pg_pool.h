/*
 * Connections that several threads take turns with, each alone while it has one. There are as many
 * as were wanted at once, until one that nobody has wanted for a while is closed when another is
 * given back. The one given back last is taken first, so that few stay busy, with their statements
 * prepared.
 *
 * Thread safe.
 */
#ifndef OM_SHARED_PG_PG_POOL_H
#define OM_SHARED_PG_PG_POOL_H

#include "shared/pg/pg.h"

#include <stddef.h>
#include <stdint.h>

struct pg_pool;

/* As pg_create(), for `most` threads; `idle_ms` is how long one stays that nobody wants. */
struct pg_pool *pg_pool_create(const char *url, const char *name, size_t most, int64_t idle_ms);
/* All are given back. */
void pg_pool_destroy(struct pg_pool **pool);

/* Never waits; the session may have been lost meanwhile, or not be there yet. */
struct pg *pg_pool_take(struct pg_pool *pool);
/* Outside a transaction, or it is rolled back. */
void pg_pool_give(struct pg_pool *pool, struct pg *pg);

#endif

/*
 * A short-lived note in Redis that an order was accepted, so that it can be asked for before the
 * order service has written it. Loop thread of the `redis` given; nothing blocks.
 */
#ifndef OM_GATEWAY_ORDER_MARKER_H
#define OM_GATEWAY_ORDER_MARKER_H

#include "gateway/redis.h"
#include "shared/uuid.h"

/* Not waited for. */
void order_marker_set(struct redis *redis, const struct uuid *order_id);

typedef void (*order_marker_fn)(void *closure, bool is_marked);
/* False also while Redis does not answer. The callback may come before this returns. */
void order_marker_find(struct redis *redis, const struct uuid *order_id, order_marker_fn fn,
                       void *closure);

#endif

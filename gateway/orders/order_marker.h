/*
 * A short-lived note in Redis that an order was accepted, so that it can be asked for before the
 * order service has written it. Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_ORDERS_ORDER_MARKER_H
#define OM_GATEWAY_ORDERS_ORDER_MARKER_H

#include "gateway/lane/pending.h"
#include "shared/base/slice.h"
#include "shared/contract/order_snapshot.h"
#include "shared/crypto/uuid.h"

/* Not waited for. */
void order_marker_set(struct redis *redis, const struct order_snapshot *order);

typedef void (*order_marker_fn)(void *closure, bool is_marked);
/* False also for an order that the caller of `pending` may not see, and while Redis does not
   answer. `pending` must live until the callback, which may come before this returns. */
void order_marker_find(const struct pending *pending, const struct uuid *order_id,
                       order_marker_fn fn, void *closure);
/* Whether a marker's content is of an order that the caller may see. Pure. */
bool order_marker_is_for(struct slice content, const struct caller *caller);

#endif

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

/* `fn` is called when Redis has it, and all that this loop wrote before, or could not take it; that
   may be before this returns. */
void order_marker_set(struct redis *redis, const struct order_snapshot *order,
                      void (*fn)(void *closure), void *closure);

typedef void (*order_marker_fn)(void *closure, enum status status);
/* For an order that the order service does not know. OK: it was accepted. NOT_FOUND: it was not,
   or the caller of `pending` may not see it. UNAVAILABLE: nobody can say now, since Redis does not
   answer, or lost writes while the order service had orders before it. `pending` must live until
   the callback, which may come before this returns. */
void order_marker_find(const struct pending *pending, const struct uuid *order_id,
                       order_marker_fn fn, void *closure);
/* Whether a marker's content is of an order that the caller may see. Pure. */
bool order_marker_is_for(struct slice content, const struct caller *caller);

#endif

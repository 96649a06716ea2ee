/*
 * The news of an order for live views, as updates.h sends it:
 *
 *     {"status","was"?,"reason"?,"message","version","sequence",
 *      "timeline":[{"at","event","detail"?}, ...]}
 *
 * `timeline` holds the entries that this change added, `sequence` is the place of their first in
 * the whole timeline, counted from 1, and `version` the order's after it. `was` is the status
 * before it where that has changed, `reason` is there where this change gave one, and `message`
 * is for people (order_message.h). Pure.
 */
#ifndef OM_SERVICES_ORDER_PROGRESS_UPDATE_H
#define OM_SERVICES_ORDER_PROGRESS_UPDATE_H

#include "services/order/store.h"
#include "services/order/store_new.h"
#include "shared/base/buf.h"

/* A new order, whose row has been made. */
void progress_update_new(struct updates *updates, const struct new_order *order,
                         struct buf *scratch);
/* An order that `order->changes` events have changed. */
void progress_update(struct updates *updates, const struct order_row *order, struct buf *scratch);

#endif

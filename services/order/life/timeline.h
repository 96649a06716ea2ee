/*
 * The timeline of an order, for people. Entries are JSON objects
 * {"at": RFC 3339, "event": "PaymentSucceeded", "detail"?: text} in the order applied, which is
 * that of all readers: an entry never changes its place, though it may have happened before the one
 * above it. Pure and thread safe.
 */
#ifndef OM_SERVICES_ORDER_LIFE_TIMELINE_H
#define OM_SERVICES_ORDER_LIFE_TIMELINE_H

#include "shared/base/slice.h"
#include "shared/contract/event.h"

/* Adds one entry to the array that `w` has open. `detail` may be empty. */
void timeline_add(struct json_writer *w, enum event_type type, int64_t at_us, struct slice detail);

#endif

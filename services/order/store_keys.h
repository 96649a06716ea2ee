/*
 * The SQL of idempotency keys: of the orders of one key the one that was accepted first has it,
 * which is the one with the lower sequence in the stream, in whatever order they are taken in. As
 * store.h's.
 *
 * A stream that was made anew counts from 1 again: so the lower sequence has it only if it was not
 * stored later, too.
 */
#ifndef OM_SERVICES_ORDER_STORE_KEYS_H
#define OM_SERVICES_ORDER_STORE_KEYS_H

#include "services/order/store_new.h"

/* Takes each order's key for it, or sets is_key_conflict where the key has stood for another order
   in the last 24 hours, counted from acceptance to acceptance. Where that one was accepted later,
   it is ousted: see has_ousted, and order_store_oust(). */
enum status order_store_claim_keys(struct batch *batch, struct new_order *orders, size_t count,
                                   struct error *error) MUST_CHECK;
/* Locks those ousted, and gives ORDER_KEY_TAKEN for each, in *told. One that is confirmed keeps its
   key: the parcel may be leaving. The order that wanted it is a conflict then. */
enum status order_store_oust(struct batch *batch, struct new_order *orders, size_t count,
                             struct batch *told, struct error *error) MUST_CHECK;

/* Queues the note that those of `orders` that are new, PENDING and whose key nobody guarded are not
   announced yet. */
enum status order_store_hold(struct batch *batch, const struct new_order *orders, size_t count,
                             struct error *error) MUST_CHECK;
enum status order_store_has_held(struct batch *batch, bool *has_held,
                                 struct error *error) MUST_CHECK;
/* Lets go up to `most` of the orders up to `sequence`, or held for `most_s` seconds, and gives
   ORDER_MAY_START for each, in *told. */
struct held_limits {
    uint64_t sequence;
    int64_t most, most_s;
};
enum status order_store_let_start(struct batch *batch, const struct held_limits *limits,
                                  struct batch *told, struct error *error) MUST_CHECK;

#endif

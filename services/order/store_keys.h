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

/* Queues the taking of each order's key for it. *claims is as with pg_queue_into(); it stays NULL
   where no order has a key. */
enum status order_store_claim_keys(struct batch *batch, const struct new_order *orders,
                                   size_t count, struct pg_result **claims,
                                   struct error *error) MUST_CHECK;
/* Sets is_key_conflict where the key has stood for another order in the last 24 hours, counted from
   acceptance to acceptance. Where that one was accepted later, it is ousted: see has_ousted, and
   order_store_oust(). */
void order_store_take_claims(const struct pg_result *claims, struct new_order *orders);
/* Locks those ousted, and gives ORDER_KEY_TAKEN for each, in *told. One that is confirmed keeps its
   key: the parcel may be leaving. The order that wanted it is a conflict then. */
enum status order_store_oust(struct batch *batch, struct new_order *orders, size_t count,
                             struct batch *told, struct error *error) MUST_CHECK;

/* Queues the note that those of `orders` that are new, PENDING and whose key nobody guarded are not
   announced yet. */
enum status order_store_hold(struct batch *batch, const struct new_order *orders, size_t count,
                             struct error *error) MUST_CHECK;
struct held_sight {
    bool has_held;
    int64_t at_us; /* by the database's clock */
};
enum status order_store_see_held(struct batch *batch, struct held_sight *sight,
                                 struct error *error) MUST_CHECK;
/* Lets go up to `most` of the orders up to `sequence`, of those that were held by `held_us`, and of
   those held for `most_s` seconds. Gives ORDER_MAY_START for each, in *told. */
struct held_limits {
    uint64_t sequence;
    int64_t held_us; /* by the database's clock */
    int64_t most, most_s;
};
enum status order_store_let_start(struct batch *batch, const struct held_limits *limits,
                                  struct batch *told, struct error *error) MUST_CHECK;

#endif

/* The SQL of the watchdog. As store.h's. */
#ifndef OM_SERVICES_ORDER_STORE_WATCH_H
#define OM_SERVICES_ORDER_STORE_WATCH_H

#include "shared/consume/batch.h"

struct watch_turn {
    int64_t limit_s, orders_most;
    bool is_mine;              /* false: another instance has the turn */
    struct delivery **overdue; /* ORDER_TIME_UP of each */
    size_t overdue_count;
};

/* Takes the turn if nobody has it, and locks up to `orders_most` overdue orders, oldest first. */
enum status order_store_take_turn(struct batch *batch, struct watch_turn *turn,
                                  struct error *error) MUST_CHECK;
/* Queues the note of how far no order needs a look any more, so that no turn reads them again. */
enum status order_store_settle_turn(struct batch *batch, const struct watch_turn *turn,
                                    struct error *error) MUST_CHECK;
/* Makes ORDER_UNPAID of up to `most` orders the batch's items: reserved for longer than `limit_s`,
   neither paid nor authorized, and locked. */
enum status order_store_find_unpaid(struct batch *batch, int64_t limit_s, int64_t most,
                                    struct error *error) MUST_CHECK;

#endif

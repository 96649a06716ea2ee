/* All SQL of the loyalty service. Set-based; runs in the batch's open transaction. */
#ifndef OM_SERVICES_LOYALTY_STORE_H
#define OM_SERVICES_LOYALTY_STORE_H

#include "shared/base/slice.h"
#include "shared/consume/batch.h"

/* Borrows. */
struct points_entry {
    struct uuid order_id;
    struct slice tenant;
    struct slice customer_id;
    int64_t points;
};

/* Borrows. */
struct customer {
    struct slice tenant;
    struct slice id;
};

/* Queues the entries; an order that has one keeps it. Ids may repeat. */
enum status loyalty_store_earn(struct batch *batch, const struct points_entry *entries,
                               size_t count, struct error *error) MUST_CHECK;
/* Queues that these orders have their points no longer, or never will. */
enum status loyalty_store_take_back(struct batch *batch, const struct points_entry *entries,
                                    size_t count, struct error *error) MUST_CHECK;
/* Queues that these orders have no more points than so many, now or later; no customers are needed.
 */
enum status loyalty_store_limit(struct batch *batch, const struct points_entry *entries,
                                size_t count, struct error *error) MUST_CHECK;
/* The customer's balance. */
enum status loyalty_store_read(struct pg *pg, const struct customer *customer, int64_t *points,
                               struct error *error) MUST_CHECK;

#endif

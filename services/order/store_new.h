/* The SQL of new orders: their prices and their rows; store_keys.h has their keys. As store.h's. */
#ifndef OM_SERVICES_ORDER_STORE_NEW_H
#define OM_SERVICES_ORDER_STORE_NEW_H

#include "services/order/catalog/pricing.h"
#include "shared/consume/batch.h"

/* A submitted order on its way to its row. */
struct new_order {
    struct delivery *delivery; /* of the submit command */
    struct order_snapshot snapshot;
    const uint8_t *key_hash; /* 32 bytes; NULL without an Idempotency-Key */
    enum order_status status;
    enum order_reason reason;
    struct slice detail;   /* of the reason */
    struct slice timeline; /* JSON array */
    bool is_key_unguarded; /* as the gateway says: it accepted the order without Redis */
    bool is_key_conflict;  /* the key stands for another order */
    bool has_ousted;       /* it stood for `ousted`, which was accepted later */
    struct uuid ousted;
    bool is_new; /* its row did not exist */
};

/* An order that is not announced yet, for an older one with its key could still come. */
static inline bool new_order_is_held(const struct new_order *order) {
    return order->is_new && order->is_key_unguarded && order->status == ORDER_PENDING;
}

/* The prices of all SKUs in `orders` that the catalog has. */
enum status order_store_load_catalog(struct batch *batch, const struct new_order *orders,
                                     size_t count, struct catalog *catalog,
                                     struct error *error) MUST_CHECK;
/* Inserts orders and their items, and sets is_new for those that were not there. Ids may repeat:
   the first order of each counts. *wishes are those to cancel that came before their order, as rows
   for order_store_tell_wishes(); the caller frees them in any case. */
enum status order_store_insert(struct batch *batch, struct new_order *orders, size_t count,
                               struct pg_result **wishes, struct error *error) MUST_CHECK;

#endif

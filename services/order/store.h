/*
 * The SQL of orders on their way, and of the catalog; store_new.h, store_read.h and store_watch.h
 * have the rest of the order service's. Set-based: one statement loads for a whole batch, and one
 * stores. Functions with a batch run in its open transaction, and their results live in its arena.
 * Rows are locked in the order of their keys, so that instances wait for each other but do not
 * deadlock.
 */
#ifndef OM_SERVICES_ORDER_STORE_H
#define OM_SERVICES_ORDER_STORE_H

#include "services/order/catalog/pricing.h"
#include "services/order/life/order_fsm.h"
#include "shared/base/buf.h"
#include "shared/consume/batch.h"

/* --- orders on their way --- */

/* An order as loaded, and what the batch makes of it. */
struct order_row {
    struct order_state state;
    struct order_snapshot snapshot; /* items only after order_store_load_items() */
    int64_t accepted_at_us;
    enum order_status loaded_status;
    enum order_reason loaded_reason;  /* for people; REASON_NONE where there is none that we know */
    int64_t version, timeline_length; /* as loaded */
    /* To store: */
    enum order_reason reason;     /* REASON_NONE leaves it */
    struct slice tracking_number; /* empty leaves it; known of what is to be completed */
    struct slice timeline;        /* JSON array of what is new */
    int64_t changes;              /* 0: nothing to store */
    int64_t given_back_minor;     /* so far; what is less than before leaves it */
    int64_t action_until_us;      /* its customer has so long to confirm the payment; 0 leaves it */
    bool needs_items;
};

/* Sorted by order id. */
struct order_rows {
    struct order_row *rows;
    size_t count;
};

/* Loads and locks the orders that the batch's events are about and that exist. */
enum status order_store_load(struct batch *batch, struct order_rows *orders,
                             struct error *error) MUST_CHECK;
struct order_row *order_rows_find(const struct order_rows *orders, const struct uuid *id);
/* Fills in the items of those that need them, as far as they are not loaded. */
enum status order_store_load_items(struct batch *batch, struct order_rows *orders,
                                   struct error *error) MUST_CHECK;
/* Queues the update of all that changed. */
enum status order_store_update(struct batch *batch, const struct order_rows *orders,
                               struct error *error) MUST_CHECK;

/* What the service itself has to tell of the orders in `result`, whose first columns are id,
   correlation_id and traceparent: `event` of each, as if it came now. */
struct delivery **order_store_tell(const struct pg_result *result, enum event_type event,
                                   struct arena *arena, size_t *count);

/* --- the catalog --- */

struct catalog_change {
    struct catalog_price price;
    int64_t version;
};

/* Queues the upsert; of each SKU the highest version stays. SKUs may repeat. */
enum status order_store_put_catalog(struct batch *batch, const struct catalog_change *changes,
                                    size_t count, struct error *error) MUST_CHECK;

#endif

/*
 * All SQL of the order service. Set-based: what a batch needs comes by one statement and goes by
 * one, whatever the batch's size. Functions with a batch run in its open transaction, and what they
 * return lives in its arena. Rows are locked in the order of their keys, so that instances wait for
 * each other but do not deadlock.
 */
#ifndef OM_SERVICES_ORDER_STORE_H
#define OM_SERVICES_ORDER_STORE_H

#include "services/order/order_fsm.h"
#include "services/order/pricing.h"
#include "shared/base/buf.h"
#include "shared/consume/batch.h"

/* --- new orders --- */

/* A submitted order on its way to its row. */
struct new_order {
    struct delivery *delivery; /* of the submit command */
    struct order_snapshot snapshot;
    const uint8_t *key_hash; /* 32 bytes; NULL without an Idempotency-Key */
    enum order_status status;
    enum order_reason reason;
    struct slice detail;   /* of the reason */
    struct slice timeline; /* JSON array */
    bool is_key_conflict;  /* the key stands for another order */
    bool is_new;           /* its row did not exist */
};

/* Takes each order's key for it, or sets is_key_conflict where the key has stood for another order
   in the last 24 hours, counted from acceptance to acceptance. The first of `orders` wins. */
enum status order_store_claim_keys(struct batch *batch, struct new_order *orders, size_t count,
                                   struct error *error) MUST_CHECK;
/* The prices of all SKUs in `orders` that the catalog has. */
enum status order_store_load_catalog(struct batch *batch, const struct new_order *orders,
                                     size_t count, struct catalog *catalog,
                                     struct error *error) MUST_CHECK;
/* Inserts orders and their items, and sets is_new for those that were not there. `orders` are
   sorted by id and distinct. */
enum status order_store_insert(struct batch *batch, struct new_order *orders, size_t count,
                               struct error *error) MUST_CHECK;

/* --- orders on their way --- */

/* An order as loaded, and what the batch makes of it. */
struct order_row {
    struct order_state state;
    struct order_snapshot snapshot; /* items only after order_store_load_items() */
    int64_t accepted_at_us;
    enum order_status loaded_status;
    int64_t version, timeline_length; /* as loaded */
    /* To store: */
    enum order_reason reason;     /* REASON_NONE leaves it */
    struct slice tracking_number; /* empty leaves it */
    struct slice timeline;        /* JSON array of what is new */
    int64_t changes;              /* 0: nothing to store */
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
/* Fills in the items of those that need them. */
enum status order_store_load_items(struct batch *batch, struct order_rows *orders,
                                   struct error *error) MUST_CHECK;
/* Queues the update of all that changed. */
enum status order_store_update(struct batch *batch, const struct order_rows *orders,
                               struct error *error) MUST_CHECK;

/* --- the watchdog (store_watch.c) --- */

/* An order whose time is up, and what its submit command said of itself. */
struct overdue_order {
    struct uuid id;
    struct slice correlation_id;
    struct trace trace;
};

struct watch_turn {
    int64_t limit_s, orders_most;
    bool is_mine; /* false: another instance has the turn */
    struct overdue_order *overdue;
    size_t overdue_count;
};

/* Takes the turn if nobody has it, and locks up to `orders_most` overdue orders, oldest first. */
enum status order_store_take_turn(struct batch *batch, struct watch_turn *turn,
                                  struct error *error) MUST_CHECK;
/* Queues the note of how far no order needs a look any more, so that no turn reads them again. */
enum status order_store_settle_turn(struct batch *batch, const struct watch_turn *turn,
                                    struct error *error) MUST_CHECK;

/* --- the catalog --- */

struct catalog_change {
    struct catalog_price price;
    int64_t version;
};

/* Queues the upsert; of each SKU the highest version stays. SKUs may repeat. */
enum status order_store_put_catalog(struct batch *batch, const struct catalog_change *changes,
                                    size_t count, struct error *error) MUST_CHECK;

/* --- reads (store_read.c), outside a transaction --- */

/* Which order is asked for, and who may see it; `customer` empty: whose it is does not matter. */
struct order_sought {
    struct uuid id;
    struct slice tenant, customer;
};

/* One order for a reader, appended to `reply` as JSON: whole, or its status only. NOT_FOUND when
   there is no such order of that tenant and customer. */
enum status order_store_read(struct pg *pg, const struct order_sought *sought, struct buf *reply,
                             struct error *error) MUST_CHECK;
enum status order_store_read_status(struct pg *pg, const struct order_sought *sought,
                                    struct buf *reply, struct error *error) MUST_CHECK;
/* An order's history, for who follows it: its status and the timeline in the order applied, to
   which entries are only ever added. */
enum status order_store_read_history(struct pg *pg, const struct order_sought *sought,
                                     struct buf *reply, struct error *error) MUST_CHECK;

/* An order's place in lists. */
struct order_place {
    int64_t accepted_at_us;
    struct uuid id;
};

/* A page of a list by time of acceptance. An empty text filters by nothing. */
struct order_list {
    struct slice tenant, customer, status, reason;
    int64_t from_us, to_us; /* accepted from, and before */
    bool is_oldest_first;
    int64_t limit;
    struct order_place after;
};

/* Writes the member "orders". `*goes_on` says whether a further page from `*end` may find more; a
   page can have fewer orders than its limit, or none, and yet not be the last. */
enum status order_store_list(struct pg *pg, const struct order_list *list, struct json_writer *w,
                             bool *goes_on, struct order_place *end,
                             struct error *error) MUST_CHECK;

#endif

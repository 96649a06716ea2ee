/*
 * All five services around one PostgreSQL, without NATS: a little world in which events travel from
 * each outbox to the consumers that want them, in the order the test says. The handlers, their SQL,
 * inbox and outbox are the real ones.
 *
 * A failing database or handler fails the running cmocka test. One thread.
 */
#ifndef OM_TESTS_SUPPORT_WORLD_WORLD_H
#define OM_TESTS_SUPPORT_WORLD_WORLD_H

#include "services/inventory/handler.h"
#include "services/inventory/returned.h"
#include "services/notification/handler.h"
#include "services/order/handler.h"
#include "services/order/submit.h"
#include "services/order/watchdog.h"
#include "services/payment/handler.h"
#include "services/payment/line_refunds.h"
#include "services/payment/provider/provider_simulated.h"
#include "services/shipping/handler.h"
#include "shared/base/buf.h"
#include "shared/contract/order_snapshot.h"
#include "tests/support/servers/servers.h"
#include "tests/support/world/drive.h"

/* The consumers of the system. */
enum world_consumer {
    WORLD_ORDERS_ORDER,
    WORLD_INVENTORY_ORDER,
    WORLD_PAYMENTS_ORDER,
    WORLD_SHIPPING_ORDER,
    WORLD_ORDERS_INVENTORY,
    WORLD_PAYMENTS_INVENTORY,
    WORLD_INVENTORY_PAYMENT,
    WORLD_ORDERS_PAYMENT,
    WORLD_ORDERS_SHIPPING,
    WORLD_ORDERS_NOTIFICATION,
    WORLD_SHIPPING_NOTIFICATION,
    WORLD_CONSUMERS
};

#define WORLD_SCHEMAS 5

struct world {
    struct servers *servers;
    struct pg_conn *conn; /* superuser */
    struct drive *drives[WORLD_CONSUMERS];
    struct order_settings order;
    struct payment payment;
    struct shipping shipping; /* "UNSHIPPABLE" is what no carrier takes */
    struct notification notification;
    int64_t relayed[WORLD_SCHEMAS]; /* last outbox id taken from each */
};

/* Fills *world in: servers, schema, consumers; empty tables. */
void world_create(struct world *world);
void world_destroy(struct world *world);
/* Empties every table, by DELETE: to truncate so many takes seconds on a busy disk. */
void world_clear(struct world *world);
/* A product with stock, known to order too. `on_hand` pieces. */
void world_add_product(struct world *world, const char *sku, int64_t price_minor, int64_t on_hand);
/* Pieces of it in another warehouse, which has the name and the rank. */
void world_add_elsewhere(struct world *world, const char *sku, const char *warehouse, int rank,
                         int64_t on_hand);

/* The contents of an order. */
struct world_order {
    struct uuid id;
    const char *sku;
    int64_t quantity;
    int64_t unit_price_minor; /* -1 for none */
    const char *payment_method;
    const char *key_hash; /* 64 hex digits; NULL for none */
    bool is_key_unguarded;
    enum order_flow flow;
    enum order_capture capture;
    const char *sealed; /* NULL for none */
};

/* Appends the submit command's envelope, accepted at `at_us`. */
void world_write_submit(struct buf *out, const struct world_order *order, int64_t at_us);
/* Appends an event about an order with `data`, with an id of its own. */
void world_write_event(struct buf *out, enum event_type type, const struct uuid *order_id,
                       const char *data);
/* Appends an event that carries the snapshot of an order of one piece for 5 USD, and of its end, as
   inventory.reserved and order.failed do. */
void world_write_snapshot(struct buf *out, enum event_type type, const struct uuid *order_id,
                          const char *payment_method);
/* The same of an order that is paid once it is shipped. */
void world_write_on_shipment(struct buf *out, enum event_type type, const struct uuid *order_id,
                             const char *payment_method);
/* Another instance of a consumer's service, for a thread of its own; drive_destroy(). */
struct drive *world_drive(struct world *world, enum world_consumer consumer);
/* Hands one event to one consumer, a second time if it was early, and returns its outcome. */
enum outcome world_deliver(struct world *world, enum world_consumer consumer, struct slice payload);
bool world_wants(enum world_consumer consumer, enum event_type type);

/* Every new outbox row of all schemas, in the order written, schema by schema. */
typedef void (*world_event_fn)(void *closure, enum event_type type, struct slice payload);
/* Returns how many there were. */
size_t world_take_events(struct world *world, world_event_fn take, void *closure);
/* Takes events and hands each to whoever wants it, until there are none. */
void world_run(struct world *world);
/* One parcel of each order in parts leaves. */
void world_send_parcels(struct world *world);

/* The one value that `sql` gives, as text; free(). */
char *world_query_text(struct world *world, const char *sql);
int64_t world_query_int(struct world *world, const char *sql);
void world_execute(struct world *world, const char *sql);

#endif

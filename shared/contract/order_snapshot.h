/*
 * The order as it travels in events ("fat events"): everything a consumer needs, so that none
 * depends on having seen another stream first. Money is an integer of minor units (ISO 4217).
 *
 * Slices borrow from the tree that it was parsed from; items live in the arena given.
 */
#ifndef OM_SHARED_CONTRACT_ORDER_SNAPSHOT_H
#define OM_SHARED_CONTRACT_ORDER_SNAPSHOT_H

#include "shared/base/arena.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/json/json_tree.h"

#define ORDER_MAX_ITEMS 100
#define ORDER_MAX_QUANTITY 1000000
#define ORDER_MAX_ALLOCATIONS 16
#define ORDER_MAX_MINOR INT64_C(9007199254740991) /* 2^53 - 1: exact in every JSON reader */

enum order_flow { FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL };
/* When the money is taken: at once, or held at first and taken once the order has been shipped. */
enum order_capture { CAPTURE_AUTOMATIC, CAPTURE_ON_SHIPMENT };

struct order_item {
    struct slice sku;
    int64_t quantity;
    int64_t unit_price_minor; /* -1: the client gave none (submit only) */
};

/* What one warehouse gives of an order. */
struct order_allocation {
    struct slice warehouse;
    struct order_item *items; /* without prices */
    size_t item_count;
};

/* JSON: {"orderId","tenant","customerId","currency","flow","capture"?,"paymentMethod","totalMinor",
   "items":[{"sku","quantity","unitPriceMinor"}],"allocations"?:[{"warehouse","items":[{"sku",
   "quantity"}]}],"sealed"?}; without "capture" it is automatic, without "allocations" the warehouse
   main gives all of it, or nobody knows yet. */
struct order_snapshot {
    struct uuid order_id;
    struct slice tenant;
    struct slice customer_id;
    struct slice currency;
    enum order_flow flow;
    enum order_capture capture;
    struct slice payment_method;
    int64_t total_minor; /* -1 until priced (submit only) */
    struct order_item *items;
    size_t item_count;
    struct order_allocation *allocations;
    size_t allocation_count;
    struct slice sealed; /* personal data, see crypto.h; may be empty */
};

const char *order_flow_name(enum order_flow flow); /* "inventory-first" */
bool order_flow_parse(struct slice text, enum order_flow *flow);
const char *order_capture_name(enum order_capture capture); /* "on_shipment" */
bool order_capture_parse(struct slice text, enum order_capture *capture);

/* Writes the members into the object that `w` has open (the caller may add more). */
void order_snapshot_write(const struct order_snapshot *snapshot, struct json_writer *w);
enum status order_snapshot_parse(const struct json_value *data, struct arena *arena,
                                 struct order_snapshot *snapshot, struct error *error) MUST_CHECK;
/* The member "items" alone, and "allocations" alone, where there are any. */
void order_items_write(const struct order_item *items, size_t count, struct json_writer *w);
/* How many pieces of a SKU there are, in all lines. */
int64_t order_items_pieces(const struct order_item *items, size_t count, struct slice sku);
/* The array without its key. */
void order_item_list_write(const struct order_item *items, size_t count, struct json_writer *w);
void order_allocations_write(const struct order_snapshot *snapshot, struct json_writer *w);
/* Only these members of the snapshot; none where `data` has none. */
enum status order_allocations_parse(const struct json_value *data, struct arena *arena,
                                    struct order_snapshot *snapshot,
                                    struct error *error) MUST_CHECK;
/* The member "items", 1 to ORDER_MAX_ITEMS. */
enum status order_items_parse(const struct json_value *object, struct arena *arena,
                              struct order_item **items, size_t *count,
                              struct error *error) MUST_CHECK;
/* {"warehouse","items"}, alone. */
enum status order_allocation_parse(const struct json_value *object, struct arena *arena,
                                   struct order_allocation *allocation,
                                   struct error *error) MUST_CHECK;

#endif

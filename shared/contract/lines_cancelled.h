/*
 * Pieces of an order that are cancelled before they are sent: what order.lines_stop_requested,
 * shipping.shipped and order.lines_cancelled tell of them beside the order, which is what is left
 * of it then.
 *
 * Pure and thread safe. Texts borrow from the tree that they were parsed from; items live in the
 * arena given.
 */
#ifndef OM_SHARED_CONTRACT_LINES_CANCELLED_H
#define OM_SHARED_CONTRACT_LINES_CANCELLED_H

#include "shared/contract/order_lines.h"

#define LINES_CANCELLED_KEY "cancellation"

/* JSON: {"cancellationId","reason","amountMinor","items":[{"sku","quantity","unitPriceMinor"}]} */
struct lines_cancelled {
    struct uuid id;
    struct slice reason;
    int64_t amount_minor; /* what the pieces are worth, in minor units */
    struct order_item *items;
    size_t item_count;
};

/* The object, without its key. */
void lines_cancelled_write(const struct lines_cancelled *cancelled, struct json_writer *w);
/* The member LINES_CANCELLED_KEY of an event's data; NOT_FOUND where it has none. */
enum status lines_cancelled_parse(const struct json_value *data, struct arena *arena,
                                  struct lines_cancelled *cancelled,
                                  struct error *error) MUST_CHECK;

/* What was taken of the lines (order_lines_take()), one item for each of them, and its worth. */
void lines_cancelled_take(struct lines_cancelled *cancelled, const struct order_lines *lines,
                          struct arena *arena);

/* Makes the items of an order what is left of its lines. */
void order_snapshot_leave(struct order_snapshot *order, const struct order_lines *lines,
                          struct arena *arena);
/* Makes the total of an order that of its items, and takes what they are fewer from its warehouses,
   from the last parcel on; a warehouse that gives nothing more is left out. */
void order_snapshot_settle(struct order_snapshot *order, struct arena *arena);

#endif

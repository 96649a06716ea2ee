#include "shared/contract/lines_cancelled.h"

void lines_cancelled_write(const struct lines_cancelled *cancelled, struct json_writer *w) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&cancelled->id, id);
    json_begin_object(w);
    json_put_text(w, "cancellationId", id);
    json_put_string(w, "reason", cancelled->reason);
    json_put_int(w, "amountMinor", cancelled->amount_minor);
    order_items_write(cancelled->items, cancelled->item_count, w);
    json_end_object(w);
}

enum status lines_cancelled_parse(const struct json_value *data, struct arena *arena,
                                  struct lines_cancelled *cancelled, struct error *error) {
    const struct json_value *object;
    struct lines_cancelled read;
    struct slice id;
    enum status status = json_tree_get_object(data, LINES_CANCELLED_KEY, &object, error);
    if (status == STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_OK)
        status = json_tree_get_string(object, "cancellationId", &id, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(object, "reason", &read.reason, error);
    if (status == STATUS_OK)
        status = json_tree_get_int64(object, "amountMinor", &read.amount_minor, error);
    if (status == STATUS_OK)
        status = order_items_parse(object, arena, &read.items, &read.item_count, error);
    if (status != STATUS_OK || !uuid_parse(id, &read.id) || read.amount_minor < 0 ||
        read.amount_minor > ORDER_MAX_MINOR)
        return error_set(error, STATUS_INVALID, LINES_CANCELLED_KEY ": not pieces of an order");
    *cancelled = read;
    return STATUS_OK;
}

void lines_cancelled_take(struct lines_cancelled *cancelled, const struct order_lines *lines,
                          struct arena *arena) {
    cancelled->items = arena_alloc(arena, (lines->count + 1) * sizeof(*cancelled->items));
    cancelled->item_count = 0;
    cancelled->amount_minor = 0;
    for (size_t i = 0; i < lines->count; i++) {
        const struct order_line *line = &lines->rows[i];
        if (line->taken == 0)
            continue;
        cancelled->items[cancelled->item_count++] =
            (struct order_item){line->sku, line->taken, line->unit_price_minor};
        cancelled->amount_minor += line->taken * line->unit_price_minor;
    }
}

/* --- what is left ----------------------------------------------------------------------------- */

void order_snapshot_leave(struct order_snapshot *order, const struct order_lines *lines,
                          struct arena *arena) {
    order->items = arena_alloc(arena, (lines->count + 1) * sizeof(*order->items));
    order->item_count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        const struct order_line *line = &lines->rows[i];
        if (line->left > 0)
            order->items[order->item_count++] =
                (struct order_item){line->sku, line->left, line->unit_price_minor};
    }
}

/* How many more its warehouses give than it wants. */
static int64_t surplus(const struct order_snapshot *order, struct slice sku) {
    int64_t pieces = -order_items_pieces(order->items, order->item_count, sku);
    for (size_t i = 0; i < order->allocation_count; i++)
        pieces +=
            order_items_pieces(order->allocations[i].items, order->allocations[i].item_count, sku);
    return pieces;
}

/* What its items are fewer is taken here at once, since each surplus counts all warehouses. */
static void reduce(const struct order_snapshot *order, struct order_allocation *allocation) {
    size_t kept = 0;
    for (size_t i = 0; i < allocation->item_count; i++) {
        struct order_item *item = &allocation->items[i];
        int64_t more = surplus(order, item->sku);
        if (more > 0)
            item->quantity -= more < item->quantity ? more : item->quantity;
    }
    for (size_t i = 0; i < allocation->item_count; i++) {
        if (allocation->items[i].quantity > 0)
            allocation->items[kept++] = allocation->items[i];
    }
    allocation->item_count = kept;
}

/* The arrays may be somebody else's, too. */
static void copy_allocations(struct order_snapshot *order, struct arena *arena) {
    struct order_allocation *rows =
        arena_alloc(arena, (order->allocation_count + 1) * sizeof(*rows));
    for (size_t i = 0; i < order->allocation_count; i++) {
        const struct order_allocation *from = &order->allocations[i];
        rows[i] = *from;
        rows[i].items = arena_alloc(arena, from->item_count * sizeof(*from->items));
        for (size_t j = 0; j < from->item_count; j++)
            rows[i].items[j] = from->items[j];
    }
    order->allocations = rows;
}

void order_snapshot_settle(struct order_snapshot *order, struct arena *arena) {
    size_t kept = 0;
    order->total_minor = 0;
    for (size_t i = 0; i < order->item_count; i++)
        order->total_minor += order->items[i].quantity * order->items[i].unit_price_minor;
    copy_allocations(order, arena);
    for (size_t i = order->allocation_count; i > 0; i--)
        reduce(order, &order->allocations[i - 1]);
    for (size_t i = 0; i < order->allocation_count; i++) {
        if (order->allocations[i].item_count > 0)
            order->allocations[kept++] = order->allocations[i];
    }
    order->allocation_count = kept;
}

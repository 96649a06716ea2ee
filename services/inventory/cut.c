#include "services/inventory/cut.h"

#include "services/inventory/store.h"

/* Main gives all of an order that names no warehouses. */
static int64_t pieces_left(const struct order_snapshot *left, const struct stock_line *line) {
    int64_t pieces = 0;
    if (left->allocation_count == 0)
        return order_items_pieces(left->items, left->item_count, line->sku);
    for (size_t i = 0; i < left->allocation_count; i++) {
        const struct order_allocation *allocation = &left->allocations[i];
        if (slice_equal(allocation->warehouse, warehouse_name(line->warehouse)))
            pieces += order_items_pieces(allocation->items, allocation->item_count, line->sku);
    }
    return pieces;
}

static bool is_same(const struct stock_line *a, const struct stock_line *b) {
    return slice_equal(a->sku, b->sku) && slice_equal(a->warehouse, b->warehouse);
}

/* Several lines may have one SKU: those before have taken theirs. */
static int64_t pieces_of(const struct order_snapshot *left, const struct stock_line *line,
                         const struct stock_lines *kept) {
    int64_t pieces = pieces_left(left, line);
    for (size_t i = 0; i < kept->count; i++) {
        if (is_same(&kept->rows[i], line))
            pieces -= kept->rows[i].quantity;
    }
    return pieces < line->quantity ? pieces : line->quantity;
}

static void add(struct stock_lines *lines, const struct stock_line *line, int64_t quantity) {
    if (quantity > 0)
        lines->rows[lines->count++] = (struct stock_line){line->sku, quantity, line->warehouse};
}

void reservation_cut(struct reservation *reservation, const struct order_snapshot *left,
                     struct arena *arena, struct stock_lines *freed) {
    size_t bytes = (reservation->line_count + 1) * sizeof(struct stock_line);
    struct stock_lines kept = {arena_alloc(arena, bytes), 0};
    *freed = (struct stock_lines){arena_alloc(arena, bytes), 0};
    for (size_t i = 0; i < reservation->line_count; i++) {
        const struct stock_line *line = &reservation->lines[i];
        int64_t pieces = pieces_of(left, line, &kept);
        add(&kept, line, pieces);
        add(freed, line, line->quantity - pieces);
    }
    reservation->is_cut |= freed->count > 0;
    reservation->lines = kept.rows;
    reservation->line_count = kept.count;
}

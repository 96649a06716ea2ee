#include "services/inventory/stock.h"

#include <stdlib.h>
#include <string.h>

static int compare_sku(const void *key, const void *element) {
    const struct slice *sku = key;
    const struct stock_row *row = element;
    size_t shorter = sku->len < row->sku.len ? sku->len : row->sku.len;
    int order = memcmp(sku->ptr, row->sku.ptr, shorter);
    if (order != 0)
        return order;
    return (sku->len > row->sku.len) - (sku->len < row->sku.len);
}

struct stock_row *stock_find_all(const struct stock *stock, struct slice sku, size_t *count) {
    *count = 0;
    if (stock->count == 0)
        return NULL;
    struct stock_row *row =
        bsearch(&sku, stock->rows, stock->count, sizeof(*stock->rows), compare_sku);
    if (row == NULL)
        return NULL;
    const struct stock_row *end = stock->rows + stock->count;
    while (row > stock->rows && slice_equal(row[-1].sku, sku))
        row--;
    while (row + *count < end && slice_equal(row[*count].sku, sku))
        ++*count;
    return row;
}

struct stock_row *stock_find(const struct stock *stock, struct slice sku, struct slice warehouse) {
    size_t count;
    struct stock_row *rows = stock_find_all(stock, sku, &count);
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(rows[i].warehouse, warehouse))
            return &rows[i];
    }
    return NULL;
}

static struct stock_row *find(const struct stock *stock, const struct stock_line *line) {
    return stock_find(stock, line->sku, line->warehouse);
}

/* From on hand to reserved; back with a negative quantity. */
static void hold(struct stock_row *row, int64_t quantity) {
    row->on_hand -= quantity;
    row->on_hand_move -= quantity;
    row->reserved_move += quantity;
}

bool stock_reserve(struct stock *stock, const struct stock_line *lines, size_t count,
                   struct shortage *shortage) {
    size_t held = 0;
    for (; held < count; held++) {
        struct stock_row *row = find(stock, &lines[held]);
        if (row == NULL || row->on_hand < lines[held].quantity) {
            shortage->reason = row == NULL ? REASON_UNKNOWN_SKU : REASON_OUT_OF_STOCK;
            shortage->sku = lines[held].sku;
            break;
        }
        hold(row, lines[held].quantity);
    }
    if (held == count)
        return true;
    for (size_t i = 0; i < held; i++)
        hold(find(stock, &lines[i]), -lines[i].quantity);
    return false;
}

static bool has_all(struct stock *stock, const struct stock_line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (find(stock, &lines[i]) == NULL)
            return false;
    }
    return true;
}

bool stock_release(struct stock *stock, const struct stock_line *lines, size_t count) {
    if (!has_all(stock, lines, count))
        return false;
    for (size_t i = 0; i < count; i++)
        hold(find(stock, &lines[i]), -lines[i].quantity);
    return true;
}

bool stock_ship(struct stock *stock, const struct stock_line *lines, size_t count) {
    if (!has_all(stock, lines, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct stock_row *row = find(stock, &lines[i]);
        row->reserved_move -= lines[i].quantity;
        row->shipped_move += lines[i].quantity;
    }
    return true;
}

bool stock_unship(struct stock *stock, const struct stock_line *lines, size_t count) {
    if (!has_all(stock, lines, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct stock_row *row = find(stock, &lines[i]);
        row->on_hand += lines[i].quantity;
        row->on_hand_move += lines[i].quantity;
        row->shipped_move -= lines[i].quantity;
    }
    return true;
}

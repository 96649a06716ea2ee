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

static struct stock_row *find(struct stock *stock, struct slice sku) {
    if (stock->count == 0)
        return NULL;
    return bsearch(&sku, stock->rows, stock->count, sizeof(*stock->rows), compare_sku);
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
        struct stock_row *row = find(stock, lines[held].sku);
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
        hold(find(stock, lines[i].sku), -lines[i].quantity);
    return false;
}

static bool has_all(struct stock *stock, const struct stock_line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (find(stock, lines[i].sku) == NULL)
            return false;
    }
    return true;
}

bool stock_release(struct stock *stock, const struct stock_line *lines, size_t count) {
    if (!has_all(stock, lines, count))
        return false;
    for (size_t i = 0; i < count; i++)
        hold(find(stock, lines[i].sku), -lines[i].quantity);
    return true;
}

bool stock_ship(struct stock *stock, const struct stock_line *lines, size_t count) {
    if (!has_all(stock, lines, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct stock_row *row = find(stock, lines[i].sku);
        row->reserved_move -= lines[i].quantity;
        row->shipped_move += lines[i].quantity;
    }
    return true;
}

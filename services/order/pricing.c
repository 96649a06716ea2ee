#include "services/order/pricing.h"

#include <stdlib.h>
#include <string.h>

static int compare_sku(const void *key, const void *element) {
    const struct slice *sku = key;
    const struct catalog_price *price = element;
    size_t shorter = sku->len < price->sku.len ? sku->len : price->sku.len;
    int order = memcmp(sku->ptr, price->sku.ptr, shorter);
    if (order != 0)
        return order;
    return (sku->len > price->sku.len) - (sku->len < price->sku.len);
}

static const struct catalog_price *find_price(const struct catalog *catalog, struct slice sku) {
    if (catalog->count == 0)
        return NULL;
    return bsearch(&sku, catalog->prices, catalog->count, sizeof(*catalog->prices), compare_sku);
}

static enum order_reason price_item(struct order_item *item, struct slice currency,
                                    const struct catalog_price *price) {
    int64_t expected_minor = item->unit_price_minor;
    item->unit_price_minor = price ? price->price_minor : 0;
    if (price == NULL || !price->is_active)
        return REASON_UNKNOWN_SKU;
    bool agrees = expected_minor < 0 || expected_minor == price->price_minor;
    if (!agrees || !slice_equal(currency, price->currency))
        return REASON_PRICE_CHANGED;
    return REASON_NONE;
}

/* False when the sum leaves what every reader of JSON can hold exactly. */
static bool add_line(const struct order_item *item, int64_t *total_minor) {
    int64_t line_minor;
    return !__builtin_mul_overflow(item->unit_price_minor, item->quantity, &line_minor) &&
           !__builtin_add_overflow(*total_minor, line_minor, total_minor) &&
           *total_minor <= ORDER_MAX_MINOR;
}

enum order_reason order_price(struct order_snapshot *order, const struct catalog *catalog,
                              struct slice *detail) {
    enum order_reason reason = REASON_NONE;
    bool is_in_range = true;
    int64_t total_minor = 0;
    for (size_t i = 0; i < order->item_count; i++) {
        struct order_item *item = &order->items[i];
        enum order_reason item_reason =
            price_item(item, order->currency, find_price(catalog, item->sku));
        if (item_reason != REASON_NONE && reason == REASON_NONE) {
            reason = item_reason;
            *detail = item->sku;
        }
        is_in_range = is_in_range && add_line(item, &total_minor);
    }
    order->total_minor = is_in_range ? total_minor : 0;
    if (reason == REASON_NONE && !is_in_range) {
        reason = REASON_PRICE_CHANGED;
        *detail = SLICE_LITERAL("total");
    }
    return reason;
}

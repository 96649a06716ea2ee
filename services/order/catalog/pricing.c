#include "services/order/catalog/pricing.h"

#include "shared/base/buf.h"

#include <inttypes.h>
#include <stdlib.h>

static int compare_sku(const void *key, const void *element) {
    return slice_compare(*(const struct slice *)key, ((const struct catalog_price *)element)->sku);
}

static const struct catalog_price *find_price(const struct catalog *catalog, struct slice sku) {
    if (catalog->count == 0)
        return NULL;
    return bsearch(&sku, catalog->prices, catalog->count, sizeof(*catalog->prices), compare_sku);
}

/* What is wrong with an item, if anything, by what the client expects of it. */
static enum order_reason judge_item(const struct order_item *item, struct slice currency,
                                    const struct catalog_price *price) {
    if (price == NULL || !price->is_active)
        return REASON_UNKNOWN_SKU;
    if (!slice_equal(currency, price->currency))
        return REASON_CURRENCY_MISMATCH;
    if (item->unit_price_minor >= 0 && item->unit_price_minor != price->price_minor)
        return REASON_PRICE_CHANGED;
    return REASON_NONE;
}

static struct slice describe(enum order_reason reason, const struct order_item *item,
                             struct slice currency, const struct catalog_price *price,
                             struct arena *arena) {
    struct buf text = {0};
    buf_append_slice(&text, item->sku);
    if (reason == REASON_CURRENCY_MISMATCH)
        buf_printf(&text, " is sold in %.*s and not in %.*s", SLICE_ARG(price->currency),
                   SLICE_ARG(currency));
    if (reason == REASON_PRICE_CHANGED)
        buf_printf(&text, " costs %" PRId64 " and not %" PRId64 " minor units of %.*s",
                   price->price_minor, item->unit_price_minor, SLICE_ARG(currency));
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

/* False when the sum leaves what every reader of JSON can hold exactly. */
static bool add_line(const struct order_item *item, int64_t *total_minor) {
    int64_t line_minor;
    return !__builtin_mul_overflow(item->unit_price_minor, item->quantity, &line_minor) &&
           !__builtin_add_overflow(*total_minor, line_minor, total_minor) &&
           *total_minor <= ORDER_MAX_MINOR;
}

enum order_reason order_price(struct order_snapshot *order, const struct catalog *catalog,
                              struct arena *arena, struct slice *detail) {
    enum order_reason reason = REASON_NONE;
    bool is_in_range = true;
    int64_t total_minor = 0;
    for (size_t i = 0; i < order->item_count; i++) {
        struct order_item *item = &order->items[i];
        const struct catalog_price *price = find_price(catalog, item->sku);
        if (reason == REASON_NONE) {
            reason = judge_item(item, order->currency, price);
            if (reason != REASON_NONE)
                *detail = describe(reason, item, order->currency, price, arena);
        }
        item->unit_price_minor = price != NULL ? price->price_minor : 0;
        is_in_range = is_in_range && add_line(item, &total_minor);
    }
    order->total_minor = is_in_range ? total_minor : 0;
    if (reason == REASON_NONE && !is_in_range) {
        reason = REASON_PRICE_CHANGED;
        *detail = SLICE_LITERAL("total");
    }
    return reason;
}

#include "services/order/catalog/pricing.h"
#include "tests/support/base/test.h"

static const struct catalog_price prices[] = {
    {SLICE_LITERAL("A"), 1999, SLICE_LITERAL("USD"), true},
    {SLICE_LITERAL("A-LONGER"), 100, SLICE_LITERAL("USD"), true},
    {SLICE_LITERAL("DEAR"), ORDER_MAX_MINOR, SLICE_LITERAL("USD"), true},
    {SLICE_LITERAL("EURO"), 500, SLICE_LITERAL("EUR"), true},
    {SLICE_LITERAL("GONE"), 700, SLICE_LITERAL("USD"), false},
};
static const struct catalog catalog = {prices, sizeof(prices) / sizeof(prices[0])};

static struct slice detail;
static struct arena *arena;

static enum order_reason price(struct order_item *items, size_t count, int64_t *total_minor) {
    struct order_snapshot order = {
        .currency = SLICE_LITERAL("USD"), .total_minor = -1, .items = items, .item_count = count};
    detail = (struct slice){0};
    enum order_reason reason = order_price(&order, &catalog, arena, &detail);
    *total_minor = order.total_minor;
    return reason;
}

#define ITEM(sku, quantity, unit_price_minor)                                                      \
    { SLICE_LITERAL(sku), quantity, unit_price_minor }

static void the_catalog_sets_unit_prices_and_the_total(void **state) {
    (void)state;
    struct order_item items[] = {ITEM("A", 2, -1), ITEM("A-LONGER", 3, 100)};
    int64_t total;
    assert_int_equal(price(items, 2, &total), REASON_NONE);
    assert_int_equal(total, 2 * 1999 + 3 * 100);
    assert_int_equal(items[0].unit_price_minor, 1999);
}

static void a_price_the_client_did_not_expect_fails_the_order(void **state) {
    (void)state;
    struct order_item items[] = {ITEM("A", 1, 1899)};
    int64_t total;
    assert_int_equal(price(items, 1, &total), REASON_PRICE_CHANGED);
    assert_int_equal(total, 1999);
    assert_slice_equal(detail, "A costs 1999 and not 1899 minor units of USD");
}

static void another_currency_fails_the_order(void **state) {
    (void)state;
    struct order_item items[] = {ITEM("A", 1, -1), ITEM("EURO", 1, 600)};
    int64_t total;
    assert_int_equal(price(items, 2, &total), REASON_CURRENCY_MISMATCH);
    assert_slice_equal(detail, "EURO is sold in EUR and not in USD");
}

static void an_unknown_or_withdrawn_sku_fails_the_order_and_known_prices_stay(void **state) {
    (void)state;
    struct order_item unknown[] = {ITEM("NOPE", 1, -1), ITEM("A", 1, -1)};
    struct order_item withdrawn[] = {ITEM("GONE", 1, -1)};
    int64_t total;
    assert_int_equal(price(unknown, 2, &total), REASON_UNKNOWN_SKU);
    assert_slice_equal(detail, "NOPE");
    assert_int_equal(unknown[0].unit_price_minor, 0);
    assert_int_equal(total, 1999);
    assert_int_equal(price(withdrawn, 1, &total), REASON_UNKNOWN_SKU);
}

static void a_total_beyond_what_json_holds_exactly_fails_the_order(void **state) {
    (void)state;
    struct order_item once[] = {ITEM("DEAR", 1, -1)};
    struct order_item sum[] = {ITEM("DEAR", 1, -1), ITEM("A", 1, -1)};
    struct order_item product[] = {ITEM("DEAR", ORDER_MAX_QUANTITY, -1)};
    int64_t total;
    assert_int_equal(price(once, 1, &total), REASON_NONE);
    assert_int_equal(total, ORDER_MAX_MINOR);
    assert_int_equal(price(sum, 2, &total), REASON_PRICE_CHANGED);
    assert_int_equal(total, 0);
    assert_slice_equal(detail, "total");
    assert_int_equal(price(product, 1, &total), REASON_PRICE_CHANGED);
}

static void an_empty_catalog_knows_nothing(void **state) {
    (void)state;
    struct order_item items[] = {ITEM("A", 1, -1)};
    struct order_snapshot order = {
        .currency = SLICE_LITERAL("USD"), .items = items, .item_count = 1};
    const struct catalog empty = {0};
    assert_int_equal(order_price(&order, &empty, arena, &detail), REASON_UNKNOWN_SKU);
}

static int setup(void **state) {
    (void)state;
    arena = arena_create(1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalog_sets_unit_prices_and_the_total),
        cmocka_unit_test(a_price_the_client_did_not_expect_fails_the_order),
        cmocka_unit_test(another_currency_fails_the_order),
        cmocka_unit_test(an_unknown_or_withdrawn_sku_fails_the_order_and_known_prices_stay),
        cmocka_unit_test(a_total_beyond_what_json_holds_exactly_fails_the_order),
        cmocka_unit_test(an_empty_catalog_knows_nothing),
    };
    return cmocka_run_group_tests_name("pricing", tests, setup, teardown);
}

/* What a reservation holds no more. */
#include "services/inventory/cut.h"
#include "tests/support/base/test.h"

static const struct stock_line held[] = {{SLICE_LITERAL("A"), 2, {0}},
                                         {SLICE_LITERAL("B"), 1, {0}},
                                         {SLICE_LITERAL("A"), 1, {0}},
                                         {SLICE_LITERAL("A"), 3, SLICE_LITERAL("north")}};

static void what_is_over_is_freed_once(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct reservation reservation = {.lines = held, .line_count = 3};
    struct order_item items[] = {{SLICE_LITERAL("A"), 2, 500}};
    const struct order_snapshot left = {.items = items, .item_count = 1};
    struct stock_lines freed;
    reservation_cut(&reservation, &left, arena, &freed);
    assert_true(reservation.is_cut);
    assert_int_equal(reservation.line_count, 1);
    assert_int_equal(reservation.lines[0].quantity, 2);
    assert_int_equal(freed.count, 2);
    assert_slice_equal(freed.rows[0].sku, "B");
    assert_int_equal(freed.rows[1].quantity, 1);

    /* The same again, and a cut that came before it. */
    struct order_item more[] = {{SLICE_LITERAL("A"), 3, 500}, {SLICE_LITERAL("B"), 1, 500}};
    const struct order_snapshot before = {.items = more, .item_count = 2};
    reservation.is_cut = false;
    reservation_cut(&reservation, &left, arena, &freed);
    assert_int_equal(freed.count, 0);
    reservation_cut(&reservation, &before, arena, &freed);
    assert_int_equal(freed.count, 0);
    assert_false(reservation.is_cut);
    assert_int_equal(reservation.lines[0].quantity, 2);
    arena_destroy(&arena);
}

static void each_warehouse_keeps_what_it_sends(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct reservation reservation = {.lines = held, .line_count = 4};
    struct order_item items[] = {{SLICE_LITERAL("A"), 3, 500}, {SLICE_LITERAL("B"), 1, 500}};
    struct order_item main_items[] = {{SLICE_LITERAL("A"), 2, -1}, {SLICE_LITERAL("B"), 1, -1}};
    struct order_item north_items[] = {{SLICE_LITERAL("A"), 1, -1}};
    struct order_allocation parcels[] = {{SLICE_LITERAL("main"), main_items, 2},
                                         {SLICE_LITERAL("north"), north_items, 1}};
    const struct order_snapshot left = {
        .items = items, .item_count = 2, .allocations = parcels, .allocation_count = 2};
    struct stock_lines freed;
    reservation_cut(&reservation, &left, arena, &freed);
    assert_int_equal(freed.count, 2);
    assert_int_equal(freed.rows[0].quantity, 1);
    assert_int_equal(freed.rows[0].warehouse.len, 0);
    assert_int_equal(freed.rows[1].quantity, 2);
    assert_slice_equal(freed.rows[1].warehouse, "north");
    assert_int_equal(reservation.line_count, 3);
    arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_is_freed_once),
        cmocka_unit_test(each_warehouse_keeps_what_it_sends),
    };
    return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}

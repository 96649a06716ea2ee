#include "services/inventory/allocation.h"
#include "tests/support/base/test.h"

#include <stdlib.h>

#define NORTH SLICE_LITERAL("north") /* rank 1 */
#define SOUTH SLICE_LITERAL("south") /* rank 2 */
#define EAST SLICE_LITERAL("east")   /* rank 3 */
#define MOST_ROWS 64

static struct arena *arena;
static struct stock_row rows[MOST_ROWS];
static struct stock stock;
static struct allocation plan;
static struct shortage shortage;

static int open_arena(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int close_arena(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* Rows are given in the order of SKUs and ranks. */
static void lies(const char *sku, int rank, int64_t on_hand) {
    const struct slice names[] = {{NULL, 0}, NORTH, SOUTH, EAST};
    rows[stock.count++] = (struct stock_row){
        .sku = slice_of(sku), .warehouse = names[rank], .rank = rank, .on_hand = on_hand};
}

static int empty(void **state) {
    (void)state;
    stock = (struct stock){rows, 0};
    plan = (struct allocation){NULL, 0};
    return 0;
}

#define LINE(sku, quantity)                                                                        \
    { SLICE_LITERAL(sku), quantity, SLICE_LITERAL("") }

static bool allocate(const struct stock_line *lines, size_t count) {
    const struct wanted_lines wanted = {lines, count};
    return allocation_plan(&stock, &wanted, arena, &plan, &shortage);
}

static void assert_line(size_t i, const char *sku, int64_t quantity, struct slice warehouse) {
    assert_true(i < plan.count);
    assert_slice_equal(plan.lines[i].sku, sku);
    assert_int_equal(plan.lines[i].quantity, quantity);
    assert_true(slice_equal(plan.lines[i].warehouse, warehouse));
}

static void one_warehouse_that_has_all_of_it_serves_the_whole_order(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 2), LINE("B", 1)};
    lies("A", 0, 9);
    lies("A", 2, 2);
    lies("B", 0, 0);
    lies("B", 1, 5);
    lies("B", 2, 1);
    assert_true(allocate(wanted, 2));
    assert_int_equal(plan.count, 2);
    assert_line(0, "A", 2, SOUTH);
    assert_line(1, "B", 1, SOUTH);
}

static void of_several_that_could_the_lowest_rank_serves(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 2)};
    lies("A", 0, 1);
    lies("A", 1, 2);
    lies("A", 2, 9);
    assert_true(allocate(wanted, 1));
    assert_int_equal(plan.count, 1);
    assert_line(0, "A", 2, NORTH);
}

/* Taking what the lowest ranks have, one after the other, would need three. */
static void the_fewest_warehouses_serve_it_together(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 1), LINE("B", 1), LINE("C", 1)};
    lies("A", 0, 1);
    lies("B", 0, 0);
    lies("B", 1, 1);
    lies("B", 3, 1);
    lies("C", 0, 0);
    lies("C", 2, 1);
    lies("C", 3, 1);
    assert_true(allocate(wanted, 3));
    assert_int_equal(plan.count, 3);
    assert_line(0, "A", 1, (struct slice){NULL, 0});
    assert_line(1, "B", 1, EAST);
    assert_line(2, "C", 1, EAST);
}

static void a_line_is_divided_only_where_no_warehouse_of_the_choice_has_all_of_it(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 4), LINE("B", 3)};
    lies("A", 0, 3);
    lies("A", 1, 3);
    lies("B", 0, 1);
    lies("B", 1, 3);
    assert_true(allocate(wanted, 2));
    assert_int_equal(plan.count, 3);
    assert_line(0, "A", 3, (struct slice){NULL, 0});
    assert_line(1, "A", 1, NORTH);
    assert_line(2, "B", 3, NORTH);
}

static void of_those_that_have_all_of_a_line_the_lowest_rank_gives_it(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 3), LINE("B", 4)};
    lies("A", 0, 5);
    lies("A", 1, 5);
    lies("B", 0, 2);
    lies("B", 1, 2);
    assert_true(allocate(wanted, 2));
    assert_int_equal(plan.count, 3);
    assert_line(0, "A", 3, (struct slice){NULL, 0});
    assert_line(1, "B", 2, (struct slice){NULL, 0});
    assert_line(2, "B", 2, NORTH);
}

static void a_sku_in_two_lines_counts_together(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 2), LINE("A", 2)};
    lies("A", 0, 2);
    lies("A", 1, 1);
    assert_false(allocate(wanted, 2));
    rows[1].on_hand = 2;
    assert_true(allocate(wanted, 2));
    assert_int_equal(plan.count, 2);
    assert_line(0, "A", 2, (struct slice){NULL, 0});
    assert_line(1, "A", 2, NORTH);
}

static void too_little_everywhere_names_the_sku_at_fault(void **state) {
    (void)state;
    const struct stock_line wanted[] = {LINE("A", 2), LINE("B", 3)};
    const struct stock_line unknown[] = {LINE("A", 2), LINE("Z", 1)};
    lies("A", 0, 1);
    lies("A", 1, 1);
    lies("B", 0, 1);
    lies("B", 1, 1);
    assert_false(allocate(wanted, 2));
    assert_int_equal(shortage.reason, REASON_OUT_OF_STOCK);
    assert_slice_equal(shortage.sku, "B");
    assert_false(allocate(unknown, 2));
    assert_int_equal(shortage.reason, REASON_UNKNOWN_SKU);
    assert_slice_equal(shortage.sku, "Z");
}

static int64_t sum_of(const struct stock_line *lines, size_t count, struct slice sku) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += slice_equal(lines[i].sku, sku) ? lines[i].quantity : 0;
    return sum;
}

/* Whatever lies where: a plan gives exactly what is wanted, can be reserved as it is, and there is
   one wherever there is enough. */
static void a_plan_can_always_be_reserved_and_adds_up(void **state) {
    (void)state;
    static const char *const skus[] = {"A", "B", "C"};
    srand(7);
    for (int turn = 0; turn < 2000; turn++) {
        struct stock_line wanted[4];
        int64_t have[3] = {0}, need[3] = {0};
        stock.count = 0;
        for (int sku = 0; sku < 3; sku++) {
            for (int rank = 0; rank < 4; rank++) {
                lies(skus[sku], rank, rand() % 4);
                have[sku] += rows[stock.count - 1].on_hand;
            }
        }
        for (int i = 0; i < 4; i++) {
            int sku = rand() % 3;
            wanted[i] = (struct stock_line){.sku = slice_of(skus[sku]), .quantity = 1 + rand() % 4};
            need[sku] += wanted[i].quantity;
        }
        bool is_enough = need[0] <= have[0] && need[1] <= have[1] && need[2] <= have[2];
        assert_int_equal(allocate(wanted, 4), is_enough);
        if (!is_enough)
            continue;
        for (int sku = 0; sku < 3; sku++)
            assert_int_equal(sum_of(plan.lines, plan.count, slice_of(skus[sku])), need[sku]);
        assert_true(stock_reserve(&stock, plan.lines, plan.count, &shortage));
        arena_reset(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_warehouse_that_has_all_of_it_serves_the_whole_order, empty),
        cmocka_unit_test_setup(of_several_that_could_the_lowest_rank_serves, empty),
        cmocka_unit_test_setup(the_fewest_warehouses_serve_it_together, empty),
        cmocka_unit_test_setup(
            a_line_is_divided_only_where_no_warehouse_of_the_choice_has_all_of_it, empty),
        cmocka_unit_test_setup(of_those_that_have_all_of_a_line_the_lowest_rank_gives_it, empty),
        cmocka_unit_test_setup(a_sku_in_two_lines_counts_together, empty),
        cmocka_unit_test_setup(too_little_everywhere_names_the_sku_at_fault, empty),
        cmocka_unit_test_setup(a_plan_can_always_be_reserved_and_adds_up, empty),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}

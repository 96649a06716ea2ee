#include "services/inventory/reservation.h"
#include "tests/support/base/test.h"

#define NORTH SLICE_LITERAL("north")

static struct arena *arena;
static struct stock_row rows[] = {
    {.sku = SLICE_LITERAL("CAP"), .is_elsewhere = true},
    {.sku = SLICE_LITERAL("CAP"), .warehouse = NORTH, .rank = 1},
};
static struct stock stock = {rows, 2};
static struct stock_line line = {.sku = SLICE_LITERAL("CAP"), .quantity = 3};
static struct reservation reservation;
static struct shortage shortage;

static bool reserve(int64_t in_main, int64_t in_north) {
    const struct wanted_lines wanted = {&line, 1};
    rows[0].on_hand = in_main;
    rows[1].on_hand = in_north;
    rows[0].reserved_move = rows[1].reserved_move = 0;
    reservation = (struct reservation){0};
    return reservation_make(&reservation, &stock, &wanted, arena, &shortage);
}

static void main_serves_what_it_has(void **state) {
    (void)state;
    assert_true(reserve(3, 9));
    assert_int_equal(reservation.status, RESERVATION_RESERVED);
    assert_ptr_equal(reservation.lines, &line);
    assert_int_equal(rows[0].reserved_move, 3);
    assert_int_equal(rows[1].reserved_move, 0);
}

static void another_warehouse_serves_what_main_has_not(void **state) {
    (void)state;
    assert_true(reserve(2, 3));
    assert_int_equal(reservation.status, RESERVATION_ALLOCATED);
    assert_int_equal(reservation.line_count, 1);
    assert_true(slice_is(reservation.lines[0].warehouse, "north"));
    assert_int_equal(rows[0].reserved_move, 0);
    assert_int_equal(rows[1].reserved_move, 3);
}

static void what_nobody_has_is_refused_and_moves_nothing(void **state) {
    (void)state;
    assert_false(reserve(1, 1));
    assert_int_equal(reservation.status, RESERVATION_REJECTED);
    assert_int_equal(reservation.reason, REASON_OUT_OF_STOCK);
    assert_int_equal(rows[0].reserved_move, 0);
    assert_int_equal(rows[1].reserved_move, 0);
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_serves_what_it_has),
        cmocka_unit_test(another_warehouse_serves_what_main_has_not),
        cmocka_unit_test(what_nobody_has_is_refused_and_moves_nothing),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}

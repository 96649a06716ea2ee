#include "services/inventory/stock.h"
#include "tests/support/base/test.h"

static struct stock_row rows[2];
static struct stock stock;
static struct shortage shortage;

static int fill(void **state) {
    (void)state;
    rows[0] = (struct stock_row){.sku = SLICE_LITERAL("A"), .on_hand = 5};
    rows[1] = (struct stock_row){.sku = SLICE_LITERAL("B"), .on_hand = 1};
    stock = (struct stock){rows, 2};
    return 0;
}

#define LINE(sku, quantity)                                                                        \
    { SLICE_LITERAL(sku), quantity, SLICE_LITERAL("") }

static void assert_row(size_t i, int64_t on_hand, int64_t reserved_move, int64_t shipped_move) {
    assert_int_equal(rows[i].on_hand, on_hand);
    assert_int_equal(rows[i].reserved_move, reserved_move);
    assert_int_equal(rows[i].shipped_move, shipped_move);
    assert_int_equal(rows[i].on_hand_move + rows[i].reserved_move + rows[i].shipped_move, 0);
}

static void a_reservation_moves_stock_from_on_hand_to_reserved(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 3), LINE("B", 1)};
    assert_true(stock_reserve(&stock, lines, 2, &shortage));
    assert_row(0, 2, 3, 0);
    assert_row(1, 0, 1, 0);
}

static void an_order_gets_all_of_its_lines_or_none(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 3), LINE("B", 2)};
    assert_false(stock_reserve(&stock, lines, 2, &shortage));
    assert_int_equal(shortage.reason, REASON_OUT_OF_STOCK);
    assert_slice_equal(shortage.sku, "B");
    assert_row(0, 5, 0, 0);
    assert_row(1, 1, 0, 0);
}

static void a_sku_in_two_lines_counts_together(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 3), LINE("A", 3)};
    assert_false(stock_reserve(&stock, lines, 2, &shortage));
    assert_row(0, 5, 0, 0);
}

static void an_unknown_sku_says_so(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 1), LINE("C", 1)};
    assert_false(stock_reserve(&stock, lines, 2, &shortage));
    assert_int_equal(shortage.reason, REASON_UNKNOWN_SKU);
    assert_slice_equal(shortage.sku, "C");
    assert_row(0, 5, 0, 0);
}

/* Rows come by SKU; one may begin as another does. */
static void a_sku_is_found_among_those_that_begin_like_it(void **state) {
    (void)state;
    static const char *const skus[] = {"A", "AA", "AAB", "AB", "B"};
    struct stock_row many[5] = {0};
    struct stock all = {many, 5};
    for (size_t i = 0; i < 5; i++)
        many[i] = (struct stock_row){.sku = slice_of(skus[i]), .on_hand = (int64_t)i + 1};
    for (size_t i = 0; i < 5; i++) {
        const struct stock_line line = {slice_of(skus[i]), (int64_t)i + 1, {NULL, 0}};
        assert_true(stock_reserve(&all, &line, 1, &shortage));
        assert_int_equal(many[i].reserved_move, i + 1);
    }
    static const char *const unknown[] = {"", "AABB", "AAA", "AC", "BA"};
    for (size_t i = 0; i < 5; i++) {
        const struct stock_line line = {slice_of(unknown[i]), 1, {NULL, 0}};
        assert_false(stock_reserve(&all, &line, 1, &shortage));
        assert_int_equal(shortage.reason, REASON_UNKNOWN_SKU);
    }
}

static void the_last_piece_is_sold_once(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("B", 1)};
    assert_true(stock_reserve(&stock, lines, 1, &shortage));
    assert_false(stock_reserve(&stock, lines, 1, &shortage));
    assert_row(1, 0, 1, 0);
}

static void a_release_gives_back_what_the_next_order_can_have(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("B", 1)};
    assert_true(stock_reserve(&stock, lines, 1, &shortage));
    assert_true(stock_release(&stock, lines, 1));
    assert_row(1, 1, 0, 0);
    assert_true(stock_reserve(&stock, lines, 1, &shortage));
}

static void shipping_moves_reserved_to_shipped(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 2)};
    assert_true(stock_reserve(&stock, lines, 1, &shortage));
    assert_true(stock_ship(&stock, lines, 1));
    assert_row(0, 3, 0, 2);
}

static void what_is_not_sent_after_all_is_on_hand_again(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 2)}, some[] = {LINE("A", 1)};
    assert_true(stock_reserve(&stock, lines, 1, &shortage));
    assert_true(stock_ship(&stock, lines, 1));
    assert_true(stock_unship(&stock, some, 1));
    assert_row(0, 4, 0, 1);
}

static void what_is_gone_from_the_table_is_neither_released_nor_shipped(void **state) {
    (void)state;
    const struct stock_line lines[] = {LINE("A", 1), LINE("C", 1)};
    assert_false(stock_release(&stock, lines, 2));
    assert_false(stock_ship(&stock, lines, 2));
    assert_false(stock_unship(&stock, lines, 2));
    assert_row(0, 5, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, fill)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_reservation_moves_stock_from_on_hand_to_reserved),
        TEST(an_order_gets_all_of_its_lines_or_none),
        TEST(a_sku_in_two_lines_counts_together),
        TEST(an_unknown_sku_says_so),
        TEST(a_sku_is_found_among_those_that_begin_like_it),
        TEST(the_last_piece_is_sold_once),
        TEST(a_release_gives_back_what_the_next_order_can_have),
        TEST(shipping_moves_reserved_to_shipped),
        TEST(what_is_not_sent_after_all_is_on_hand_again),
        TEST(what_is_gone_from_the_table_is_neither_released_nor_shipped),
    };
    return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}

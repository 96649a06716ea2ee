#include "shared/contract/order_lines.h"
#include "tests/support/base/test.h"

static struct arena *arena;

static const struct json_value *parse(const char *items) {
    const struct json_value *root, *array;
    struct buf text = {0};
    struct error error;
    buf_printf(&text, "{\"items\":%s}", items);
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    assert_int_equal(json_tree_parse(kept, arena, &root, &error), STATUS_OK);
    assert_int_equal(json_tree_get_array(root, "items", &array, &error), STATUS_OK);
    return array;
}

/* Two lines of mugs and one of a lamp, of which one piece was cancelled. */
static struct order_lines make_lines(void) {
    struct order_lines lines;
    struct error error;
    const char *text = "[{\"sku\":\"MUG\",\"quantity\":2,\"unitPriceMinor\":500},"
                       "{\"sku\":\"LAMP\",\"quantity\":4,\"unitPriceMinor\":1999,\"cancelled\":1},"
                       "{\"sku\":\"MUG\",\"quantity\":1,\"unitPriceMinor\":400}]";
    assert_int_equal(order_lines_parse(parse(text), arena, &lines, &error), STATUS_OK);
    return lines;
}

static enum status take(struct order_lines *lines, const char *items, struct error *error) {
    struct line_wishes wishes;
    assert_int_equal(line_wishes_parse(parse(items), arena, &wishes, NULL, error), STATUS_OK);
    return order_lines_take(lines, &wishes, error);
}

static void assert_taken(const struct order_lines *lines, int64_t a, int64_t b, int64_t c) {
    assert_int_equal(lines->rows[0].taken, a);
    assert_int_equal(lines->rows[1].taken, b);
    assert_int_equal(lines->rows[2].taken, c);
}

static void what_is_cancelled_is_no_piece_of_its_line(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    assert_int_equal(lines.count, 3);
    assert_int_equal(lines.rows[1].quantity, 3);
    assert_int_equal(lines.rows[1].left, 3);
}

static void pieces_are_taken_by_line_and_by_sku_from_the_first_line_that_has_some(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    struct error error;
    assert_int_equal(take(&lines, "[{\"sku\":\"MUG\",\"quantity\":3}]", &error), STATUS_OK);
    assert_taken(&lines, 2, 0, 1);
    assert_int_equal(take(&lines, "[{\"line\":2,\"quantity\":1}]", &error), STATUS_OK);
    assert_taken(&lines, 2, 1, 1);
    assert_int_equal(lines.rows[1].left, 2);
    assert_true(order_lines_have_left(&lines));
    assert_int_equal(take(&lines, "[{\"sku\":\"LAMP\",\"quantity\":2}]", &error), STATUS_OK);
    assert_false(order_lines_have_left(&lines));
}

static void all_wishes_are_taken_or_none(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    struct error error;
    assert_int_equal(take(&lines, "[{\"line\":1,\"quantity\":1}]", &error), STATUS_OK);
    assert_int_equal(
        take(&lines, "[{\"sku\":\"LAMP\",\"quantity\":1},{\"line\":1,\"quantity\":2}]", &error),
        STATUS_CONFLICT);
    assert_string_equal(error.text, "of line 1 only 1 are left");
    assert_taken(&lines, 1, 0, 0);
    assert_int_equal(lines.rows[1].left, 3);
    assert_int_equal(take(&lines, "[{\"sku\":\"MUG\",\"quantity\":4}]", &error), STATUS_CONFLICT);
    assert_string_equal(error.text, "of MUG only 2 are left");
    assert_int_equal(take(&lines, "[{\"sku\":\"CUP\",\"quantity\":1}]", &error), STATUS_CONFLICT);
    assert_string_equal(error.text, "CUP is not in the order");
    assert_int_equal(take(&lines, "[{\"line\":4,\"quantity\":1}]", &error), STATUS_CONFLICT);
    assert_taken(&lines, 1, 0, 0);
}

static void as_many_as_are_left_are_taken_where_fewer_will_do(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    order_lines_take_most(&lines, 2, 2);
    order_lines_take_most(&lines, 2, 2);
    order_lines_take_most(&lines, 9, 2);
    order_lines_take_most(&lines, 0, 2);
    assert_taken(&lines, 0, 3, 0);
}

static int64_t worth(const char *items, const char *currency, struct order_lines *lines) {
    struct error error;
    for (size_t i = 0; i < lines->count; i++)
        lines->rows[i].taken = 0;
    assert_int_equal(take(lines, items, &error), STATUS_OK);
    return order_lines_worth_minor(lines, slice_of(currency));
}

static void pieces_are_worth_their_prices(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    assert_int_equal(order_lines_worth_minor(&lines, SLICE_LITERAL("USD")), 0);
    assert_int_equal(
        worth("[{\"sku\":\"LAMP\",\"quantity\":1},{\"line\":3,\"quantity\":1}]", "USD", &lines),
        2399);
    assert_int_equal(worth("[{\"sku\":\"LAMP\",\"quantity\":2}]", "USD", &lines), 3998);
}

static void what_a_card_is_not_given_back_at_once_comes_with_the_next_pieces(void **state) {
    (void)state;
    struct order_lines lines = make_lines();
    assert_int_equal(worth("[{\"line\":2,\"quantity\":1}]", "KWD", &lines), 1990);
    assert_int_equal(worth("[{\"line\":2,\"quantity\":1}]", "KWD", &lines), 2000); /* of 3998 */
    assert_int_equal(worth("[{\"line\":2,\"quantity\":1}]", "KWD", &lines), 2000); /* of 5997 */
    lines = make_lines();
    assert_int_equal(worth("[{\"line\":2,\"quantity\":1}]", "MGA", &lines), 1900);
}

static void wishes_are_written_as_they_were_read(void **state) {
    (void)state;
    const char *text = "[{\"sku\":\"MUG\",\"quantity\":2,\"disposition\":\"restock\"},"
                       "{\"line\":3,\"quantity\":1,\"disposition\":\"write_off\"},"
                       "{\"line\":2,\"quantity\":1}]";
    struct line_wishes wishes;
    struct error error;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    assert_int_equal(line_wishes_parse(parse(text), arena, &wishes, NULL, &error), STATUS_OK);
    line_wishes_write(&wishes, &w);
    assert_string_equal(out.ptr, text);
    buf_fini(&out);
}

static void a_wish_that_cannot_be_meant_is_named_by_its_place(void **state) {
    (void)state;
    static const struct {
        const char *items;
        long at;
    } cases[] = {
        {"[]", -1},
        {"[1]", 0},
        {"[{\"sku\":\"MUG\",\"quantity\":1},{\"quantity\":1}]", 1},
        {"[{\"sku\":\"MUG\",\"line\":1,\"quantity\":1}]", 0},
        {"[{\"sku\":\"\",\"quantity\":1}]", 0},
        {"[{\"sku\":7,\"quantity\":1}]", 0},
        {"[{\"line\":0,\"quantity\":1}]", 0},
        {"[{\"line\":101,\"quantity\":1}]", 0},
        {"[{\"line\":1}]", 0},
        {"[{\"line\":1,\"quantity\":0}]", 0},
        {"[{\"line\":1,\"quantity\":1.5}]", 0},
        {"[{\"line\":1,\"quantity\":1000001}]", 0},
        {"[{\"line\":1,\"quantity\":1,\"disposition\":\"burn\"}]", 0},
        {"[{\"line\":1,\"quantity\":1,\"colour\":\"red\"}]", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct line_wishes wishes;
        struct error error;
        long at = -2;
        assert_int_equal(line_wishes_parse(parse(cases[i].items), arena, &wishes, &at, &error),
                         STATUS_INVALID);
        assert_int_equal(at, cases[i].at);
    }
}

static void lines_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "[1]",
        "[{\"quantity\":1,\"unitPriceMinor\":5}]",
        "[{\"sku\":\"MUG\",\"quantity\":1}]",
        "[{\"sku\":\"MUG\",\"quantity\":1,\"unitPriceMinor\":-1}]",
        "[{\"sku\":\"MUG\",\"quantity\":1,\"unitPriceMinor\":5,\"cancelled\":2}]",
        "[{\"sku\":\"MUG\",\"quantity\":1,\"unitPriceMinor\":5,\"cancelled\":\"1\"}]",
        "[{\"sku\":\"MUG\",\"quantity\":1000001,\"unitPriceMinor\":5}]",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct order_lines lines;
        struct error error;
        assert_int_equal(order_lines_parse(parse(cases[i]), arena, &lines, &error), STATUS_INVALID);
    }
}

static int setup(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cancelled_is_no_piece_of_its_line),
        cmocka_unit_test(pieces_are_taken_by_line_and_by_sku_from_the_first_line_that_has_some),
        cmocka_unit_test(all_wishes_are_taken_or_none),
        cmocka_unit_test(as_many_as_are_left_are_taken_where_fewer_will_do),
        cmocka_unit_test(pieces_are_worth_their_prices),
        cmocka_unit_test(what_a_card_is_not_given_back_at_once_comes_with_the_next_pieces),
        cmocka_unit_test(wishes_are_written_as_they_were_read),
        cmocka_unit_test(a_wish_that_cannot_be_meant_is_named_by_its_place),
        cmocka_unit_test(lines_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("order_lines", tests, setup, teardown);
}

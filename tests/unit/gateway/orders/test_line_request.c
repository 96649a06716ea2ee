#include "gateway/orders/line_request.h"
#include "tests/support/base/test.h"

struct read {
    struct arena *arena;
    struct field_errors errors;
    struct line_wishes wishes;
};

static struct read read_items(const char *body, bool fate_is_required) {
    struct read read = {.arena = arena_create(4096)};
    const struct json_value *root;
    read.errors.arena = read.arena;
    assert_int_equal(json_tree_parse(slice_of(body), read.arena, &root, NULL), STATUS_OK);
    line_request_read(root, fate_is_required, &read.errors, &read.wishes);
    return read;
}

static void assert_blames(const char *body, bool fate_is_required, const char *field,
                          const char *message) {
    struct read read = read_items(body, fate_is_required);
    assert_int_equal(read.errors.count, 1);
    assert_true(slice_is(read.errors.entries[0].field, field));
    assert_string_equal(read.errors.entries[0].message, message);
    assert_int_equal(read.wishes.count, 0);
    arena_destroy(&read.arena);
}

static void pieces_are_read(void **state) {
    (void)state;
    struct read read = read_items("{\"items\":[{\"sku\":\"A\",\"quantity\":2},"
                                  "{\"line\":3,\"quantity\":1}]}",
                                  false);
    assert_int_equal(read.errors.count, 0);
    assert_int_equal(read.wishes.count, 2);
    assert_int_equal(read.wishes.rows[1].line, 3);
    arena_destroy(&read.arena);
}

static void pieces_that_are_at_fault_are_named(void **state) {
    (void)state;
    assert_blames("{}", false, "items", "is required");
    assert_blames("{\"items\":7}", false, "items", "must be a list");
    assert_blames("{\"items\":[]}", false, "items", "must be 1 to 200");
    assert_blames("{\"items\":[{\"sku\":\"A\",\"quantity\":1},{\"sku\":\"A\",\"quantity\":0}]}",
                  false, "items[1]", "quantity must be an integer from 1 to 1000000");
}

static void
what_becomes_of_pieces_is_said_where_they_have_come_back_and_nowhere_else(void **state) {
    (void)state;
    const char *plain = "{\"items\":[{\"sku\":\"A\",\"quantity\":1}]}";
    const char *fated =
        "{\"items\":[{\"sku\":\"A\",\"quantity\":1,\"disposition\":\"write_off\"}]}";
    struct read read = read_items(fated, true);
    assert_int_equal(read.wishes.rows[0].fate, LINE_WRITTEN_OFF);
    arena_destroy(&read.arena);
    assert_blames(plain, true, "items[0]", "must have a disposition: restock or write_off");
    assert_blames(fated, false, "items[0]",
                  "has a disposition, which is said of pieces that have come back");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_read),
        cmocka_unit_test(pieces_that_are_at_fault_are_named),
        cmocka_unit_test(what_becomes_of_pieces_is_said_where_they_have_come_back_and_nowhere_else),
    };
    return cmocka_run_group_tests_name("line_request", tests, NULL, NULL);
}

/* Pieces that have come back, as order.returned tells of them.

   Covers: shared/contract/order_lines.c */
#include "shared/contract/order_lines.h"
#include "tests/support/base/test.h"

#define ID "0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
#define ITEMS "[{\"line\":2,\"quantity\":1,\"disposition\":\"write_off\"}]"
#define LINES                                                                                      \
    "[{\"sku\":\"MUG\",\"quantity\":2,\"unitPriceMinor\":500},"                                    \
    "{\"sku\":\"LAMP\",\"quantity\":1,\"unitPriceMinor\":1999}]"
#define RETURN(id, items, lines) "{\"returnId\":\"" id "\",\"items\":" items ",\"lines\":" lines "}"

static enum status parse(const char *text, struct arena *arena, struct order_returned *returned) {
    const struct json_value *data;
    struct error error;
    assert_int_equal(json_tree_parse(slice_of(text), arena, &data, &error), STATUS_OK);
    return order_returned_parse(data, arena, returned, &error);
}

static void a_return_is_written_as_it_is_read(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct order_returned returned;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    assert_int_equal(parse("{\"return\":" RETURN(ID, ITEMS, LINES) "}", arena, &returned),
                     STATUS_OK);
    assert_int_equal(returned.items.rows[0].fate, LINE_WRITTEN_OFF);
    assert_int_equal(returned.lines.count, 2);
    order_returned_write(&returned, &w);
    assert_string_equal(out.ptr, RETURN(ID, ITEMS, LINES));
    buf_fini(&out);
    arena_destroy(&arena);
}

static void a_return_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{}",
        "{\"return\":7}",
        "{\"return\":" RETURN("none", ITEMS, LINES) "}",
        "{\"return\":" RETURN(ID, "[]", LINES) "}",
        "{\"return\":" RETURN(ID, ITEMS, "[1]") "}",
        "{\"return\":" RETURN(ID, ITEMS, "[]") "}",
        "{\"return\":" RETURN(ID, "[{\"line\":2,\"quantity\":1}]", LINES) "}",
        "{\"return\":" RETURN(ID, "[{\"line\":3,\"quantity\":1,\"disposition\":\"restock\"}]",
                              LINES) "}",
        "{\"return\":" RETURN(ID, "[{\"sku\":\"MUG\",\"quantity\":1,\"disposition\":\"restock\"}]",
                              LINES) "}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_create(4096);
        struct order_returned returned;
        assert_int_equal(parse(cases[i], arena, &returned), STATUS_INVALID);
        arena_destroy(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_is_written_as_it_is_read),
        cmocka_unit_test(a_return_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("order_return", tests, NULL, NULL);
}

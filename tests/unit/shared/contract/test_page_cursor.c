#include "shared/contract/page_cursor.h"
#include "tests/support/base/test.h"

#define SCOPE SLICE_LITERAL("[\"orders\",\"default\"]")

static void assert_position(struct slice scope, struct slice cursor, struct slice position) {
    struct buf found = {0};
    assert_true(cursor_open(scope, cursor, &found));
    assert_true(slice_equal(buf_slice(&found), position));
    buf_fini(&found);
}

static void assert_refused(struct slice scope, struct slice cursor) {
    struct buf found = {0};
    assert_false(cursor_open(scope, cursor, &found));
    assert_int_equal(found.len, 0);
    buf_fini(&found);
}

static void a_cursor_gives_its_position_back(void **state) {
    (void)state;
    static char longest[CURSOR_POSITION_MAX];
    const struct slice positions[] = {
        {"", 0}, {"\0\1\xff", 3}, {longest, sizeof(longest)}, SLICE_LITERAL("sku-1")};
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        struct buf cursor = {0};
        cursor_seal(SCOPE, positions[i], &cursor);
        assert_position(SCOPE, buf_slice(&cursor), positions[i]);
        for (size_t j = 0; j < cursor.len; j++) /* fits into a query as it is */
            assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_",
                                   cursor.ptr[j]));
        buf_fini(&cursor);
    }
}

static void a_cursor_is_of_one_scope(void **state) {
    (void)state;
    struct buf cursor = {0};
    cursor_seal(SCOPE, SLICE_LITERAL("x"), &cursor);
    assert_refused(SLICE_LITERAL("[\"orders\",\"other\"]"), buf_slice(&cursor));
    assert_refused(SLICE_LITERAL(""), buf_slice(&cursor));
    buf_fini(&cursor);
}

/* Else the tag of one would fit the position of the other. */
static void the_end_of_a_scope_is_not_the_start_of_a_position(void **state) {
    (void)state;
    enum { TAG_CHARS = 10 }; /* the bytes of a tag, but for the last bits */
    struct buf first = {0}, second = {0};

    cursor_seal(SLICE_LITERAL("ab"), SLICE_LITERAL("c"), &first);
    cursor_seal(SLICE_LITERAL("a"), SLICE_LITERAL("bc"), &second);

    assert_memory_not_equal(first.ptr, second.ptr, TAG_CHARS);
    buf_fini(&first);
    buf_fini(&second);
}

static void a_changed_cursor_is_none(void **state) {
    (void)state;
    struct buf cursor = {0};
    cursor_seal(SCOPE, SLICE_LITERAL("position"), &cursor);
    for (size_t i = 0; i < cursor.len; i++) {
        char was = cursor.ptr[i];
        cursor.ptr[i] = was == 'A' ? 'B' : 'A';
        assert_refused(SCOPE, buf_slice(&cursor));
        cursor.ptr[i] = was;
        assert_refused(SCOPE, (struct slice){cursor.ptr, i});
    }
    assert_refused(SCOPE, SLICE_LITERAL("not base64!"));
    buf_fini(&cursor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_gives_its_position_back),
        cmocka_unit_test(a_cursor_is_of_one_scope),
        cmocka_unit_test(the_end_of_a_scope_is_not_the_start_of_a_position),
        cmocka_unit_test(a_changed_cursor_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

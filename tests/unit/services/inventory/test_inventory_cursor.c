/* Cursors of the catalog's pages. */
#include "services/inventory/cursor.h"
#include "tests/support/base/test.h"

static bool decode(const char *text, struct arena *arena, struct slice *sku) {
    return cursor_decode(slice_of(text), arena, sku);
}

static void a_cursor_gives_its_sku_back(void **state) {
    (void)state;
    static const char *const skus[] = {"A", "TSHIRT-BLK-M", "a.b:c_d-9", "\xc3\xa4"};
    struct arena *arena = arena_create(256);
    for (size_t i = 0; i < sizeof(skus) / sizeof(skus[0]); i++) {
        struct buf cursor = {0};
        struct slice sku;
        cursor_encode(slice_of(skus[i]), &cursor);
        assert_true(cursor_decode(buf_slice(&cursor), arena, &sku));
        assert_slice_equal(sku, skus[i]);
        buf_fini(&cursor);
    }
    arena_destroy(&arena);
}

static void what_no_page_ended_with_is_no_cursor(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",       /* nothing */
        "31",     /* no SKU */
        "314",    /* half a byte */
        "3141x1", /* no digit */
        "3241",   /* another kind */
        "314100", /* U+0000 */
        "31ff",   /* no UTF-8 */
        "A",
    };
    struct arena *arena = arena_create(256);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct slice sku;
        if (decode(texts[i], arena, &sku))
            fail_msg("\"%s\" passed", texts[i]);
    }
    arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_gives_its_sku_back),
        cmocka_unit_test(what_no_page_ended_with_is_no_cursor),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}

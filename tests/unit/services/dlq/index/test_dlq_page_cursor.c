/* Where a page of dead letters ended. */
#include "services/dlq/index/page_cursor.h"
#include "tests/support/base/test.h"

static struct dlq_filter filter_of(enum dlq_filter_member member, const char *value) {
    struct dlq_filter filter = {0};
    assert_int_equal(dlq_filter_set(&filter, member, slice_of(value), NULL), STATUS_OK);
    return filter;
}

static enum status decode(struct slice text, const struct dlq_filter *filter, struct arena *arena,
                          struct page_cursor *cursor) {
    struct error error;
    return page_cursor_decode(text, filter, arena, cursor, &error);
}

static void a_cursor_comes_back_with_its_filter_only(void **state) {
    (void)state;
    struct arena *arena = arena_create(1024);
    struct dlq_filter orders = filter_of(DLQ_FILTER_STREAM, "ORDERS"), all = {0};
    struct dlq_filter as_consumer = filter_of(DLQ_FILTER_CONSUMER, "ORDERS");
    const struct page_cursor end = {1234567890123456, SLICE_LITERAL("ORDERS.order.seq-17")};
    struct page_cursor cursor = {0};
    struct buf text = {0};
    page_cursor_encode(&end, &orders, &text);

    assert_int_equal(decode(buf_slice(&text), &orders, arena, &cursor), STATUS_OK);
    assert_int_equal(cursor.failed_at_us, end.failed_at_us);
    assert_slice_equal(cursor.id, "ORDERS.order.seq-17");
    assert_int_equal(decode(buf_slice(&text), &all, arena, &cursor), STATUS_INVALID);
    assert_int_equal(decode(buf_slice(&text), &as_consumer, arena, &cursor), STATUS_INVALID);
    buf_fini(&text);
    arena_destroy(&arena);
}

static void what_was_changed_is_no_cursor(void **state) {
    (void)state;
    struct arena *arena = arena_create(1024);
    const struct dlq_filter all = {0};
    const struct page_cursor end = {7, SLICE_LITERAL("A.b.c")};
    struct page_cursor cursor;
    struct buf text = {0};
    page_cursor_encode(&end, &all, &text);
    for (size_t i = 0; i < text.len; i++) {
        char right = text.ptr[i];
        text.ptr[i] = right == 'A' ? 'B' : 'A';
        assert_int_equal(decode(buf_slice(&text), &all, arena, &cursor), STATUS_INVALID);
        text.ptr[i] = right;
    }
    assert_int_equal(decode(SLICE_LITERAL("x"), &all, arena, &cursor), STATUS_INVALID);
    buf_fini(&text);
    arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_comes_back_with_its_filter_only),
        cmocka_unit_test(what_was_changed_is_no_cursor),
    };
    return cmocka_run_group_tests_name("dlq_page_cursor", tests, NULL, NULL);
}

#include "shared/base/buf.h"

#include "tests/support/base/test.h"

static void an_unused_buf_is_an_empty_slice(void **state) {
    (void)state;
    struct buf buf = {0};

    assert_slice_equal(buf_slice(&buf), "");
    buf_fini(&buf);
}

static void appending_grows_and_keeps_the_terminator(void **state) {
    (void)state;
    struct buf buf = {0};

    for (int i = 0; i < 10000; i++)
        buf_append_char(&buf, (char)('a' + i % 26));

    assert_int_equal(buf.len, 10000);
    assert_int_equal(strlen(buf.ptr), 10000);
    assert_int_equal(buf.ptr[9999], 'a' + 9999 % 26);
    buf_fini(&buf);
}

static void all_kinds_of_values_are_appended_in_order(void **state) {
    (void)state;
    struct buf buf = {0};

    buf_append(&buf, "bytes", 5);
    buf_append_text(&buf, " text ");
    buf_append_slice(&buf, (struct slice){"slice!", 5});
    buf_append_slice(&buf, (struct slice){0});
    buf_append_char(&buf, ' ');
    buf_append_int(&buf, -70);
    buf_printf(&buf, " %s=%d%s", "x", 5, "");

    assert_string_equal(buf.ptr, "bytes text slice -70 x=5");
    buf_fini(&buf);
}

static void integers_are_written_whole_at_their_limits(void **state) {
    (void)state;
    struct buf buf = {0};

    buf_append_int(&buf, INT64_MIN);
    buf_append_char(&buf, ' ');
    buf_append_int(&buf, INT64_MAX);
    buf_append_char(&buf, ' ');
    buf_append_int(&buf, 0);

    assert_string_equal(buf.ptr, "-9223372036854775808 9223372036854775807 0");
    buf_fini(&buf);
}

static void clear_keeps_the_memory(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_append_text(&buf, "something");
    const char *memory = buf.ptr;

    buf_clear(&buf);
    buf_append_text(&buf, "else");

    assert_ptr_equal(buf.ptr, memory);
    assert_string_equal(buf.ptr, "else");
    buf_fini(&buf);
    assert_null(buf.ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_buf_is_an_empty_slice),
        cmocka_unit_test(appending_grows_and_keeps_the_terminator),
        cmocka_unit_test(all_kinds_of_values_are_appended_in_order),
        cmocka_unit_test(integers_are_written_whole_at_their_limits),
        cmocka_unit_test(clear_keeps_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

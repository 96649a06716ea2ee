#include "shared/base/buf.h"

#include "tests/unit/unit.h"

static void slices_are_equal_by_content(void **state) {
    (void)state;

    assert_true(slice_equal(slice_of("abc"), (struct slice){"abcd", 3}));
    assert_false(slice_equal(slice_of("abc"), slice_of("abd")));
    assert_false(slice_equal(slice_of("abc"), slice_of("ab")));
    assert_true(slice_is(slice_of(NULL), ""));
    assert_true(slice_equal((struct slice){0}, slice_of("")));
}

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

static void arena_memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    struct arena *arena = arena_create(256);
    static const char zeros[40];

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 50; i++) {
            char *memory = arena_alloc(arena, i % 40);
            assert_int_equal((uintptr_t)memory % 16, 0);
            assert_memory_equal(memory, zeros, i % 40);
            memset(memory, 0xaa, i % 40);
        }
        arena_reset(arena);
    }

    arena_destroy(&arena);
    assert_null(arena);
}

static void arena_allocations_do_not_overlap(void **state) {
    (void)state;
    struct arena *arena = arena_create(64);
    char *copies[100];
    char text[24];

    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "value %d", i);
        copies[i] = arena_copy(arena, slice_of(text));
    }

    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "value %d", i);
        assert_string_equal(copies[i], text);
    }
    arena_destroy(&arena);
}

static void arena_gives_more_than_a_chunk_at_once(void **state) {
    (void)state;
    struct arena *arena = arena_create(64);

    char *large = arena_alloc(arena, 100000);
    char *small = arena_alloc(arena, 16);
    memset(large, 1, 100000);

    assert_int_equal(small[0], 0);
    arena_reset(arena);
    assert_slice_equal(arena_slice(arena, slice_of("again")), "again");
    arena_destroy(&arena);
}

static void arena_uses_its_chunks_again_after_reset(void **state) {
    (void)state;
    struct arena *arena = arena_create(64);
    void *first = arena_alloc(arena, 48);
    void *second = arena_alloc(arena, 48);

    arena_reset(arena);

    assert_ptr_equal(arena_alloc(arena, 48), first);
    assert_ptr_equal(arena_alloc(arena, 48), second);
    arena_destroy(&arena);
}

static void destroying_no_arena_is_fine(void **state) {
    (void)state;
    struct arena *none = NULL;

    arena_destroy(&none);

    assert_null(none);
}

static void mem_copy_is_terminated(void **state) {
    (void)state;

    char *copy = mem_copy((struct slice){"abcdef", 3});
    char *empty = mem_copy((struct slice){0});

    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_by_content),
        cmocka_unit_test(an_unused_buf_is_an_empty_slice),
        cmocka_unit_test(appending_grows_and_keeps_the_terminator),
        cmocka_unit_test(all_kinds_of_values_are_appended_in_order),
        cmocka_unit_test(integers_are_written_whole_at_their_limits),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned),
        cmocka_unit_test(arena_allocations_do_not_overlap),
        cmocka_unit_test(arena_gives_more_than_a_chunk_at_once),
        cmocka_unit_test(arena_uses_its_chunks_again_after_reset),
        cmocka_unit_test(destroying_no_arena_is_fine),
        cmocka_unit_test(mem_copy_is_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "shared/base/arena.h"

#include "tests/support/base/test.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned),
        cmocka_unit_test(arena_allocations_do_not_overlap),
        cmocka_unit_test(arena_gives_more_than_a_chunk_at_once),
        cmocka_unit_test(arena_uses_its_chunks_again_after_reset),
        cmocka_unit_test(destroying_no_arena_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

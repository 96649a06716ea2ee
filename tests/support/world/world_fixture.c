#include "tests/support/world/world_fixture.h"

#include "tests/support/base/test.h"

struct world world;

int world_setup(void **state) {
    (void)state;
    world_create(&world);
    return 0;
}

int world_teardown(void **state) {
    (void)state;
    world_destroy(&world);
    return 0;
}

int world_empty(void **state) {
    (void)state;
    world_clear(&world);
    return 0;
}

void assert_world_is(const char *sql, const char *expected, const char *file, int line) {
    char *actual = world_query_text(&world, sql);
    _assert_string_equal(actual, expected, file, line);
    free(actual);
}

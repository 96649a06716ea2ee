#include "shared/base/memory.h"

#include "tests/support/base/test.h"

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
        cmocka_unit_test(mem_copy_is_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

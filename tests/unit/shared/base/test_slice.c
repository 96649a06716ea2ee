#include "shared/base/slice.h"

#include "tests/support/base/test.h"

static void slices_are_equal_by_content(void **state) {
    (void)state;

    assert_true(slice_equal(slice_of("abc"), (struct slice){"abcd", 3}));
    assert_false(slice_equal(slice_of("abc"), slice_of("abd")));
    assert_false(slice_equal(slice_of("abc"), slice_of("ab")));
    assert_true(slice_is(slice_of(NULL), ""));
    assert_true(slice_equal((struct slice){0}, slice_of("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "shared/outbox/relay_cursor.h"

#include "tests/support/base/test.h"

static void assert_holes(const struct relay_cursor *cursor, const char *expected) {
    struct buf holes = {0};
    relay_cursor_format_holes(cursor, &holes);
    assert_slice_equal(buf_slice(&holes), expected);
    buf_fini(&holes);
}

static void a_snapshot_has_an_end_and_those_that_run(void **state) {
    (void)state;
    uint64_t xmax = 0;
    struct slice running;

    relay_snapshot_split(SLICE_LITERAL("10:18446744073709551615:10,12"), &xmax, &running);

    assert_true(xmax == UINT64_MAX);
    assert_slice_equal(running, "10,12");
}

static void a_snapshot_in_which_none_runs_has_no_holes(void **state) {
    (void)state;
    struct relay_cursor cursor = {0};
    uint64_t xmax;
    struct slice running;

    relay_snapshot_split(SLICE_LITERAL("10:10:"), &xmax, &running);
    relay_cursor_add_listed(&cursor, running, xmax);

    assert_int_equal(xmax, 10);
    assert_holes(&cursor, "{}");
    relay_cursor_fini(&cursor);
}

/* One at or above the cursor is read with all that follow, and would be read twice as a hole. */
static void only_those_below_the_cursor_are_holes(void **state) {
    (void)state;
    struct relay_cursor cursor = {0};

    relay_cursor_add_listed(&cursor, SLICE_LITERAL("7,9,10,11"), 10);

    assert_holes(&cursor, "{7,9}");
    relay_cursor_fini(&cursor);
}

static void holes_are_read_as_they_are_written(void **state) {
    (void)state;
    struct relay_cursor cursor = {0}, again = {0};
    struct buf holes = {0};
    relay_cursor_add_listed(&cursor, SLICE_LITERAL("3,18446744073709551614"), UINT64_MAX);
    relay_cursor_format_holes(&cursor, &holes);

    relay_cursor_add_listed(&again, buf_slice(&holes), UINT64_MAX);

    assert_int_equal(again.hole_count, 2);
    assert_holes(&again, "{3,18446744073709551614}");
    buf_fini(&holes);
    relay_cursor_fini(&cursor);
    relay_cursor_fini(&again);
}

static void no_holes_are_an_empty_array(void **state) {
    (void)state;
    struct relay_cursor cursor = {0};

    relay_cursor_add_listed(&cursor, SLICE_LITERAL("{}"), UINT64_MAX);

    assert_holes(&cursor, "{}");
    relay_cursor_fini(&cursor);
}

static void a_cursor_is_past_what_is_below_it_but_for_its_holes(void **state) {
    (void)state;
    struct relay_cursor cursor = {.next_xid = 10};
    relay_cursor_add_listed(&cursor, SLICE_LITERAL("7,9"), 10);

    assert_true(relay_cursor_is_past(&cursor, 8));
    assert_false(relay_cursor_is_past(&cursor, 7));
    assert_false(relay_cursor_is_past(&cursor, 9));
    assert_false(relay_cursor_is_past(&cursor, 10));
    relay_cursor_fini(&cursor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_has_an_end_and_those_that_run),
        cmocka_unit_test(a_snapshot_in_which_none_runs_has_no_holes),
        cmocka_unit_test(only_those_below_the_cursor_are_holes),
        cmocka_unit_test(holes_are_read_as_they_are_written),
        cmocka_unit_test(no_holes_are_an_empty_array),
        cmocka_unit_test(a_cursor_is_past_what_is_below_it_but_for_its_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static void a_word_is_one_in_any_case(void **state) {
    (void)state;

    assert_true(slice_is_word(slice_of("Keep-Alive"), "keep-alive"));
    assert_false(slice_is_word(slice_of("keep-alove"), "keep-alive"));
    assert_false(slice_is_word(slice_of("keep"), "keep-alive"));
    assert_false(slice_is_word((struct slice){0}, "keep-alive"));
}

static void an_index_is_that_of_the_name(void **state) {
    (void)state;
    static const char *const names[] = {"", "one", "two"};

    assert_int_equal(slice_index(slice_of("two"), names, 3), 2);
    assert_int_equal(slice_index(slice_of("two"), names, 2), -1);
    assert_int_equal(slice_index(slice_of("tw"), names, 3), -1);
    assert_int_equal(slice_index((struct slice){0}, names, 3), 0);
}

static void only_letters_digits_and_what_is_named_are_had(void **state) {
    (void)state;

    assert_true(slice_has_only(slice_of("azAZ09._"), "_."));
    assert_true(slice_has_only((struct slice){0}, ""));
    assert_false(slice_has_only(slice_of("a-b"), "_."));
    assert_false(slice_has_only(SLICE_LITERAL("a\0b"), "_."));
    assert_false(slice_has_only(slice_of("@[`{/:"), ""));
    assert_false(slice_has_only(slice_of("\xc3\xa4"), ""));
}

static void control_characters_are_not_printable(void **state) {
    (void)state;

    assert_true(slice_is_printable(slice_of(" a~\xc3\xa4")));
    assert_false(slice_is_printable(slice_of("a\tb")));
    assert_false(slice_is_printable(slice_of("a\x7f")));
    assert_false(slice_is_printable(SLICE_LITERAL("a\0")));
    static const char *const unprintable[] = {"a\xc2\x80",
                                              "\xc2\x85"
                                              "b",
                                              "\xc2\x9f",
                                              "\xe2\x80\xa8",
                                              "x\xe2\x80\xae"
                                              "y",
                                              "\xe2\x81\xa6",
                                              "\xe2\x81\xa9"};
    for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++)
        assert_false(slice_is_printable(slice_of(unprintable[i])));
    static const char *const printable[] = {"\xc2\xa0",     "\xe2\x80\xa7", "\xe2\x80\xaf",
                                            "\xe2\x81\xa5", "\xe2\x81\xaa", "\xe2\x82\xac",
                                            "\xc3\x85",     "\xc2",         "\xe2\x80"};
    for (size_t i = 0; i < sizeof(printable) / sizeof(printable[0]); i++)
        assert_true(slice_is_printable(slice_of(printable[i])));
}

static void trimming_takes_blanks_off_both_ends(void **state) {
    (void)state;

    assert_slice_equal(slice_trim(slice_of(" \ta \tb\t ")), "a \tb");
    assert_slice_equal(slice_trim(slice_of(" \t ")), "");
    assert_slice_equal(slice_trim(slice_of("\na\r")), "\na\r");
    assert_slice_equal(slice_trim((struct slice){0}), "");
}

static void parts_are_taken_until_none_is_left(void **state) {
    (void)state;
    struct slice rest = slice_of("a,,b");

    assert_slice_equal(slice_take_until(&rest, ','), "a");
    assert_slice_equal(slice_take_until(&rest, ','), "");
    assert_non_null(rest.ptr);
    assert_slice_equal(slice_take_until(&rest, ','), "b");
    assert_null(rest.ptr);
    assert_int_equal(rest.len, 0);
}

static void a_separator_at_the_end_leaves_an_empty_part(void **state) {
    (void)state;
    struct slice rest = slice_of("a,");

    assert_slice_equal(slice_take_until(&rest, ','), "a");

    assert_non_null(rest.ptr);
    assert_slice_equal(slice_take_until(&rest, ','), "");
    assert_null(rest.ptr);
}

static void lines_end_with_lf_or_cr_lf(void **state) {
    (void)state;
    struct slice rest = slice_of("a\r\n\nb\r");

    assert_slice_equal(slice_take_line(&rest), "a");
    assert_slice_equal(slice_take_line(&rest), "");
    assert_slice_equal(slice_take_line(&rest), "b");
    assert_null(rest.ptr);
}

static void digits_are_taken_up_to_something_else(void **state) {
    (void)state;
    struct slice rest = slice_of("0129/:");

    assert_slice_equal(slice_take_digits(&rest), "0129");
    assert_slice_equal(slice_take_digits(&rest), "");
    assert_slice_equal(rest, "/:");
}

static void a_prefix_is_taken_only_where_it_is(void **state) {
    (void)state;
    struct slice rest = slice_of("seq-7"), shorter = {"seq-7", 3};

    assert_false(slice_take_prefix(&shorter, "seq-"));
    assert_false(slice_take_prefix(&rest, "seq_"));
    assert_false(slice_take_prefix(&rest, "seq-77"));
    assert_true(slice_take_prefix(&rest, "seq-"));
    assert_slice_equal(rest, "7");
}

static void a_number_is_digits_and_nothing_else(void **state) {
    (void)state;
    static const char *const others[] = {"", "-1", "+1", " 1", "1 ", "1a", "1/", "1:", "0x1"};
    uint64_t value = 7;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(slice_parse_uint(slice_of(others[i]), UINT64_MAX, &value));
    assert_int_equal(value, 7);
    assert_true(slice_parse_uint(slice_of("0090"), 90, &value));
    assert_int_equal(value, 90);
}

static void a_number_above_the_most_is_none(void **state) {
    (void)state;
    uint64_t value = 7;

    assert_true(slice_parse_uint(slice_of("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(slice_parse_uint(slice_of("18446744073709551616"), UINT64_MAX, &value));
    assert_false(slice_parse_uint(slice_of("184467440737095516150"), UINT64_MAX, &value));
    assert_false(slice_parse_uint(slice_of("100"), 99, &value));
    assert_true(value == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_by_content),
        cmocka_unit_test(a_word_is_one_in_any_case),
        cmocka_unit_test(an_index_is_that_of_the_name),
        cmocka_unit_test(only_letters_digits_and_what_is_named_are_had),
        cmocka_unit_test(control_characters_are_not_printable),
        cmocka_unit_test(trimming_takes_blanks_off_both_ends),
        cmocka_unit_test(parts_are_taken_until_none_is_left),
        cmocka_unit_test(a_separator_at_the_end_leaves_an_empty_part),
        cmocka_unit_test(lines_end_with_lf_or_cr_lf),
        cmocka_unit_test(digits_are_taken_up_to_something_else),
        cmocka_unit_test(a_prefix_is_taken_only_where_it_is),
        cmocka_unit_test(a_number_is_digits_and_nothing_else),
        cmocka_unit_test(a_number_above_the_most_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

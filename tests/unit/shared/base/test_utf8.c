#include "shared/base/utf8.h"

#include "tests/support/base/test.h"

static void sequences_of_all_lengths_are_measured(void **state) {
    (void)state;

    assert_int_equal(utf8_sequence(slice_of("a")), 1);
    assert_int_equal(utf8_sequence(slice_of("\xc3\xa9")), 2);
    assert_int_equal(utf8_sequence(slice_of("\xe2\x82\xac")), 3);
    assert_int_equal(utf8_sequence(slice_of("\xf0\x9f\x9a\x80")), 4);
    assert_int_equal(utf8_sequence(slice_of("")), 0);
}

static void every_code_point_is_valid_and_no_surrogate_is(void **state) {
    (void)state;

    for (unsigned point = 0x800; point <= 0x10ffff; point++) {
        char bytes[4];
        size_t len = point < 0x10000 ? 3 : 4;
        unsigned rest = point;
        for (size_t i = len - 1; i > 0; i--, rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3f));
        bytes[0] = (char)((len == 3 ? 0xe0 : 0xf0) | rest);
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        assert_int_equal(utf8_sequence((struct slice){bytes, len}), is_surrogate ? 0 : len);
    }
}

static void malformed_sequences_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\x80",             /* continuation alone */
        "\xc3",             /* cut */
        "\xc3(",            /* not continued */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x9a",     /* cut */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(utf8_sequence(slice_of(texts[i])), 0);
}

static void a_text_is_valid_when_all_of_it_is(void **state) {
    (void)state;

    assert_true(utf8_is_valid(slice_of("Z\xc3\xbcrich \xf0\x9f\x9a\x80")));
    assert_true(utf8_is_valid(slice_of("")));
    assert_false(utf8_is_valid(slice_of("Z\xfcrich")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_of_all_lengths_are_measured),
        cmocka_unit_test(every_code_point_is_valid_and_no_surrogate_is),
        cmocka_unit_test(malformed_sequences_are_refused),
        cmocka_unit_test(a_text_is_valid_when_all_of_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

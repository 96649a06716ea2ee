#include "shared/base/hex.h"

#include "tests/support/base/test.h"

static void bytes_are_written_in_lower_case(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x09, 0xa0, 0xff};
    char text[9];

    hex_encode(bytes, sizeof(bytes), text);

    assert_string_equal(text, "0009a0ff");
}

static void digits_have_a_value_in_either_case(void **state) {
    (void)state;
    static const char digits[] = "0123456789abcdef";

    for (int c = 0; c < 256; c++) {
        int lower = c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
        const char *digit = c == 0 ? NULL : strchr(digits, lower);
        assert_int_equal(hex_value((char)c), digit == NULL ? -1 : digit - digits);
    }
}

static void only_digits_are_decoded(void **state) {
    (void)state;
    uint8_t bytes[3];

    assert_true(hex_decode("00fFA9", bytes, 3));
    assert_memory_equal(bytes, "\x00\xff\xa9", 3);
    assert_false(hex_decode("00g0", bytes, 2));
    assert_false(hex_decode("000:", bytes, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_written_in_lower_case),
        cmocka_unit_test(only_digits_are_decoded),
        cmocka_unit_test(digits_have_a_value_in_either_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

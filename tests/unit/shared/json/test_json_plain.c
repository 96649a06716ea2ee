#include "shared/json/json_plain.h"

#include "tests/support/base/test.h"

#define LENGTH 20 /* two words and a rest */

static void a_run_ends_at_the_first_byte_that_is_not_plain_wherever_it_stands(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        for (size_t at = 0; at < LENGTH; at++) {
            char text[LENGTH];
            memset(text, at % 2 ? '~' : ' ', sizeof(text));
            text[at] = (char)byte;
            size_t run = json_plain_run((struct slice){text, sizeof(text)});
            assert_int_equal(run, is_plain ? LENGTH : at);
            assert_int_equal(json_plain_run((struct slice){text, at}), at);
        }
    }
}

static void of_two_bytes_that_are_not_plain_the_first_one_ends_the_run(void **state) {
    (void)state;
    const struct slice text = SLICE_LITERAL("plain text \x80\x1f\"\\\xff and more of it");
    assert_int_equal(json_plain_run(text), 11);
    assert_int_equal(json_plain_run((struct slice){text.ptr + 11, text.len - 11}), 0);
    assert_int_equal(json_plain_run((struct slice){NULL, 0}), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_ends_at_the_first_byte_that_is_not_plain_wherever_it_stands),
        cmocka_unit_test(of_two_bytes_that_are_not_plain_the_first_one_ends_the_run),
    };
    return cmocka_run_group_tests_name("json_plain", tests, NULL, NULL);
}

#include "shared/base/percent.h"

#include "tests/support/base/test.h"

static void all_but_unreserved_characters_are_encoded(void **state) {
    (void)state;
    struct buf out = {0};

    percent_encode(SLICE_LITERAL("aZ9-._~ &=+%/\xc3\xa4\0"), &out);

    assert_string_equal(out.ptr, "aZ9-._~%20%26%3D%2B%25%2F%C3%A4%00");
    buf_fini(&out);
}

static void decoding_happens_once_and_in_place(void **state) {
    (void)state;
    char text[] = "a%2541%c3%A4+";
    size_t len;

    assert_true(percent_decode(slice_of(text), text, &len));

    assert_slice_equal(((struct slice){text, len}), "a%41\xc3\xa4+");
}

static void malformed_text_and_a_nul_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"%", "a%4", "%g0", "%0g", "%00", "a%%41"};
    char out[8];
    size_t len = 7;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(percent_decode(slice_of(texts[i]), out, &len));
    assert_false(percent_decode((struct slice){"%41", 2}, out, &len));
    assert_int_equal(len, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_unreserved_characters_are_encoded),
        cmocka_unit_test(decoding_happens_once_and_in_place),
        cmocka_unit_test(malformed_text_and_a_nul_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

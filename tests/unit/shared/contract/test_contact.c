#include "shared/contract/contact.h"

#include "tests/support/base/test.h"

#define LABEL "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc" /* 63 */

static void addresses_that_no_mail_server_takes_are_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",
        "a",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b\r\nX: y",
        "<a@b>",
        "a@b,c@d",
        "a,b@example.com",
        "a@b;c",
        "a;b@c",
        "a@b\x7f",
        "\"q\"@example.com",
        "a\\b@example.com",
        "(a)@example.com",
        "a:b@example.com",
        "a[b]@example.com",
        "a@[127.0.0.1]",
        "a@b\tc",
        "j\xc3\xb6rg@example.com",
        "a@b\xc3\xbc.de",
        "a\xe2\x80\xa8@example.com", /* U+2028 */
        "a\xc2\xa0@example.com",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@.example.com",
        "a@example.com.",
        "a@example..com",
        "a@-example.com",
        "a@example-.com",
        "a@exam_ple.com",
        "a@" LABEL "d",
        LABEL "de@example.com", /* 65 bytes */
        "a@1.2.3.4",
        "a@x.123",
        "a@7",
        "a@" LABEL "." LABEL "." LABEL "." LABEL, /* 257 bytes */
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (email_is_usable(slice_of(refused[i])))
            fail_msg("\"%s\" was taken", refused[i]);
    }
    assert_false(email_is_usable(SLICE_LITERAL("a\0b@example.com")));
}

static void addresses_that_people_have_are_taken(void **state) {
    (void)state;
    static const char *const taken[] = {
        "c100+x@example.com",
        "a@b",
        "o'neill@example.co.uk",
        "a.b-c_d@1.example",
        "!#$%&'*+/=?^_`{|}~-@x-y.de",
        "1@localhost",
        "a@" LABEL ".com",
        LABEL "d@example.com",
        "a@x.1a",
        "a@xn--bcher-kva.example",
    };
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (!email_is_usable(slice_of(taken[i])))
            fail_msg("\"%s\" was refused", taken[i]);
    }
}

static void a_masked_address_shows_its_first_letter_and_its_domain(void **state) {
    (void)state;
    struct buf out = {0};
    email_mask(SLICE_LITERAL("c100@example.com"), &out);
    assert_string_equal(out.ptr, "c***@example.com");
    buf_fini(&out);
}

static void a_number_is_brought_into_one_form_or_refused(void **state) {
    (void)state;
    static const char *const refused[] = {"", "12", "+", "1+23", "0800-FLOWER", "1234567890123456"};
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (phone_normalize(slice_of(refused[i]), &out))
            fail_msg("\"%s\" was taken", refused[i]);
    }
    assert_int_equal(out.len, 0);
    assert_true(phone_normalize(SLICE_LITERAL("+49 (30) 1.2-3"), &out));
    assert_string_equal(out.ptr, "+4930123");
    assert_true(phone_is_usable(SLICE_LITERAL("(+49) 30 1")));
    assert_false(phone_is_usable(SLICE_LITERAL("abc")));
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_no_mail_server_takes_are_refused),
        cmocka_unit_test(addresses_that_people_have_are_taken),
        cmocka_unit_test(a_masked_address_shows_its_first_letter_and_its_domain),
        cmocka_unit_test(a_number_is_brought_into_one_form_or_refused),
    };
    return cmocka_run_group_tests_name("contact", tests, NULL, NULL);
}

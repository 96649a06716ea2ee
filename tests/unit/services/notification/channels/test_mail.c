#include "services/notification/channels/mail.h"
#include "tests/support/base/test.h"

static struct notice shipped_notice(void) {
    return (struct notice){
        .order_id = uuid_v7(),
        .kind = NOTICE_KIND_SHIPPED,
        .email = SLICE_LITERAL("c100@example.com"),
    };
}

static struct buf write_mail(const struct notice *notice, const char *text) {
    struct buf mail = {0};
    mail_write(&mail, notice, slice_of(text), "orders@example.com", 0);
    return mail;
}

static void a_mail_has_headers_an_empty_line_and_a_body(void **state) {
    (void)state;
    static const char text[] = "Subject: Your order is on its way\n\nYour order.\nNumber: OM1";
    struct notice notice = shipped_notice();
    struct buf mail = write_mail(&notice, text), again = write_mail(&notice, text);

    assert_contains(mail.ptr, "From: <orders@example.com>\r\nTo: <c100@example.com>\r\n"
                              "Subject: Your order is on its way\r\n"
                              "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n");
    assert_contains(mail.ptr, "\r\n\r\nYour order.\r\nNumber: OM1\r\n");
    assert_string_equal(mail.ptr, again.ptr); /* the same Message-ID */
    buf_fini(&mail);
    buf_fini(&again);
}

static void the_subject_of_another_language_is_encoded_in_whole_characters(void **state) {
    (void)state;
    struct notice notice = shipped_notice();
    struct buf mail = write_mail(&notice, "Subject: \u00c4 \u20ac\n\nx");
    struct buf longer = write_mail(&notice, "Subject: \u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
                                            "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac!"
                                            "\n\nx");

    assert_contains(mail.ptr, "Subject: =?utf-8?B?w4Qg4oKs?=\r\n");
    assert_contains(longer.ptr, "4oKs4oKs?=\r\n =?utf-8?B?IQ==?=\r\n");
    buf_fini(&mail);
    buf_fini(&longer);
}

static void the_body_keeps_to_lines_that_every_server_takes(void **state) {
    (void)state;
    struct notice notice = shipped_notice();
    struct buf mail =
        write_mail(&notice, "Subject: s\n\na=b \nGr\u00fc\u00dfe\n"
                            "0123456789012345678901234567890123456789012345678901234567890123456789"
                            "0123456789");

    assert_contains(mail.ptr, "\r\n\r\na=3Db=20\r\nGr=C3=BC=C3=9Fe\r\n");
    assert_contains(mail.ptr, "\r\n0123456789012345678901234567890123456789012345678901234567890"
                              "12345678901234=\r\n56789\r\n");
    buf_fini(&mail);
}

static void a_text_that_is_no_mail_is_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",
        "Subject: \n\nx",
        "Subject: a",
        "Subject: a\n\n",
        "Subject: a\nb",
        "Subject: a\tb\n\nx",
        "Hello\n\nx",
    };
    struct error error = {0};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (mail_check_text(slice_of(refused[i]), &error) != STATUS_INVALID)
            fail_msg("\"%s\" was taken", refused[i]);
    }
    assert_int_equal(mail_check_text(SLICE_LITERAL("Subject: a\r\n\r\nx"), &error), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_headers_an_empty_line_and_a_body),
        cmocka_unit_test(the_subject_of_another_language_is_encoded_in_whole_characters),
        cmocka_unit_test(the_body_keeps_to_lines_that_every_server_takes),
        cmocka_unit_test(a_text_that_is_no_mail_is_refused),
    };
    return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}

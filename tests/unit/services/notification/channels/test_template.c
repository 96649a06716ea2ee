/* Covers: services/notification/templates/ */
#include "services/notification/channels/mail.h"
#include "services/notification/channels/template.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "tests/support/base/test.h"

static char directory[] = "/tmp/om-templates-XXXXXX";

static void path_of(enum notice_kind kind, char *path, size_t size) {
    snprintf(path, size, "%s/%s.sms.txt", directory, notice_kind_name(kind));
}

/* The same text for every kind. */
static void write_all(const char *text) {
    char path[128];
    for (int kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
        path_of((enum notice_kind)kind, path, sizeof(path));
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
    (void)state;
    char path[128];
    for (int kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
        path_of((enum notice_kind)kind, path, sizeof(path));
        unlink(path);
    }
    return rmdir(directory);
}

static struct notice a_notice(void) {
    struct notice notice = {
        .kind = NOTICE_KIND_FAILED,
        .time_us = 0,
        .customer_id = SLICE_LITERAL("C1"),
        .reason = SLICE_LITERAL("a \"b\"\r\nSubject: c\\"),
    };
    assert_true(
        uuid_parse(SLICE_LITERAL("01890a5d-ac96-774b-bcce-b302099a8057"), &notice.order_id));
    return notice;
}

static struct buf render(const char *text, enum template_escape escape) {
    struct error error = {0};
    struct template_set *set = NULL;
    struct notice notice = a_notice();
    struct buf out = {0};
    write_all(text);
    assert_int_equal(template_set_load(directory, NOTIFY_SMS, escape, &set, &error), STATUS_OK);
    template_render(set, &notice, &out);
    template_set_destroy(&set);
    return out;
}

static void names_become_values(void **state) {
    (void)state;
    struct buf out = render(
        "{{kind}} {{order_id}}{{customer_id}} {{tracking_number}}. {x} {{time}}\n", ESCAPE_TEXT);
    assert_string_equal(out.ptr, "failed 01890a5d-ac96-774b-bcce-b302099a8057C1 . {x} "
                                 "1970-01-01T00:00:00.000000Z");
    buf_fini(&out);
}

static void a_value_cannot_leave_its_line(void **state) {
    (void)state;
    struct buf out = render("Reason: {{reason}}", ESCAPE_TEXT);
    assert_string_equal(out.ptr, "Reason: a \"b\"  Subject: c\\");
    buf_fini(&out);
}

static void a_value_cannot_leave_its_json_string(void **state) {
    (void)state;
    struct buf out = render("{\"reason\":\"{{reason}}\"}", ESCAPE_JSON);
    assert_string_equal(out.ptr, "{\"reason\":\"a \\\"b\\\"\\r\\nSubject: c\\\\\"}");
    buf_fini(&out);
}

static void what_is_no_template_is_named(void **state) {
    (void)state;
    static const char *const refused[] = {"", "a {{nothing}} b", "a {{reason b", "a {{reason }}",
                                          "\xff"};
    struct template_set *set = NULL;
    struct error error;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        write_all(refused[i]);
        if (template_set_load(directory, NOTIFY_SMS, ESCAPE_TEXT, &set, &error) != STATUS_INVALID)
            fail_msg("\"%s\" was taken", refused[i]);
        assert_contains(error.text, "confirmed.sms.txt");
    }
    assert_int_equal(template_set_load(directory, NOTIFY_SMTP, ESCAPE_TEXT, &set, &error),
                     STATUS_NOT_FOUND);
    assert_contains(error.text, "confirmed.smtp.txt");
    assert_null(set);
}

static void the_check_of_a_channel_names_the_file(void **state) {
    (void)state;
    struct template_set *set = NULL;
    struct error error = {0};
    write_all("{\"a\":{{reason}}}");
    assert_int_equal(template_set_load(directory, NOTIFY_SMS, ESCAPE_JSON, &set, &error),
                     STATUS_OK);
    assert_int_equal(template_set_check(set, json_check, &error), STATUS_INVALID);
    assert_contains(error.text, "confirmed.sms.txt");
    template_set_destroy(&set);
}

static void our_own_templates_are_right(void **state) {
    (void)state;
    static const char ours[] = OM_SOURCE_DIR "/services/notification/templates";
    struct template_set *smtp = NULL, *webhook = NULL, *sms = NULL;
    struct error error = {0};
    assert_int_equal(template_set_load(ours, NOTIFY_SMTP, ESCAPE_TEXT, &smtp, &error), STATUS_OK);
    assert_int_equal(template_set_load(ours, NOTIFY_WEBHOOK, ESCAPE_JSON, &webhook, &error),
                     STATUS_OK);
    assert_int_equal(template_set_load(ours, NOTIFY_SMS, ESCAPE_TEXT, &sms, &error), STATUS_OK);
    assert_int_equal(template_set_check(smtp, mail_check_text, &error), STATUS_OK);
    assert_int_equal(template_set_check(webhook, json_check, &error), STATUS_OK);
    template_set_destroy(&smtp);
    template_set_destroy(&webhook);
    template_set_destroy(&sms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_values),
        cmocka_unit_test(a_value_cannot_leave_its_line),
        cmocka_unit_test(a_value_cannot_leave_its_json_string),
        cmocka_unit_test(what_is_no_template_is_named),
        cmocka_unit_test(the_check_of_a_channel_names_the_file),
        cmocka_unit_test(our_own_templates_are_right),
    };
    return cmocka_run_group_tests_name("template", tests, make_directory, remove_directory);
}

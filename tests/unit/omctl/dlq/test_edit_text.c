#include "omctl/dlq/edit_text.h"
#include "tests/support/base/test.h"

static struct json_object *entry;

static int make_entry(void **state) {
    (void)state;
    static const char text[] =
        "{\"id\":\"ORDERS.payment.seq-7\",\"reason\":\"rejected\",\"error\":\"data: missing\","
        "\"headers\":{\"Nats-Msg-Id\":[\"7\"],\"Content-Type\":[\"json\"],\"X\":[\"1\",\"2\"]},"
        "\"body\":\"{\\\"id\\\":\\\"7\\\",\\\"url\\\":\\\"a/b\\\",\\\"n\\\":1.50}\"}";
    return json_parse(slice_of(text), &entry, NULL) == STATUS_OK ? 0 : -1;
}

static int put_entry(void **state) {
    (void)state;
    json_object_put(entry);
    return 0;
}

static void headers_and_body_are_laid_out_for_people(void **state) {
    (void)state;
    struct buf text = {0};
    edit_text_write(entry, &text);
    assert_string_equal(text.ptr,
                        "# ORDERS.payment.seq-7: rejected, data: missing\n"
                        "# Change headers or body: it is replayed so. Without a change nothing is"
                        " replayed.\n"
                        "Content-Type: json\nX: 1\nX: 2\n\n"
                        "{\n  \"id\": \"7\",\n  \"url\": \"a/b\",\n  \"n\": 1.50\n}\n");
    buf_fini(&text);
}

/* `expected` are the changed headers, a blank and the changed body; or what is wrong. */
static void assert_read(const char *text, const char *expected) {
    struct json_object *headers = NULL;
    struct buf body = {0}, out = {0};
    struct error error;
    if (edit_text_read(slice_of(text), entry, &headers, &body, &error) != STATUS_OK)
        buf_append_text(&out, error.text);
    else
        buf_printf(
            &out, "%s %s",
            headers == NULL ? "-" : json_object_to_json_string_ext(headers, JSON_C_TO_STRING_PLAIN),
            body.len > 0 ? body.ptr : "-");
    assert_string_equal(out.ptr, expected);
    json_object_put(headers);
    buf_fini(&body);
    buf_fini(&out);
}

static void what_was_not_touched_is_no_change(void **state) {
    (void)state;
    struct buf text = {0};
    edit_text_write(entry, &text);
    assert_read(text.ptr, "- -");
    buf_fini(&text);
    assert_read("Content-Type:json\nX: 1\nX: 2\n\n{\"id\":\"7\",\"url\":\"a/b\",\"n\":1.50}",
                "- -");
}

static void changes_are_found(void **state) {
    (void)state;
    static const char body[] = "\n{\"id\":\"7\",\"url\":\"a/b\",\"n\":1.50}\n";
    struct buf text = {0};
    buf_printf(&text, "X: 1\nX: 3\nY: new: value\n%s", body);
    assert_read(text.ptr, "{\"X\":[\"1\",\"3\"],\"Y\":[\"new: value\"],\"Content-Type\":[]} -");
    buf_fini(&text);
    assert_read("Content-Type: json\nX: 1\nX: 2\n\n{\"id\":\"7\",\n\"url\":\"c\"}\n",
                "- {\"id\":\"7\",\"url\":\"c\"}");
    assert_read("Content-Type: json\nX: 1\nX: 2\n\nno JSON\n", "- no JSON");
}

static void what_is_no_message_is_refused(void **state) {
    (void)state;
    assert_read("Content-Type json\n\n{}", "Content-Type json: no header that can be changed");
    assert_read("Nats-Msg-Id: 8\n\n{}", "Nats-Msg-Id: 8: no header that can be changed");
    assert_read("Content-Type: json\n", "there is no body, after an empty line");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_and_body_are_laid_out_for_people),
        cmocka_unit_test(what_was_not_touched_is_no_change),
        cmocka_unit_test(changes_are_found),
        cmocka_unit_test(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, make_entry, put_entry);
}

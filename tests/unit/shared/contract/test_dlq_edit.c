#include "shared/contract/dlq_edit.h"
#include "tests/support/base/test.h"

#define ENTRY "ORDERS.payment.0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
#define BODY "{\\\"id\\\":\\\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\\\"}"

/* What is wrong with it, or what is written of it. More stands behind the id, as in a request's
   path. */
static void assert_read(const char *entry_id, const char *text, const char *expected) {
    struct json_object *root;
    char path[128];
    snprintf(path, sizeof(path), "%s/replay", entry_id);
    const struct slice id = {path, strlen(entry_id)};
    struct dlq_edit edit = {0};
    struct error error;
    struct buf out = {0};
    assert_int_equal(json_parse(slice_of(text), &root, NULL), STATUS_OK);
    if (dlq_edit_read(root, id, &edit, &error) == STATUS_OK) {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        dlq_edit_write(&edit, &w);
        json_end_object(&w);
    } else {
        buf_append_text(&out, error.text);
    }
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
    json_object_put(root);
}

static void an_edit_is_read_as_it_is_written(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"body\":\"" BODY "\",\"reason\":\"r\"}",
        "{\"headers\":{\"X-Note\":[\"a\",\"b\"],\"B\":[]},\"reason\":\"r\"}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_read(ENTRY, texts[i], texts[i]);
}

static void what_is_wrong_is_named_with_its_member(void **state) {
    (void)state;
    assert_read(ENTRY, "{\"reason\":\"r\"}", "reason: goes with body or headers only");
    assert_read(ENTRY, "{\"headers\":{}}", "reason: is required of what is changed");
    assert_read(ENTRY, "{\"headers\":{},\"reason\":\"a\\nb\"}",
                "reason: must be one line of 1 to 500 bytes without control characters, line "
                "separators or turns of direction");
    assert_read(ENTRY, "{\"headers\":[],\"reason\":\"r\"}", "headers: must be an object");
    assert_read(ENTRY, "{\"headers\":{\"A\":\"1\"},\"reason\":\"r\"}",
                "headers: A: must be a list of lines of 1 to 1024 bytes");
    assert_read(ENTRY, "{\"headers\":{\"A\":[\"\"]},\"reason\":\"r\"}",
                "headers: A: must be a list of lines of 1 to 1024 bytes");
    assert_read(ENTRY, "{\"body\":{},\"reason\":\"r\"}", "body: must be a text");
    assert_read(ENTRY, "{\"body\":\"{\\\"id\\\":\\\"x\\\"}\",\"reason\":\"r\"}",
                "body: its id must stay 0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b");
}

/* Its entry goes by the place in the stream. */
static void a_message_that_was_no_event_may_get_any_id(void **state) {
    (void)state;
    static const char text[] = "{\"body\":\"{\\\"id\\\":\\\"x\\\"}\",\"reason\":\"r\"}";
    assert_read("ORDERS.payment.seq-7", text, text);
}

static void headers_that_are_acted_on_are_nobodys_to_edit(void **state) {
    (void)state;
    static const char *const names[] = {"Nats-Msg-Id", "nats-x", "DLQ-Reason", "Om-Replay-For", "",
                                        "a b",         "a:b",    "a\r\nb"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(dlq_header_is_editable(slice_of(names[i])));
    assert_true(dlq_header_is_editable(SLICE_LITERAL("Content-Type")));
    assert_true(dlq_header_is_editable(SLICE_LITERAL("Ce-Type")));
}

static void sizes_are_bounded(void **state) {
    (void)state;
    struct json_object *root = json_object_new_object(), *headers = json_object_new_object();
    struct dlq_edit edit;
    struct error error;
    for (int i = 0; i < 10; i++) {
        char name[8], value[1001];
        snprintf(name, sizeof(name), "X-%d", i);
        memset(value, 'a', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        struct json_object *values = json_object_new_array();
        json_object_array_add(values, json_object_new_string(value));
        json_object_object_add(headers, name, values);
    }
    json_object_object_add(root, "headers", headers);
    json_object_object_add(root, "reason", json_object_new_string("r"));
    assert_int_equal(dlq_edit_read(root, SLICE_LITERAL(ENTRY), &edit, &error), STATUS_INVALID);
    assert_string_equal(error.text, "headers: must be up to 8192 bytes");
    json_object_put(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_read_as_it_is_written),
        cmocka_unit_test(what_is_wrong_is_named_with_its_member),
        cmocka_unit_test(a_message_that_was_no_event_may_get_any_id),
        cmocka_unit_test(headers_that_are_acted_on_are_nobodys_to_edit),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

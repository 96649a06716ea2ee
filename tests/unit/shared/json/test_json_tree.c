#include "shared/json/json_tree.h"

#include "shared/json/json.h"
#include "tests/support/base/test.h"

#include <json-c/json.h>

static struct arena *arena;

static const struct json_value *parse(const char *text) {
    const struct json_value *root;
    struct error error;
    if (json_tree_parse(slice_of(text), arena, &root, &error) != STATUS_OK)
        fail_msg("%s: %s", text, error.text);
    return root;
}

/* --- the same as json-c's tree ---------------------------------------------------------------- */

static void assert_same(const struct json_value *ours, struct json_object *theirs);

static void assert_same_members(const struct json_value *ours, struct json_object *theirs) {
    const struct json_value *child = ours->first;
    assert_int_equal(ours->count, json_object_object_length(theirs));
    json_object_object_foreach(theirs, key, member) {
        assert_string_equal(child->key.ptr, key);
        assert_int_equal(strlen(child->key.ptr), child->key.len);
        assert_same(child, member);
        child = child->next;
    }
    assert_null(child);
}

static void assert_same_elements(const struct json_value *ours, struct json_object *theirs) {
    const struct json_value *child = ours->first;
    assert_int_equal(ours->count, json_object_array_length(theirs));
    for (size_t i = 0; i < ours->count; i++, child = child->next)
        assert_same(child, json_object_array_get_idx(theirs, i));
    assert_null(child);
}

static void assert_same(const struct json_value *ours, struct json_object *theirs) {
    static const enum json_type types[] = {
        [JSON_KIND_NULL] = json_type_null,     [JSON_KIND_BOOLEAN] = json_type_boolean,
        [JSON_KIND_DOUBLE] = json_type_double, [JSON_KIND_INT] = json_type_int,
        [JSON_KIND_OBJECT] = json_type_object, [JSON_KIND_ARRAY] = json_type_array,
        [JSON_KIND_STRING] = json_type_string,
    };
    assert_int_equal(types[ours->kind], json_object_get_type(theirs));
    if (ours->kind == JSON_KIND_OBJECT)
        assert_same_members(ours, theirs);
    if (ours->kind == JSON_KIND_ARRAY)
        assert_same_elements(ours, theirs);
    if (ours->kind == JSON_KIND_BOOLEAN)
        assert_int_equal(ours->is_true, json_object_get_boolean(theirs));
    if (ours->kind == JSON_KIND_STRING) {
        assert_int_equal(ours->text.len, json_object_get_string_len(theirs));
        assert_memory_equal(ours->text.ptr, json_object_get_string(theirs), ours->text.len + 1);
    }
}

static void a_tree_is_as_json_c_makes_it(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        " { \"a\" : [ ] , \"b\" : { } } ",
        "{\"a\":null,\"b\":true,\"c\":false,\"d\":-7,\"e\":1.5,\"f\":2e3,\"g\":\"\"}",
        "{\"a\":[1,[2,[3,{\"b\":[]}]],\"x\",{\"c\":{\"d\":\"e\"}}],\"z\":0}",
        "{\"esc\\u0061ped\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
        "{\"u\":\"\\u00e9 \\u20ac \\ud83d\\ude00 \\u0000.\"}",
        "{\"utf8\":\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_object *theirs = NULL;
        struct error error;
        assert_int_equal(json_parse(slice_of(texts[i]), &theirs, &error), STATUS_OK);
        assert_same(parse(texts[i]), theirs);
        json_object_put(theirs);
    }
}

/* --- what is refused -------------------------------------------------------------------------- */

static void what_the_check_refuses_is_no_tree(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "[1]",
        "7",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":1} x",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"x\",\"a\":\"y\"}", /* the first is ended in place before the second is met */
        "{\"a\":1,\"\\u0061\":2}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct json_value *root = NULL;
        struct error error = {0};
        assert_int_equal(json_tree_parse(slice_of(texts[i]), arena, &root, &error), STATUS_INVALID);
        assert_null(root);
        assert_contains(error.text, "JSON");
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static void nothing_of_the_text_is_borrowed(void **state) {
    (void)state;
    char text[] = "{\"a\":\"word\",\"n\":12}";
    struct slice word;
    int64_t number;
    const struct json_value *root = parse(text);
    memset(text, 'x', sizeof(text));
    assert_int_equal(json_tree_get_string(root, "a", &word, NULL), STATUS_OK);
    assert_slice_equal(word, "word");
    assert_int_equal(json_tree_get_int64(root, "n", &number, NULL), STATUS_OK);
    assert_int_equal(number, 12);
}

static void integers_are_whole_and_in_range(void **state) {
    (void)state;
    static const struct {
        const char *written;
        enum status status;
        int64_t value;
    } cases[] = {
        {"0", STATUS_OK, 0},
        {"-0", STATUS_OK, 0},
        {"-41", STATUS_OK, -41},
        {"9223372036854775807", STATUS_OK, INT64_MAX},
        {"-9223372036854775807", STATUS_OK, -INT64_MAX},
        {"9223372036854775808", STATUS_INVALID, 0},
        {"-9223372036854775808", STATUS_INVALID, 0},
        {"99999999999999999999", STATUS_INVALID, 0},
        {"1.0", STATUS_INVALID, 0},
        {"1e2", STATUS_INVALID, 0},
        {"\"1\"", STATUS_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        int64_t value = 0;
        snprintf(text, sizeof(text), "{\"n\":%s}", cases[i].written);
        assert_int_equal(json_tree_get_int64(parse(text), "n", &value, NULL), cases[i].status);
        assert_int_equal(value, cases[i].value);
    }
}

static void another_type_and_an_absent_member_are_told_apart(void **state) {
    (void)state;
    const struct json_value *root = parse("{\"a\":[true],\"s\":\"q\\u0000x\",\"t\":true}");
    const struct json_value *value;
    struct slice text;
    struct error error;
    bool flag = false;
    assert_int_equal(json_tree_get_string(root, "b", &text, &error), STATUS_NOT_FOUND);
    assert_int_equal(json_tree_get_string(root, "a", &text, &error), STATUS_INVALID);
    assert_string_equal(error.text, "a: must be string, is array");
    assert_int_equal(json_tree_get_string(root, "s", &text, &error), STATUS_INVALID);
    assert_string_equal(error.text, "s: contains U+0000");
    assert_int_equal(json_tree_get_object(root, "a", &value, &error), STATUS_INVALID);
    assert_int_equal(json_tree_get_array(root, "a", &value, &error), STATUS_OK);
    assert_int_equal(json_tree_get_bool(value, "a", &flag, &error), STATUS_INVALID);
    assert_string_equal(error.text, "a: its parent is not an object");
    assert_int_equal(json_tree_get_bool(root, "t", &flag, &error), STATUS_OK);
    assert_true(flag);
}

static int setup(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_as_json_c_makes_it),
        cmocka_unit_test(what_the_check_refuses_is_no_tree),
        cmocka_unit_test(nothing_of_the_text_is_borrowed),
        cmocka_unit_test(integers_are_whole_and_in_range),
        cmocka_unit_test(another_type_and_an_absent_member_are_told_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* Covers: shared/json/json_check.c */
#include "shared/json/json.h"

#include "shared/json/json_check.h"
#include "tests/support/base/test.h"

#include <dirent.h>

static bool is_accepted(struct slice text) {
    return json_check(text, NULL) == STATUS_OK;
}

static struct json_object *parse(const char *text) {
    struct json_object *root = NULL;
    struct error error;
    if (json_parse(slice_of(text), &root, &error) != STATUS_OK)
        print_error("%s: %s\n", text, error.text);
    assert_non_null(root);
    return root;
}

static void every_kind_of_value_may_stand_alone(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",   "[]",    "\"\"", "0",       "-0",     "-1.5e+10",
        "1E-2", " true", "null", "false\n", "\t[1] ", "{\"a\":[{}, {\"b\":null}]}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(is_accepted(slice_of(texts[i])));
}

static void what_json_c_would_let_pass_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "NaN",
        "Infinity",
        "-01",
        "01",
        "2.",
        ".5",
        "1e",
        "+1",
        "'a'",
        "\"a\nb\"",
        "{'a':1}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "/* a */ 1",
        "\"\\x41\"",
        "\"\\u12g4\"",
        "\xef\xbb\xbf{}",
        "{} {}",
        "tru",
        "[1 2]",
        "{\"a\" 1}",
        "\"a",
        "{\"a\":}",
        "[",
        "{",
        "\"\\",
        "\"\\u12",
        "\"\x7f\xff\"",
        "-",
        "TRUE",
        "[\v1]",
        "{\"a\":1",
        "1 x",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(is_accepted(slice_of(texts[i])));
}

static void a_nul_byte_ends_nothing(void **state) {
    (void)state;

    assert_false(is_accepted((struct slice){"{}\0", 3}));
    assert_false(is_accepted((struct slice){"\"a\0b\"", 5}));
    assert_false(is_accepted((struct slice){"[1\0]", 4}));
}

static void surrogates_are_valid_in_pairs_only(void **state) {
    (void)state;

    assert_true(is_accepted(slice_of("\"\\ud83d\\ude80\"")));
    assert_true(is_accepted(slice_of("\"\\uD83D\\uDE80\"")));
    assert_false(is_accepted(slice_of("\"\\ud83d\"")));
    assert_false(is_accepted(slice_of("\"\\ud83dxxxxxx\"")));
    assert_false(is_accepted(slice_of("\"\\ude80\"")));
    assert_false(is_accepted(slice_of("\"\\ud83d\\ud83d\"")));
    assert_false(is_accepted(slice_of("\"\\ud83d\\n\"")));
}

static void nesting_is_limited(void **state) {
    (void)state;
    char text[2 * (JSON_MAX_DEPTH + 1)];
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);

    assert_true(is_accepted((struct slice){text + 1, 2 * JSON_MAX_DEPTH}));
    assert_false(is_accepted((struct slice){text, sizeof(text)}));
}

static void the_error_says_what_and_where(void **state) {
    (void)state;
    struct error error;

    assert_int_equal(json_check(slice_of("{\"a\": 1, \"b\": tru}"), &error), STATUS_INVALID);

    assert_string_equal(error.text, "JSON: unknown word at byte 14");
}

static void a_text_that_is_cut_short_says_so(void **state) {
    (void)state;
    static const char whole[] = "{\"a\": [1, \"b\\n\", {}]}";
    struct error error;
    char expected[64];
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        assert_int_equal(json_check((struct slice){whole, len}, &error), STATUS_INVALID);
        snprintf(expected, sizeof(expected), "JSON: ends too early at byte %zu", len);
        assert_string_equal(error.text, expected);
    }
    assert_int_equal(json_check(slice_of(whole), &error), STATUS_OK);
    assert_int_equal(json_check(slice_of("{\"a\":tru"), &error), STATUS_INVALID);
    assert_string_equal(error.text, "JSON: ends too early at byte 8");
}

static void duplicate_keys_are_found_at_any_depth(void **state) {
    (void)state;

    assert_false(is_accepted(slice_of("{\"a\":1,\"a\":2}")));
    assert_false(is_accepted(slice_of("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]")));
    assert_false(is_accepted(slice_of("{\"a\":{\"b\":1},\"c\":2,\"a\":3}")));
    assert_false(is_accepted(slice_of("{\"\":1,\"\":2}")));
    assert_true(is_accepted(slice_of("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}")));
    assert_true(is_accepted(slice_of("{\"a\":1,\"A\":2,\"ab\":3,\"\":4}")));
}

static void keys_are_compared_after_decoding(void **state) {
    (void)state;

    assert_false(is_accepted(slice_of("{\"a\":1,\"\\u0061\":2}")));
    assert_false(is_accepted(slice_of("{\"\\u0061\":1,\"a\":2}")));
    assert_false(is_accepted(slice_of("{\"/\":1,\"\\/\":2}")));
    assert_false(
        is_accepted(slice_of("{\"\\n\\t\\b\\f\\r\":1,\"\\u000a\\u0009\\u0008\\u000C\\u000d\":2}")));
    assert_false(is_accepted(slice_of("{\"\xc3\xa9\":1,\"\\u00e9\":2}")));
    assert_false(is_accepted(slice_of("{\"\xe2\x82\xac\":1,\"\\u20AC\":2}")));
    assert_false(is_accepted(slice_of("{\"\xf0\x9f\x9a\x80\":1,\"\\ud83d\\ude80\":2}")));
    assert_true(is_accepted(slice_of("{\"a\":1,\"\\u0062\":2,\"\\\\u0061\":3}")));
}

static void a_key_never_contains_nul(void **state) {
    (void)state;

    assert_false(is_accepted(slice_of("{\"q\\u0000x\":1}")));
    assert_true(is_accepted(slice_of("{\"q\":\"\\u0000\"}")));
}

/* An object of `count` keys "k0", "k1" ... within an outer one, and `last` behind them. */
static struct buf object_of(int count, const char *last) {
    struct buf text = {0};
    buf_append_text(&text, "{\"k0\":");
    buf_append_char(&text, '{');
    for (int i = 0; i < count; i++)
        buf_printf(&text, "\"k%d\":%d,", i, i);
    buf_printf(&text, "\"%s\":0},\"k1\":1}", last);
    return text;
}

static void the_grammar_takes_any_keys(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"\\u0062\":1}}",
                                        "{\"a\\u0000b\":1}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(json_check_grammar(slice_of(texts[i]), NULL), STATUS_OK);
        assert_int_equal(json_check(slice_of(texts[i]), NULL), STATUS_INVALID);
    }
    assert_int_equal(json_check_grammar(SLICE_LITERAL("{\"a\":1,}"), NULL), STATUS_INVALID);
}

static void duplicates_are_found_in_objects_of_any_size(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 15, 16, 17, 18, 63, 64, 65, 1000, 50000};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct buf distinct = object_of(counts[i], "other");
        struct buf doubled = object_of(counts[i], "k0");
        struct buf disguised = object_of(counts[i], "\\u006b0");
        assert_true(is_accepted(buf_slice(&distinct)));
        assert_false(is_accepted(buf_slice(&doubled)));
        assert_false(is_accepted(buf_slice(&disguised)));
        buf_fini(&distinct);
        buf_fini(&doubled);
        buf_fini(&disguised);
    }
}

static void only_an_object_is_parsed(void **state) {
    (void)state;
    struct json_object *root = NULL;
    struct error error;

    assert_int_equal(json_parse(slice_of("[1]"), &root, &error), STATUS_INVALID);
    assert_string_equal(error.text, "JSON: must be an object");
    static const char *const others[] = {"7", "null", "true", "\"a\"", " 1.5 "};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(json_parse(slice_of(others[i]), &root, &error), STATUS_INVALID);
        assert_string_equal(error.text, "JSON: must be an object");
    }
    assert_null(root);
}

static void the_deepest_text_allowed_is_parsed(void **state) {
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_append_text(&text, "{\"a\":");
    buf_append_char(&text, '1');
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_append_char(&text, '}');

    struct json_object *root = parse(text.ptr);

    json_object_put(root);
    buf_fini(&text);
}

static void strings_come_decoded(void **state) {
    (void)state;
    struct json_object *root = parse("{\"s\":\"a\\u00e9\\ud83d\\ude80\\\"\\/\",\"e\":\"\"}");
    struct slice value;

    assert_int_equal(json_get_string(root, "s", &value, NULL), STATUS_OK);
    assert_slice_equal(value, "a\xc3\xa9\xf0\x9f\x9a\x80\"/");
    assert_int_equal(json_get_string(root, "e", &value, NULL), STATUS_OK);
    assert_slice_equal(value, "");
    json_object_put(root);
}

static void a_string_with_nul_is_refused(void **state) {
    (void)state;
    struct json_object *root = parse("{\"s\":\"q\\u0000x\"}");
    struct slice value = slice_of("before");
    struct error error;

    assert_int_equal(json_get_string(root, "s", &value, &error), STATUS_INVALID);

    assert_string_equal(error.text, "s: contains U+0000");
    assert_slice_equal(value, "before");
    json_object_put(root);
}

static void nothing_is_coerced(void **state) {
    (void)state;
    struct json_object *root =
        parse("{\"i\":12,\"t\":\"12\",\"b\":true,\"n\":null,\"o\":{},\"a\":[]}");
    struct json_object *inner = NULL;
    struct slice text = {0};
    int64_t number = 0;
    struct error error;

    assert_int_equal(json_get_string(root, "i", &text, NULL), STATUS_INVALID);
    assert_int_equal(json_get_string(root, "n", &text, NULL), STATUS_INVALID);
    assert_int_equal(json_get_int64(root, "t", &number, &error), STATUS_INVALID);
    assert_string_equal(error.text, "t: must be int, is string");
    assert_int_equal(json_get_int64(root, "b", &number, NULL), STATUS_INVALID);
    assert_int_equal(json_get_object(root, "a", &inner, NULL), STATUS_INVALID);
    assert_int_equal(json_get_array(root, "o", &inner, NULL), STATUS_INVALID);
    assert_int_equal(json_get_object(root, "n", &inner, NULL), STATUS_INVALID);
    json_object_put(root);
}

static void an_absent_member_is_not_found(void **state) {
    (void)state;
    struct json_object *root = parse("{\"a\":[]}"), *value = NULL;
    struct slice text;
    int64_t number;

    assert_int_equal(json_get_string(root, "x", &text, NULL), STATUS_NOT_FOUND);
    assert_int_equal(json_get_int64(root, "x", &number, NULL), STATUS_NOT_FOUND);
    assert_int_equal(json_get_array(root, "a", &value, NULL), STATUS_OK);
    assert_int_equal(json_get_int64(value, "x", &number, NULL), STATUS_INVALID);
    assert_int_equal(json_get_int64(NULL, "x", &number, NULL), STATUS_INVALID);
    json_object_put(root);
}

static void integers_are_exact_over_all_of_int64(void **state) {
    (void)state;
    struct json_object *root = parse("{\"a\":9223372036854775807,\"b\":-9223372036854775807,"
                                     "\"c\":9007199254740993,\"d\":-0}");
    int64_t value;

    assert_int_equal(json_get_int64(root, "a", &value, NULL), STATUS_OK);
    assert_true(value == INT64_MAX);
    assert_int_equal(json_get_int64(root, "b", &value, NULL), STATUS_OK);
    assert_true(value == -INT64_MAX);
    assert_int_equal(json_get_int64(root, "c", &value, NULL), STATUS_OK);
    assert_true(value == INT64_C(9007199254740993));
    assert_int_equal(json_get_int64(root, "d", &value, NULL), STATUS_OK);
    assert_int_equal(value, 0);
    json_object_put(root);
}

static bool is_read_as_int64(const char *number) {
    struct buf text = {0};
    struct json_object *root = NULL;
    int64_t value;
    buf_printf(&text, "{\"n\":%s}", number);
    bool is_read = json_parse(buf_slice(&text), &root, NULL) == STATUS_OK &&
                   json_get_int64(root, "n", &value, NULL) == STATUS_OK;
    json_object_put(root);
    buf_fini(&text);
    return is_read;
}

static void integers_that_do_not_fit_are_refused(void **state) {
    (void)state;

    assert_false(is_read_as_int64("9223372036854775808"));
    assert_false(is_read_as_int64("18446744073709551615"));
    assert_false(is_read_as_int64("18446744073709551616"));
    assert_false(is_read_as_int64("99999999999999999999999999"));
    assert_false(is_read_as_int64("-9223372036854775808"));
    assert_false(is_read_as_int64("-9223372036854775809"));
    assert_false(is_read_as_int64("-99999999999999999999999999"));
}

static void numbers_not_written_as_integers_are_refused(void **state) {
    (void)state;

    assert_true(is_read_as_int64("1000"));
    assert_false(is_read_as_int64("1e3"));
    assert_false(is_read_as_int64("1.0"));
    assert_false(is_read_as_int64("1E+3"));
    assert_false(is_read_as_int64("-1.5"));
}

static void the_writer_places_commas(void **state) {
    (void)state;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);

    json_begin_object(&w);
    json_put_text(&w, "text", "x");
    json_key(&w, "list");
    json_begin_array(&w);
    json_int(&w, 1);
    json_begin_object(&w);
    json_end_object(&w);
    json_null(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_boolean(&w, true);
    json_string(&w, SLICE_LITERAL("y"));
    json_end_array(&w);
    json_put_int(&w, "number", -5);
    json_put_bool(&w, "flag", false);
    json_put_raw(&w, "raw", SLICE_LITERAL("{\"z\":1}"));
    json_put_string(&w, "last", SLICE_LITERAL(""));
    json_end_object(&w);

    assert_string_equal(out.ptr, "{\"text\":\"x\",\"list\":[1,{},null,[],true,\"y\"],\"number\":-5,"
                                 "\"flag\":false,\"raw\":{\"z\":1},\"last\":\"\"}");
    buf_fini(&out);
}

static void written_strings_are_read_back(void **state) {
    (void)state;
    struct buf out = {0}, all_bytes = {0};
    for (int c = 1; c < 0x80; c++)
        buf_append_char(&all_bytes, (char)c);
    buf_append_text(&all_bytes, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80");
    struct json_writer w = json_writer(&out);

    json_begin_object(&w);
    json_put_string(&w, "s", buf_slice(&all_bytes));
    json_end_object(&w);

    struct json_object *root = parse(out.ptr);
    struct slice value;
    assert_int_equal(json_get_string(root, "s", &value, NULL), STATUS_OK);
    assert_true(slice_equal(value, buf_slice(&all_bytes)));
    json_object_put(root);
    buf_fini(&out);
    buf_fini(&all_bytes);
}

static void bytes_that_are_not_utf8_are_replaced(void **state) {
    (void)state;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);

    json_string(&w, (struct slice){"a\xff\xc3z\0", 5});

    assert_string_equal(out.ptr, "\"a\xef\xbf\xbd\xef\xbf\xbdz\\u0000\"");
    buf_fini(&out);
}

/* Where the JSONTestSuite (https://github.com/nst/JSONTestSuite) lies, test_parsing of it. */
static const char *suite_folder(void) {
    const char *folder = getenv("OM_JSON_TEST_SUITE");
    return folder != NULL ? folder : OM_SOURCE_DIR "/../shared/json-test-suite/test_parsing";
}

/* Well-formed, but not what is taken here. */
static bool is_beyond_the_profile(const char *name) {
    return strcmp(name, "y_object_duplicated_key.json") == 0 ||
           strcmp(name, "y_object_duplicated_key_and_value.json") == 0 ||
           strcmp(name, "y_object_escaped_null_in_key.json") == 0;
}

/* False when the verdict on this file of the suite is wrong. */
static bool agrees_with_suite(const char *folder, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    struct buf text = read_file(path.ptr);
    bool is_grammatical = json_check_grammar(buf_slice(&text), NULL) == STATUS_OK;
    bool is_wanted = is_grammatical && !is_beyond_the_profile(name);
    bool agrees = (name[0] == 'i' || is_grammatical == (name[0] == 'y')) &&
                  is_accepted(buf_slice(&text)) == is_wanted;

    struct json_object *root = NULL;
    if (is_wanted && text.ptr[strspn(text.ptr, " \t\r\n")] == '{')
        agrees = agrees && json_parse(buf_slice(&text), &root, NULL) == STATUS_OK;
    json_object_put(root);
    if (!agrees)
        print_error("%s: %s\n", name, is_wanted ? "refused" : "accepted");
    buf_fini(&text);
    buf_fini(&path);
    return agrees;
}

static void the_json_test_suite_agrees(void **state) {
    (void)state;
    int files = 0, wrong = 0;
    DIR *folder = opendir(suite_folder());
    if (folder == NULL) {
        print_message(
            "SKIPPED: no JSONTestSuite at %s; OM_JSON_TEST_SUITE names its test_parsing\n",
            suite_folder());
        skip();
    }

    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".json") == NULL)
            continue;
        files++;
        wrong += !agrees_with_suite(suite_folder(), entry->d_name);
    }
    closedir(folder);

    assert_true(files > 300);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_may_stand_alone),
        cmocka_unit_test(what_json_c_would_let_pass_is_refused),
        cmocka_unit_test(a_nul_byte_ends_nothing),
        cmocka_unit_test(surrogates_are_valid_in_pairs_only),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(the_error_says_what_and_where),
        cmocka_unit_test(a_text_that_is_cut_short_says_so),
        cmocka_unit_test(duplicate_keys_are_found_at_any_depth),
        cmocka_unit_test(keys_are_compared_after_decoding),
        cmocka_unit_test(a_key_never_contains_nul),
        cmocka_unit_test(the_grammar_takes_any_keys),
        cmocka_unit_test(duplicates_are_found_in_objects_of_any_size),
        cmocka_unit_test(only_an_object_is_parsed),
        cmocka_unit_test(the_deepest_text_allowed_is_parsed),
        cmocka_unit_test(strings_come_decoded),
        cmocka_unit_test(a_string_with_nul_is_refused),
        cmocka_unit_test(nothing_is_coerced),
        cmocka_unit_test(an_absent_member_is_not_found),
        cmocka_unit_test(integers_are_exact_over_all_of_int64),
        cmocka_unit_test(integers_that_do_not_fit_are_refused),
        cmocka_unit_test(numbers_not_written_as_integers_are_refused),
        cmocka_unit_test(the_writer_places_commas),
        cmocka_unit_test(written_strings_are_read_back),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(the_json_test_suite_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

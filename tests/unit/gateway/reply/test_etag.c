#include "gateway/reply/etag.h"
#include "tests/support/base/test.h"

static enum etag_condition strong(const char *list) {
    return etag_compare(slice_of(list), "\"7\"", ETAG_STRONG);
}

static enum etag_condition weak(const char *list) {
    return etag_compare(slice_of(list), "\"7\"", ETAG_WEAK);
}

static void a_tag_is_an_objects_version(void **state) {
    (void)state;
    char tag[ETAG_SIZE];
    assert_true(etag_of(SLICE_LITERAL("{\"version\":9223372036854775807}"), tag));
    assert_string_equal(tag, "\"9223372036854775807\"");
    assert_true(etag_of(SLICE_LITERAL("{\"version\":7,\"available\":40}"), tag));
    assert_string_equal(tag, "\"7-40\"");
    assert_true(etag_of(SLICE_LITERAL("{\"version\":9223372036854775807,"
                                      "\"available\":-9223372036854775807}"),
                        tag));
    assert_string_equal(tag, "\"9223372036854775807--9223372036854775807\"");
    assert_false(etag_of(SLICE_LITERAL("{\"version\":\"7\"}"), tag));
    assert_string_equal(tag, "");
}

static void a_strong_comparison_takes_no_weak_tag(void **state) {
    (void)state;
    assert_int_equal(strong("\"7\""), ETAG_MATCHES);
    assert_int_equal(strong("W/\"7\""), ETAG_DIFFERS);
    assert_int_equal(strong("W/\"7\", \"7\""), ETAG_MATCHES);
    assert_int_equal(weak("W/\"7\""), ETAG_MATCHES);
    assert_int_equal(weak("\"7\""), ETAG_MATCHES);
    assert_int_equal(weak("w/\"7\""), ETAG_MALFORMED);
}

static void a_list_is_searched_to_its_end(void **state) {
    (void)state;
    assert_int_equal(strong("\"1\",\t\"a,b\" , \"7\" "), ETAG_MATCHES);
    assert_int_equal(strong("\"1\", \"77\""), ETAG_DIFFERS);
    assert_int_equal(strong("\"\""), ETAG_DIFFERS);
    assert_int_equal(strong(",\"1\",,\t, \"7\","), ETAG_MATCHES);
    assert_int_equal(strong("\"1\",,"), ETAG_DIFFERS);
    assert_int_equal(strong("\"7\", oops"), ETAG_MALFORMED);
}

static void a_star_matches_whatever_is_there(void **state) {
    (void)state;
    assert_int_equal(strong(" * "), ETAG_MATCHES);
    assert_int_equal(etag_compare(SLICE_LITERAL("*"), "", ETAG_STRONG), ETAG_MATCHES);
    assert_int_equal(etag_compare(SLICE_LITERAL("\"\""), "", ETAG_STRONG), ETAG_DIFFERS);
    assert_int_equal(strong("*, \"7\""), ETAG_MALFORMED);
}

static void what_is_no_list_of_tags_is_told_apart(void **state) {
    (void)state;
    static const char *const lists[] = {"",          "7",    "\"7",     "7\"", "\"7\" \"8\"",
                                        "\"7\x7f\"", " , ,", "\"a b\"", "W/",  "W/7"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_int_equal(strong(lists[i]), ETAG_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_is_an_objects_version),
        cmocka_unit_test(a_strong_comparison_takes_no_weak_tag),
        cmocka_unit_test(a_list_is_searched_to_its_end),
        cmocka_unit_test(a_star_matches_whatever_is_there),
        cmocka_unit_test(what_is_no_list_of_tags_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

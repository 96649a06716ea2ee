#include "gateway/reply/query.h"
#include "tests/support/base/test.h"

static struct arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_create(1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static enum status parse(const char *query, struct query_parameter parameters[2],
                         struct error *error) {
    parameters[0] = (struct query_parameter){.name = "name", .most = 5};
    parameters[1] = (struct query_parameter){.name = "at", .most = 40};
    return query_parse(slice_of(query), parameters, 2, arena, error);
}

static void values_are_decoded_and_plus_stands_for_itself(void **state) {
    (void)state;
    struct query_parameter parameters[2];
    struct error error;
    assert_int_equal(parse("at=10:00%2b01+x&name=%C3%bc%26=", parameters, &error), STATUS_OK);
    assert_slice_equal(parameters[0].value, "\xc3\xbc&=");
    assert_slice_equal(parameters[1].value, "10:00+01+x");
    assert_int_equal(parse("", parameters, &error), STATUS_OK);
    assert_int_equal(parameters[0].value.len, 0);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    static const struct {
        const char *query, *fault;
    } cases[] = {
        {"name=a&name=b", "name: given twice"},
        {"name=%4", "name: malformed"},
        {"name=%zz", "name: malformed"},
        {"name=%00", "name: malformed"},
        {"name=", "name: malformed"},
        {"name", "name: malformed"},
        {"name=123456", "name: too long"},
        {"nam=1", "only name, at are known here"},
        {"&", "only name, at are"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct query_parameter parameters[2];
        struct error error = {0};
        assert_int_equal(parse(cases[i].query, parameters, &error), STATUS_INVALID);
        assert_contains(error.text, cases[i].fault);
    }
}

static void what_is_appended_is_parsed_again(void **state) {
    (void)state;
    struct query_parameter parameters[2];
    struct error error;
    struct buf query = {0};
    query_append(&query, "name", SLICE_LITERAL("&=%>+"));
    query_append(&query, "at", SLICE_LITERAL("a-Z_0.~"));
    assert_slice_equal(buf_slice(&query), "name=%26%3D%25%3E%2B&at=a-Z_0.~");
    assert_int_equal(parse(query.ptr, parameters, &error), STATUS_OK);
    assert_slice_equal(parameters[0].value, "&=%>+");
    buf_fini(&query);
}

static void a_limit_is_a_number_without_leading_zeros(void **state) {
    (void)state;
    static const char *const wrong[] = {"",   "0",   "01",  "-1",  "+1",         "1e1",
                                        "1 ", "201", "1.0", "0x1", "99999999999"};
    int64_t limit = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (query_limit(slice_of(wrong[i]), 200, &limit))
            fail_msg("%s passed", wrong[i]);
    assert_true(query_limit(SLICE_LITERAL("1"), 200, &limit));
    assert_int_equal(limit, 1);
    assert_true(query_limit(SLICE_LITERAL("200"), 200, &limit));
    assert_int_equal(limit, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_decoded_and_plus_stands_for_itself),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_is_appended_is_parsed_again),
        cmocka_unit_test(a_limit_is_a_number_without_leading_zeros),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* Problem documents (RFC 9457). */
#include "gateway/reply/problem.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "tests/support/base/test.h"

static void a_problem_has_type_title_and_status(void **state) {
    (void)state;
    struct buf out = {0};
    problem_write(PROBLEM_NOT_FOUND, NULL, NULL, &out);

    assert_string_equal(out.ptr, "{\"type\":\"/problems/not-found\","
                                 "\"title\":\"There is nothing here\",\"status\":404}");
    buf_fini(&out);
}

static void a_problem_lists_its_fields(void **state) {
    (void)state;
    struct arena *arena = arena_create(1024);
    struct field_errors errors = {.arena = arena};
    struct buf out = {0};
    field_error_add(&errors, slice_of("items[0].sku"), "is required");
    field_error_add(&errors, slice_of("a\"b"), "is not a member of an order");
    problem_write(PROBLEM_INVALID_ORDER, "two", &errors, &out);

    assert_non_null(strstr(out.ptr, "\"detail\":\"two\",\"errors\":["
                                    "{\"field\":\"items[0].sku\",\"message\":\"is required\"},"
                                    "{\"field\":\"a\\\"b\",\"message\":"));
    assert_int_equal(json_check(buf_slice(&out), NULL), STATUS_OK);
    buf_fini(&out);
    arena_destroy(&arena);
}

static void every_problem_is_a_document_with_an_error_status(void **state) {
    (void)state;
    for (int i = 0; i < PROBLEM_COUNT; i++) {
        struct buf out = {0};
        problem_write((enum problem)i, NULL, NULL, &out);
        assert_int_equal(json_check(buf_slice(&out), NULL), STATUS_OK);
        assert_in_range(problem_status((enum problem)i), 400, 599);
        buf_fini(&out);
    }
}

static void a_failed_call_is_the_matching_problem(void **state) {
    (void)state;
    assert_int_equal(problem_of(STATUS_NOT_FOUND), PROBLEM_NOT_FOUND);
    assert_int_equal(problem_of(STATUS_OVERLOADED), PROBLEM_OVERLOADED);
    assert_int_equal(problem_of(STATUS_TIMEOUT), PROBLEM_NOT_CONFIRMED);
    assert_int_equal(problem_of(STATUS_UNAVAILABLE), PROBLEM_UNAVAILABLE);
    assert_int_equal(problem_of(STATUS_INTERNAL), PROBLEM_INTERNAL);
    assert_int_equal(problem_of(STATUS_INVALID), PROBLEM_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_has_type_title_and_status),
        cmocka_unit_test(a_problem_lists_its_fields),
        cmocka_unit_test(every_problem_is_a_document_with_an_error_status),
        cmocka_unit_test(a_failed_call_is_the_matching_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

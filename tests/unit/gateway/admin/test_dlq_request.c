/* Requests about dead letters: their members and parameters, and the requests to the mesh that they
   become. */
#include "gateway/admin/dlq_request.h"
#include "tests/support/base/test.h"

static struct arena *arena;

static int make_arena(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int free_arena(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* --- the query --- */

static void assert_query(const char *query, const char *expected) {
    struct buf out = {0};
    struct error error;
    if (dlq_list_request(slice_of(query), arena, &out, &error) != STATUS_OK) {
        buf_clear(&out);
        buf_append_text(&out, error.text);
    }
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void a_query_becomes_the_request_for_a_page(void **state) {
    (void)state;
    assert_query("", "{}");
    assert_query("limit=10&stream=ORDERS&from=2026-01-01T00%3A00%3A00Z&cursor=abc",
                 "{\"stream\":\"ORDERS\",\"from\":\"2026-01-01T00:00:00Z\",\"limit\":10,"
                 "\"cursor\":\"abc\"}");
}

static void a_group_has_no_pages(void **state) {
    (void)state;
    struct buf out = {0};
    struct error error;
    assert_int_equal(dlq_groups_request(SLICE_LITERAL("error=row%207"), arena, &out, &error),
                     STATUS_OK);
    assert_string_equal(out.ptr, "{\"error\":\"row 7\"}");
    assert_int_equal(dlq_groups_request(SLICE_LITERAL("limit=1"), arena, &out, &error),
                     STATUS_INVALID);
    buf_fini(&out);
}

static void a_wrong_query_is_refused_by_parameter(void **state) {
    (void)state;
    static const char *const wrong[] = {"limit=0", "limit=201", "limit=-1", "limit=x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_query(wrong[i], "limit: must be an integer from 1 to 200");
    assert_query("reason=luck", "reason: not one of rejected, max_deliveries, no_report");
    assert_query("to=now", "to: not a time such as 2026-01-31T12:00:00Z");
    struct buf out = {0};
    struct error error;
    static const char *const malformed[] = {"colour=red", "stream=A&stream=B",
                                            "stream=", "code=%0"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(dlq_list_request(slice_of(malformed[i]), arena, &out, &error),
                         STATUS_INVALID);
    buf_fini(&out);
}

/* --- bodies --- */

typedef enum status (*make_fn)(const struct dlq_body *body, struct field_errors *errors,
                               struct buf *out, struct error *error);

/* The request, or "field: message\n" for each fault, or "not JSON". */
static void assert_body(make_fn make, const char *text, const char *id, const char *expected) {
    const struct dlq_body body = {slice_of(text), SLICE_LITERAL("ann"), slice_of(id)};
    struct field_errors errors = {.arena = arena};
    struct buf out = {0};
    struct error error;
    if (make(&body, &errors, &out, &error) != STATUS_OK) {
        buf_append_text(&out, "not JSON");
    } else if (errors.count > 0) {
        buf_clear(&out);
        for (size_t i = 0; i < errors.count; i++)
            buf_printf(&out, "%.*s: %s\n", SLICE_ARG(errors.entries[i].field),
                       errors.entries[i].message);
    }
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void an_empty_body_is_enough_where_nothing_is_to_be_said(void **state) {
    (void)state;
    assert_body(dlq_plain_request, "", "A.b.c", "{\"id\":\"A.b.c\",\"actor\":\"ann\"}");
    assert_body(dlq_plain_request, "{}", "A.b.c", "{\"id\":\"A.b.c\",\"actor\":\"ann\"}");
    assert_body(dlq_plain_request, "{\"actor\":\"bob\"}", "A.b.c", "actor: is not known here\n");
    assert_body(dlq_plain_request, "[]", "A.b.c", "not JSON");
}

static void a_discard_needs_its_reason(void **state) {
    (void)state;
    assert_body(dlq_discard_request, "{\"reason\":\"a test\"}", "A.b.c",
                "{\"id\":\"A.b.c\",\"actor\":\"ann\",\"reason\":\"a test\"}");
    assert_body(dlq_discard_request, "", "A.b.c", "reason: is required\n");
    assert_body(dlq_discard_request, "{\"reason\":\"\"}", "A.b.c",
                "reason: must be one line of 1 to 500 bytes without control characters, line "
                "separators or turns of direction\n");
    assert_body(dlq_discard_request, "{\"reason\":7,\"why\":1}", "A.b.c",
                "why: is not known here\n"
                "reason: must be one line of 1 to 500 bytes without control characters, line "
                "separators or turns of direction\n");
}

static void a_replay_takes_what_was_changed_and_why(void **state) {
    (void)state;
    assert_body(dlq_replay_request, "", "A.b.c", "{\"id\":\"A.b.c\",\"actor\":\"ann\"}");
    assert_body(
        dlq_replay_request,
        "{\"reason\":\"r\",\"headers\":{\"X\":[\"1\"]},\"body\":\"{\\\"id\\\":\\\"c\\\"}\"}",
        "A.b.c",
        "{\"id\":\"A.b.c\",\"actor\":\"ann\",\"body\":\"{\\\"id\\\":\\\"c\\\"}\","
        "\"headers\":{\"X\":[\"1\"]},\"reason\":\"r\"}");
    assert_body(dlq_replay_request, "{\"headers\":{}}", "A.b.c",
                "reason: is required of what is changed\n");
    assert_body(dlq_replay_request, "{\"reason\":\"r\",\"why\":1}", "A.b.c",
                "why: is not known here\nreason: goes with body or headers only\n");
}

static void a_replay_of_many_takes_a_filter_a_rate_and_a_dry_run(void **state) {
    (void)state;
    assert_body(dlq_replay_all_request, "", "", "{\"actor\":\"ann\"}");
    assert_body(dlq_replay_all_request,
                "{\"ratePerSecond\":50,\"dryRun\":true,\"consumer\":\"order\"}", "",
                "{\"actor\":\"ann\",\"consumer\":\"order\",\"ratePerSecond\":50,\"dryRun\":true}");
    assert_body(
        dlq_replay_all_request,
        "{\"ratePerSecond\":0,\"dryRun\":1,\"stream\":1,\"reason\":\"x\",\"status\":\"any\"}", "",
        "stream: must be a text\n"
        "reason: not one of rejected, max_deliveries, no_report\n"
        "ratePerSecond: must be an integer from 1 to 10000\n"
        "dryRun: must be true or false\n"
        "status: is not known here\n");
}

static void ids_stand_in_place_of_a_filter(void **state) {
    (void)state;
    static const char fault[] = "ids: must be a list of 1 to 2000 ids of dead letters\n";
    assert_body(dlq_replay_all_request, "{\"ids\":[\"A.b.c\",\"A.b.d\"]}", "",
                "{\"actor\":\"ann\",\"ids\":[\"A.b.c\",\"A.b.d\"]}");
    assert_body(dlq_replay_all_request, "{\"ids\":[]}", "", fault);
    assert_body(dlq_replay_all_request, "{\"ids\":[\"A.b\"]}", "", fault);
    assert_body(dlq_replay_all_request, "{\"ids\":[7]}", "", fault);
    assert_body(dlq_replay_all_request, "{\"ids\":\"A.b.c\"}", "", fault);
    assert_body(dlq_replay_all_request, "{\"ids\":[\"A.b.c\"],\"stream\":\"A\"}", "",
                "ids: cannot stand beside a filter\n");
}

static void a_discard_of_many_says_why_unless_it_only_counts(void **state) {
    (void)state;
    assert_body(dlq_discard_all_request,
                "{\"reason\":\"rejected\",\"because\":\"a test\",\"ratePerSecond\":50}", "",
                "{\"actor\":\"ann\",\"reason\":\"rejected\",\"ratePerSecond\":50,"
                "\"because\":\"a test\"}");
    assert_body(dlq_discard_all_request, "{\"dryRun\":true}", "",
                "{\"actor\":\"ann\",\"dryRun\":true}");
    assert_body(dlq_discard_all_request, "{\"dryRun\":false}", "", "because: is required\n");
    assert_body(dlq_discard_all_request, "{\"because\":\"\",\"status\":\"dead\"}", "",
                "because: must be one line of 1 to 500 bytes without control characters, line "
                "separators or turns of direction\n"
                "status: is not known here\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_becomes_the_request_for_a_page),
        cmocka_unit_test(a_group_has_no_pages),
        cmocka_unit_test(a_wrong_query_is_refused_by_parameter),
        cmocka_unit_test(an_empty_body_is_enough_where_nothing_is_to_be_said),
        cmocka_unit_test(a_discard_needs_its_reason),
        cmocka_unit_test(a_replay_takes_what_was_changed_and_why),
        cmocka_unit_test(a_replay_of_many_takes_a_filter_a_rate_and_a_dry_run),
        cmocka_unit_test(ids_stand_in_place_of_a_filter),
        cmocka_unit_test(a_discard_of_many_says_why_unless_it_only_counts),
    };
    return cmocka_run_group_tests_name("dlq_request", tests, make_arena, free_arena);
}

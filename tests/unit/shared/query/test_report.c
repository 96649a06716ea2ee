/* Reports as CSV and JSON lines, and the places at which they go on. */
#include "shared/query/report.h"
#include "tests/support/base/test.h"

static char *written(const char *kind_name, enum report_format format, const char *page_text) {
    const struct report_kind *kind = report_kind_find(slice_of(kind_name));
    struct json_object *page = NULL;
    struct slice cursor;
    struct error error;
    struct buf out = {0};
    assert_non_null(kind);
    assert_int_equal(json_parse(slice_of(page_text), &page, &error), STATUS_OK);
    report_write_head(kind, format, &out);
    assert_int_equal(report_write_page(kind, format, page, &out, &cursor, &error), STATUS_OK);
    json_object_put(page);
    return out.ptr;
}

static void csv_has_a_line_of_names_and_one_for_each_row(void **state) {
    (void)state;
    char *text = written("revenue", REPORT_CSV,
                         "{\"rows\":[{\"at\":\"2026-01-31T00:00:00Z\",\"currency\":\"EUR\","
                         "\"capturedMinor\":500,\"refundedMinor\":700,\"revenueMinor\":-200},"
                         "{\"at\":\"2026-02-01T00:00:00Z\",\"currency\":\"USD\"}]}");
    assert_string_equal(text, "at,currency,capturedMinor,refundedMinor,revenueMinor\r\n"
                              "2026-01-31T00:00:00Z,EUR,500,700,-200\r\n"
                              "2026-02-01T00:00:00Z,USD,,,\r\n");
    free(text);
}

/* RFC 4180, and OWASP's CSV injection. */
static void texts_are_quoted_and_no_formula(void **state) {
    (void)state;
    static const struct {
        const char *text, *cell;
    } cells[] = {
        {"plain", "plain"},
        {"a,b", "\"a,b\""},
        {"say \\\"hi\\\"", "\"say \"\"hi\"\"\""},
        {"two\\nlines", "\"two\nlines\""},
        {"cr\\rlf", "\"cr\rlf\""},
        {"=1+1", "\"'=1+1\""},
        {"+49", "\"'+49\""},
        {"-5", "\"'-5\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"\\t=x", "\"'\t=x\""},
        {"a=b", "a=b"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        struct buf page = {0}, line = {0};
        buf_printf(&page, "{\"rows\":[{\"sku\":\"%s\",\"quantity\":-5}]}", cells[i].text);
        buf_printf(&line, "\r\n,,%s,,-5,,\r\n", cells[i].cell);
        char *text = written("stock", REPORT_CSV, page.ptr);
        assert_contains(text, line.ptr);
        free(text);
        buf_fini(&page);
        buf_fini(&line);
    }
}

static void json_lines_have_the_columns_that_there_are(void **state) {
    (void)state;
    char *text = written("orders", REPORT_NDJSON,
                         "{\"orders\":[{\"version\":3,\"orderId\":\"x\",\"totalMinor\":5,"
                         "\"createdAt\":\"t\",\"customerId\":\"a/\\\"b\"},{\"orderId\":\"y\"}]}");
    assert_string_equal(text, "{\"createdAt\":\"t\",\"orderId\":\"x\",\"customerId\":\"a/\\\"b\","
                              "\"totalMinor\":5}\n{\"orderId\":\"y\"}\n");
    free(text);
}

static void a_page_without_rows_is_none(void **state) {
    (void)state;
    struct json_object *page = NULL;
    struct slice cursor;
    struct error error;
    struct buf out = {0};
    assert_int_equal(json_parse(SLICE_LITERAL("{\"orders\":[]}"), &page, &error), STATUS_OK);
    assert_int_equal(report_write_page(report_kind_find(SLICE_LITERAL("stock")), REPORT_CSV, page,
                                       &out, &cursor, &error),
                     STATUS_INVALID);
    assert_int_equal(report_write_page(report_kind_find(SLICE_LITERAL("orders")), REPORT_CSV, page,
                                       &out, &cursor, &error),
                     STATUS_OK);
    assert_int_equal(cursor.len, 0);
    json_object_put(page);
    buf_fini(&out);
}

static enum status ask(const char *text, struct report_question *question,
                       struct json_object **root) {
    struct error error;
    json_object_put(*root);
    *root = NULL;
    assert_int_equal(json_parse(slice_of(text), root, &error), STATUS_OK);
    return report_question_read(*root, question, &error);
}

#define PERIOD "\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-02T00:00:00Z\""

static void a_report_goes_on_behind_a_place(void **state) {
    (void)state;
    struct json_object *root = NULL;
    struct report_question question;
    struct buf next = {0};
    assert_int_equal(ask("{" PERIOD "}", &question, &root), STATUS_OK);
    assert_int_equal(question.after_us, -1);
    assert_int_equal(question.limit, REPORT_PAGE_ROWS);
    assert_int_equal(ask("{" PERIOD ",\"after\":\"2026-01-01T00:00:01Z/a/b\"}", &question, &root),
                     STATUS_OK);
    assert_int_equal(question.after_us, question.from_us + 1000000);
    assert_slice_equal(question.after_name, "a/b");

    struct json_writer w = json_writer(&next);
    json_begin_object(&w);
    json_put_text(&w, "from", "2026-01-01T00:00:00Z");
    json_put_text(&w, "to", "2026-01-02T00:00:00Z");
    json_put_text(&w, "after", "2026-01-01T00:00:01Z/x");
    report_put_next(&w, question.from_us + 5, SLICE_LITERAL("y"));
    json_end_object(&w);
    char *cursor = strstr(next.ptr, "nextCursor");
    memmove(cursor, "cursor\":", 8);
    memset(cursor + 8, ' ', sizeof("nextCursor\":") - 9);
    assert_int_equal(ask(next.ptr, &question, &root), STATUS_OK);
    assert_int_equal(question.after_us, question.from_us + 5); /* the cursor counts more */
    assert_slice_equal(question.after_name, "y");
    buf_fini(&next);
    json_object_put(root);
}

static void what_cannot_be_asked_for_is_invalid(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "{\"from\":\"2026-01-01T00:00:00Z\"}",
        "{" PERIOD ",\"after\":\"2026-01-01T00:00:01Z\"}",
        "{" PERIOD ",\"after\":\"noon/x\"}",
        "{" PERIOD ",\"after\":\"2026-01-01T00:00:01Z/\"}",
        "{" PERIOD ",\"limit\":0}",
        "{" PERIOD ",\"limit\":201}",
        "{" PERIOD ",\"limit\":\"9\"}",
        "{" PERIOD ",\"granularity\":9}",
    };
    struct json_object *root = NULL;
    struct report_question question;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (ask(wrong[i], &question, &root) != STATUS_INVALID)
            fail_msg("%s", wrong[i]);
    json_object_put(root);
    enum report_format format = REPORT_CSV;
    assert_true(report_format_parse(SLICE_LITERAL("ndjson"), &format));
    assert_int_equal(format, REPORT_NDJSON);
    assert_false(report_format_parse(SLICE_LITERAL("xlsx"), &format));
    assert_null(report_kind_find(SLICE_LITERAL("profit")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_has_a_line_of_names_and_one_for_each_row),
        cmocka_unit_test(texts_are_quoted_and_no_formula),
        cmocka_unit_test(json_lines_have_the_columns_that_there_are),
        cmocka_unit_test(a_page_without_rows_is_none),
        cmocka_unit_test(a_report_goes_on_behind_a_place),
        cmocka_unit_test(what_cannot_be_asked_for_is_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

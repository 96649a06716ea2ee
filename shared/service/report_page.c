#include "shared/service/report_page.h"

#include "shared/pg/pg_param.h"
#include "shared/query/report.h"

enum { COLUMN_AT, COLUMN_ID };

/* One row more than the limit says that there is a next page. */
static void write_page(const struct report_page *page, const struct pg_result *rows, int64_t limit,
                       struct buf *reply) {
    struct json_writer w = json_writer(reply);
    int count = pg_rows(rows) > limit ? (int)limit : pg_rows(rows);
    json_begin_object(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (int row = 0; row < count; row++)
        page->write_row(&w, rows, row);
    json_end_array(&w);
    if (pg_rows(rows) > limit) {
        struct uuid last = pg_get_uuid(rows, count - 1, COLUMN_ID);
        report_put_next_id(&w, pg_get_time_us(rows, count - 1, COLUMN_AT), &last);
    }
    json_end_object(&w);
}

static enum status answer(const struct report_page *page, struct endpoint_call *call,
                          struct json_object *request, struct error *error) {
    struct report_question question;
    struct pg_result *rows = NULL;
    struct uuid after = {0};
    enum status status = report_question_read(request, &question, error);
    if (status == STATUS_OK && question.after_name.len > 0 &&
        !uuid_parse(question.after_name, &after))
        status = error_set(error, STATUS_INVALID, "after: not the place of a row");
    if (status != STATUS_OK)
        return status;
    const struct pg_param params[] = {pg_int64(question.from_us), pg_int64(question.to_us),
                                      pg_int64(question.after_us), pg_uuid(&after),
                                      pg_int64(question.limit + 1)};
    status = pg_query(call->pg, page->statement, params, &rows, error);
    if (status == STATUS_OK)
        write_page(page, rows, question.limit, call->reply);
    pg_result_free(&rows);
    return status;
}

enum status report_page_answer(const struct report_page *page, struct endpoint_call *call,
                               struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = answer(page, call, request, error);
    json_object_put(request);
    return status;
}

#include "services/analytics/revenue.h"

#include "services/analytics/tally.h"
#include "shared/base/clock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "shared/query/report.h"

/* A bucket has hundreds of counts, of latencies above all, which are passed over: a page looks at
   so many buckets. */
enum { BUCKETS_MOST = 100 };

static const struct pg_statement read_revenue = {
    .name = "analytics_revenue",
    .sql = "SELECT at, label, coalesce(sum(value) FILTER (WHERE measure = 'captured'), 0)::int8,"
           " coalesce(sum(value) FILTER (WHERE measure = 'refunded'), 0)::int8 FROM counts"
           " WHERE granularity = $1::text AND at >= to_timestamp($2::int8 / 1e6::float8)"
           "  AND at < to_timestamp($3::int8 / 1e6::float8)"
           "  AND measure IN ('captured', 'refunded') AND value <> 0"
           "  AND (at, label) > (to_timestamp($4::int8 / 1e6::float8), $5::text)"
           " GROUP BY at, label ORDER BY at, label",
    .param_count = 5,
};

enum { ROW_AT, ROW_CURRENCY, ROW_CAPTURED, ROW_REFUNDED };

static void write_row(struct json_writer *w, const struct pg_result *rows, int row) {
    char at[RFC3339_SIZE];
    int64_t captured = pg_get_int64(rows, row, ROW_CAPTURED);
    int64_t refunded = pg_get_int64(rows, row, ROW_REFUNDED);
    clock_format(pg_get_time_us(rows, row, ROW_AT), at);
    json_begin_object(w);
    json_put_text(w, "at", at);
    json_put_string(w, "currency", pg_get_slice(rows, row, ROW_CURRENCY));
    json_put_int(w, "capturedMinor", captured);
    json_put_int(w, "refundedMinor", refunded);
    json_put_int(w, "revenueMinor", captured - refunded);
    json_end_object(w);
}

static enum status parse_granularity(struct slice text, enum granularity *granularity,
                                     struct error *error) {
    *granularity = GRANULARITY_DAY;
    for (int i = 0; text.len > 0 && i < GRANULARITY_COUNT; i++) {
        *granularity = (enum granularity)i;
        if (slice_is(text, granularity_name(*granularity)))
            return STATUS_OK;
    }
    return text.len == 0 ? STATUS_OK
                         : error_set(error, STATUS_INVALID,
                                     "granularity: must be minute, hour or"
                                     " day");
}

/* A page's buckets: from the one of the place behind which it begins on. */
static struct period page_of(const struct report_question *question, enum granularity granularity) {
    int64_t begin_us =
        question->after_us > question->from_us ? question->after_us : question->from_us;
    struct period page = {granularity, granularity_floor(granularity, begin_us), 0};
    page.to_us = page.from_us + BUCKETS_MOST * granularity_seconds(granularity) * 1000000;
    if (page.to_us > question->to_us)
        page.to_us = question->to_us;
    return page;
}

static enum status write_page(struct endpoint_call *call, const struct report_question *question,
                              const struct period *page, struct error *error) {
    const struct pg_param params[] = {pg_text(slice_of(granularity_name(page->granularity))),
                                      pg_int64(page->from_us), pg_int64(page->to_us),
                                      pg_int64(question->after_us), pg_text(question->after_name)};
    struct pg_result *rows = NULL;
    enum status status = pg_query(call->pg, &read_revenue, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (int row = 0; row < pg_rows(rows); row++)
        write_row(&w, rows, row);
    json_end_array(&w);
    if (page->to_us < question->to_us) /* before all of the next bucket */
        report_put_next(&w, page->to_us, SLICE_LITERAL(" "));
    json_end_object(&w);
    pg_result_free(&rows);
    return STATUS_OK;
}

static enum status answer(struct endpoint_call *call, struct json_object *request,
                          struct error *error) {
    struct report_question question;
    enum granularity granularity;
    enum status status = report_question_read(request, &question, error);
    if (status == STATUS_OK)
        status = parse_granularity(question.granularity, &granularity, error);
    if (status != STATUS_OK)
        return status;
    const struct period page = page_of(&question, granularity);
    return write_page(call, &question, &page, error);
}

enum status revenue_endpoint(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = answer(call, request, error);
    json_object_put(request);
    return status;
}

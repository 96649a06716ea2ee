#include "services/payment/read/refund_report.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "shared/query/report.h"

#define TIME_OF(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"
#define IN_PERIOD(at, id)                                                                          \
    " " at                                                                                         \
    " >= " TIME_OF("$1") " AND " at                                                                \
                         " < " TIME_OF("$2") " AND (" at ", " id                                   \
                                             ") > (" TIME_OF("$3") ", $4::uuid) ORDER BY " at      \
                                                                   ", " id " LIMIT $5::int8"

/* What was asked for in parts is no part of what was given back as a whole. */
static const struct pg_statement read_refunds = {
    .name = "refund_report",
    .sql =
        "(SELECT r.created_at AS at, r.id, r.order_id, 'part', r.status, p.currency,"
        "  r.amount_minor, r.reason"
        "  FROM payments.refunds r JOIN payments.payments p ON p.order_id = r.order_id"
        "  WHERE" IN_PERIOD(
            "r.created_at",
            "r.id") ") UNION ALL "
                    "(SELECT p.updated_at, p.order_id, p.order_id, 'whole', p.status, p.currency,"
                    "  coalesce(p.captured_minor, p.amount_minor) - coalesce("
                    "   (SELECT sum(r.amount_minor)::int8 FROM payments.refunds r"
                    "    WHERE r.order_id = p.order_id AND r.status <> 'REFUSED'), 0), NULL"
                    "  FROM payments.payments p WHERE p.status = 'REFUNDED' AND" IN_PERIOD(
                        "p.updated_at", "p.order_id") ")"
                                                      " ORDER BY at, id LIMIT $5::int8",
    .param_count = 5,
};

enum { ROW_AT, ROW_ID, ROW_ORDER, ROW_KIND, ROW_STATUS, ROW_CURRENCY, ROW_AMOUNT, ROW_REASON };

static void put_id(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                   int column) {
    char text[UUID_TEXT_SIZE];
    struct uuid id = pg_get_uuid(rows, row, column);
    uuid_format(&id, text);
    json_put_text(w, key, text);
}

static void write_row(struct json_writer *w, const struct pg_result *rows, int row) {
    char at[RFC3339_SIZE];
    clock_format(pg_get_time_us(rows, row, ROW_AT), at);
    json_begin_object(w);
    json_put_text(w, "at", at);
    put_id(w, "refundId", rows, row, ROW_ID);
    put_id(w, "orderId", rows, row, ROW_ORDER);
    json_put_string(w, "kind", pg_get_slice(rows, row, ROW_KIND));
    json_put_string(w, "status", pg_get_slice(rows, row, ROW_STATUS));
    json_put_string(w, "currency", pg_get_slice(rows, row, ROW_CURRENCY));
    json_put_int(w, "amountMinor", pg_get_int64(rows, row, ROW_AMOUNT));
    if (!pg_is_null(rows, row, ROW_REASON))
        json_put_string(w, "reason", pg_get_slice(rows, row, ROW_REASON));
    json_end_object(w);
}

static void write_page(const struct pg_result *rows, int64_t limit, struct buf *reply) {
    struct json_writer w = json_writer(reply);
    int count = pg_rows(rows) > limit ? (int)limit : pg_rows(rows);
    json_begin_object(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (int row = 0; row < count; row++)
        write_row(&w, rows, row);
    json_end_array(&w);
    if (pg_rows(rows) > limit) {
        struct uuid last = pg_get_uuid(rows, count - 1, ROW_ID);
        report_put_next_id(&w, pg_get_time_us(rows, count - 1, ROW_AT), &last);
    }
    json_end_object(&w);
}

static enum status answer(struct endpoint_call *call, struct json_object *request,
                          struct error *error) {
    struct report_question question;
    struct pg_result *rows = NULL;
    struct uuid after = {0};
    enum status status = report_question_read(request, &question, error);
    if (status == STATUS_OK && question.after_name.len > 0 &&
        !uuid_parse(question.after_name, &after))
        status = error_set(error, STATUS_INVALID, "after: not the place of a refund");
    if (status != STATUS_OK)
        return status;
    const struct pg_param params[] = {pg_int64(question.from_us), pg_int64(question.to_us),
                                      pg_int64(question.after_us), pg_uuid(&after),
                                      pg_int64(question.limit + 1)};
    status = pg_query(call->pg, &read_refunds, params, &rows, error);
    if (status == STATUS_OK)
        write_page(rows, question.limit, call->reply);
    pg_result_free(&rows);
    return status;
}

enum status refund_report_endpoint(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = answer(call, request, error);
    json_object_put(request);
    return status;
}

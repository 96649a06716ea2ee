#include "services/inventory/movements.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "shared/query/report.h"

#define TIME_OF(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"

static const struct pg_statement read_movements = {
    .name = "inventory_movements",
    .sql = "SELECT adjusted_at, id, sku, coalesce(warehouse, 'main'), delta, on_hand, reason"
           " FROM inventory.stock_adjustments"
           " WHERE adjusted_at >= " TIME_OF("$1") " AND adjusted_at < " TIME_OF(
               "$2") " AND (adjusted_at, id) > (" TIME_OF("$3") ", $4::uuid)"
                                                                " ORDER BY adjusted_at, id LIMIT "
                                                                "$5::int8",
    .param_count = 5,
};

enum { ROW_AT, ROW_ID, ROW_SKU, ROW_WAREHOUSE, ROW_QUANTITY, ROW_ON_HAND, ROW_REASON };

static void write_row(struct json_writer *w, const struct pg_result *rows, int row) {
    char at[RFC3339_SIZE], id[UUID_TEXT_SIZE];
    struct uuid movement = pg_get_uuid(rows, row, ROW_ID);
    clock_format(pg_get_time_us(rows, row, ROW_AT), at);
    uuid_format(&movement, id);
    json_begin_object(w);
    json_put_text(w, "at", at);
    json_put_text(w, "movementId", id);
    json_put_string(w, "sku", pg_get_slice(rows, row, ROW_SKU));
    json_put_string(w, "warehouse", pg_get_slice(rows, row, ROW_WAREHOUSE));
    json_put_int(w, "quantity", pg_get_int64(rows, row, ROW_QUANTITY));
    json_put_int(w, "onHand", pg_get_int64(rows, row, ROW_ON_HAND));
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
        status = error_set(error, STATUS_INVALID, "after: not the place of a movement");
    if (status != STATUS_OK)
        return status;
    const struct pg_param params[] = {pg_int64(question.from_us), pg_int64(question.to_us),
                                      pg_int64(question.after_us), pg_uuid(&after),
                                      pg_int64(question.limit + 1)};
    status = pg_query(call->pg, &read_movements, params, &rows, error);
    if (status == STATUS_OK)
        write_page(rows, question.limit, call->reply);
    pg_result_free(&rows);
    return status;
}

enum status movements_endpoint(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = answer(call, request, error);
    json_object_put(request);
    return status;
}

#include "services/inventory/movements.h"

#include "shared/base/clock.h"
#include "shared/service/report_page.h"

static const struct pg_statement read_movements = {
    .name = "inventory_movements",
    .sql = "SELECT adjusted_at, id, sku, coalesce(warehouse, 'main'), delta, on_hand, reason"
           " FROM inventory.stock_adjustments"
           " WHERE" REPORT_PAGE_SQL("adjusted_at", "id"),
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

enum status movements_endpoint(struct endpoint_call *call, struct error *error) {
    static const struct report_page page = {&read_movements, write_row};
    return report_page_answer(&page, call, error);
}

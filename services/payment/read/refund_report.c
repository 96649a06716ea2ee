#include "services/payment/read/refund_report.h"

#include "shared/base/clock.h"
#include "shared/service/report_page.h"

/* What was asked for in parts is no part of what was given back as a whole. */
static const struct pg_statement read_refunds = {
    .name = "refund_report",
    .sql =
        "(SELECT r.created_at AS at, r.id, r.order_id, 'part', r.status, p.currency,"
        "  r.amount_minor, r.reason"
        "  FROM payments.refunds r JOIN payments.payments p ON p.order_id = r.order_id"
        "  WHERE" REPORT_PAGE_SQL(
            "r.created_at",
            "r.id") ") UNION ALL "
                    "(SELECT p.updated_at, p.order_id, p.order_id, 'whole', p.status, p.currency,"
                    "  coalesce(p.captured_minor, p.amount_minor) - coalesce("
                    "   (SELECT sum(r.amount_minor)::int8 FROM payments.refunds r"
                    "    WHERE r.order_id = p.order_id AND r.status <> 'REFUSED'), 0), NULL"
                    "  FROM payments.payments p WHERE p.status = 'REFUNDED' AND" REPORT_PAGE_SQL(
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

enum status refund_report_endpoint(struct endpoint_call *call, struct error *error) {
    static const struct report_page page = {&read_refunds, write_row};
    return report_page_answer(&page, call, error);
}

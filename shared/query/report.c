#include "shared/query/report.h"

#include "shared/base/clock.h"

#include <assert.h>

const struct report_kind report_kinds[] = {
    {"orders",
     "mesh.order.report",
     "orders",
     {"createdAt", "orderId", "customerId", "status", "reason", "currency", "totalMinor", "flow",
      "trackingNumber", "updatedAt"}},
    {"revenue",
     "mesh.analytics.revenue",
     "rows",
     {"at", "currency", "capturedMinor", "refundedMinor", "revenueMinor"}},
    {"refunds",
     "mesh.payment.refunds",
     "rows",
     {"at", "refundId", "orderId", "kind", "status", "currency", "amountMinor", "reason"}},
    {"stock",
     "mesh.inventory.movements",
     "rows",
     {"at", "movementId", "sku", "warehouse", "quantity", "onHand", "reason"}},
};
const size_t report_kind_count = sizeof(report_kinds) / sizeof(report_kinds[0]);

const struct report_kind *report_kind_find(struct slice name) {
    for (size_t i = 0; i < report_kind_count; i++)
        if (slice_is(name, report_kinds[i].name))
            return &report_kinds[i];
    return NULL;
}

bool report_format_parse(struct slice text, enum report_format *format) {
    static const char *const names[] = {[REPORT_CSV] = "csv", [REPORT_NDJSON] = "ndjson"};
    int found = slice_index(text, names, 2);
    if (found >= 0)
        *format = (enum report_format)found;
    return found >= 0;
}

const char *report_content_type(enum report_format format) {
    return format == REPORT_CSV ? "text/csv; charset=utf-8" : "application/x-ndjson";
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool is_formula(struct slice text) {
    return text.len > 0 && memchr("=+-@\t\r", text.ptr[0], 6) != NULL;
}

/* RFC 4180 section 2: in quotes where it has one, a comma or the end of a line. */
static void write_csv_text(struct slice text, struct buf *out) {
    bool is_quoted = is_formula(text);
    for (size_t i = 0; i < text.len && !is_quoted; i++)
        is_quoted = memchr("\",\r\n", text.ptr[i], 4) != NULL;
    if (!is_quoted) {
        buf_append_slice(out, text);
        return;
    }
    buf_append_text(out, is_formula(text) ? "\"'" : "\"");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_append_text(out, "\"");
        buf_append_slice(out, (struct slice){text.ptr + i, 1});
    }
    buf_append_text(out, "\"");
}

static void write_csv_value(struct json_object *value, struct buf *out) {
    const char *text = json_object_get_string(value);
    size_t len = (size_t)json_object_get_string_len(value);
    if (value == NULL)
        return;
    if (json_object_is_type(value, json_type_string))
        write_csv_text((struct slice){text, len}, out);
    else
        buf_append_text(out, text);
}

static void write_csv_row(const struct report_kind *kind, struct json_object *row,
                          struct buf *out) {
    for (int i = 0; kind->columns[i] != NULL; i++) {
        struct json_object *value = NULL;
        buf_append_text(out, i > 0 ? "," : "");
        if (json_object_object_get_ex(row, kind->columns[i], &value))
            write_csv_value(value, out);
    }
    buf_append_text(out, "\r\n");
}

static void write_json_row(const struct report_kind *kind, struct json_object *row,
                           struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    for (int i = 0; kind->columns[i] != NULL; i++) {
        struct json_object *value = NULL;
        if (!json_object_object_get_ex(row, kind->columns[i], &value) || value == NULL)
            continue;
        json_put_raw(&w, kind->columns[i],
                     slice_of(json_object_to_json_string_ext(
                         value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    }
    json_end_object(&w);
    buf_append_text(out, "\n");
}

void report_write_head(const struct report_kind *kind, enum report_format format, struct buf *out) {
    for (int i = 0; format == REPORT_CSV && kind->columns[i] != NULL; i++)
        buf_printf(out, "%s%s", i > 0 ? "," : "", kind->columns[i]);
    if (format == REPORT_CSV)
        buf_append_text(out, "\r\n");
}

enum status report_write_page(const struct report_kind *kind, enum report_format format,
                              struct json_object *page, struct buf *out, struct slice *cursor,
                              struct error *error) {
    struct json_object *rows;
    enum status status = json_get_array(page, kind->rows, &rows, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "%s: no page of it", kind->name);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        if (format == REPORT_CSV)
            write_csv_row(kind, row, out);
        else
            write_json_row(kind, row, out);
    }
    if (json_get_string(page, "nextCursor", cursor, NULL) != STATUS_OK)
        *cursor = slice_of(NULL);
    return STATUS_OK;
}

/* --- pages ------------------------------------------------------------------------------------ */

bool report_place_parse(struct slice text, int64_t *at_us, struct slice *name) {
    struct slice rest = text, time = slice_take_until(&rest, '/');
    if (rest.ptr == NULL || rest.len == 0 || !slice_is_printable(rest))
        return false;
    *name = rest;
    return clock_parse(time, at_us);
}

static enum status read_time(struct json_object *question, const char *key, int64_t *time_us,
                             struct error *error) {
    struct slice text = {"", 0};
    enum status status = json_get_string(question, key, &text, error);
    if (status != STATUS_OK || !clock_parse(text, time_us))
        return error_set(error, STATUS_INVALID, "%s: not an RFC 3339 time", key);
    return STATUS_OK;
}

/* A cursor counts more: it comes from the page before. */
static enum status read_place(struct json_object *question, struct report_question *read,
                              struct error *error) {
    struct slice text;
    read->after_us = -1;
    read->after_name = slice_of(NULL);
    enum status status = json_get_string(question, "cursor", &text, error);
    if (status == STATUS_NOT_FOUND)
        status = json_get_string(question, "after", &text, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK && !report_place_parse(text, &read->after_us, &read->after_name))
        status = error_set(error, STATUS_INVALID, "after: not the place of a row");
    return status;
}

enum status report_question_read(struct json_object *question, struct report_question *read,
                                 struct error *error) {
    read->limit = REPORT_PAGE_ROWS;
    read->granularity = slice_of(NULL);
    enum status status = read_time(question, "from", &read->from_us, error);
    if (status == STATUS_OK)
        status = read_time(question, "to", &read->to_us, error);
    if (status == STATUS_OK)
        status = read_place(question, read, error);
    if (status == STATUS_OK &&
        json_get_string(question, "granularity", &read->granularity, error) == STATUS_INVALID)
        status = STATUS_INVALID;
    if (status == STATUS_OK &&
        json_get_int64(question, "limit", &read->limit, error) == STATUS_INVALID)
        status = STATUS_INVALID;
    if (status == STATUS_OK && (read->limit < 1 || read->limit > REPORT_PAGE_ROWS))
        status = error_set(error, STATUS_INVALID, "limit: not within 1 to %d", REPORT_PAGE_ROWS);
    return status;
}

void report_put_next(struct json_writer *w, int64_t at_us, struct slice name) {
    char time[RFC3339_SIZE];
    struct buf place = {0};
    clock_format(at_us, time);
    buf_printf(&place, "%s/%.*s", time, SLICE_ARG(name));
    json_put_string(w, "nextCursor", buf_slice(&place));
    buf_fini(&place);
}

void report_put_next_id(struct json_writer *w, int64_t at_us, const struct uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    report_put_next(w, at_us, slice_of(text));
}

void report_write_question(const struct report_request *request, struct buf *out) {
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
    struct json_writer w = json_writer(out);
    clock_format(request->period.from_us, from);
    clock_format(request->period.to_us, to);
    json_begin_object(&w);
    json_put_string(&w, "tenant", request->tenant);
    json_put_text(&w, "from", from);
    json_put_text(&w, "to", to);
    json_put_text(&w, "granularity", granularity_name(request->period.granularity));
    json_put_text(&w, "sort", "createdAt"); /* of orders */
    json_put_int(&w, "limit", REPORT_PAGE_ROWS);
    if (request->after.len > 0)
        json_put_string(&w, "after", request->after);
    if (request->cursor.len > 0)
        json_put_string(&w, "cursor", request->cursor);
    json_end_object(&w);
}

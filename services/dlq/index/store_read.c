#include "services/dlq/index/store_read.h"

#include "shared/base/clock.h"
#include "shared/contract/page_cursor.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>

static void put_time(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                     int column) {
    char text[RFC3339_SIZE];
    if (pg_is_null(rows, row, column))
        return;
    clock_format(pg_get_time_us(rows, row, column), text);
    json_put_text(w, key, text);
}

static void put_text(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                     int column) {
    if (!pg_is_null(rows, row, column))
        json_put_string(w, key, pg_get_slice(rows, row, column));
}

static void put_int(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                    int column) {
    if (!pg_is_null(rows, row, column))
        json_put_int(w, key, pg_get_int64(rows, row, column));
}

/* How a column becomes a member. */
struct member {
    const char *name;
    void (*put)(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                int column);
};

static void put_members(struct json_writer *w, const struct member *members, int count,
                        const struct pg_result *rows, int row) {
    for (int i = 0; i < count; i++)
        members[i].put(w, members[i].name, rows, row, i);
}

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static void put_array(struct json_writer *w, const char *key, const struct member *members,
                      int count, const struct pg_result *rows, int row_count) {
    json_key(w, key);
    json_begin_array(w);
    for (int row = 0; row < row_count; row++) {
        json_begin_object(w);
        put_members(w, members, count, rows, row);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Appends {key: [rows]}. */
static enum status read_array(struct pg *pg, const struct pg_statement *statement, const char *key,
                              const struct member *members, int count, struct buf *out,
                              struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, statement, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_array(&w, key, members, count, rows, pg_rows(rows));
    json_end_object(&w);
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- entries ---------------------------------------------------------------------------------- */

enum { ENTRY_ID, ENTRY_STREAM, ENTRY_GENERATION = 7, ENTRY_STATUS, ENTRY_FAILED_AT = 15 };
enum { ENTRY_DLQ_SEQUENCE = 19 };

static const struct member entry_members[] = {
    {"id", put_text},        {"stream", put_text},        {"consumer", put_text},
    {"eventId", put_text},   {"type", put_text},          {"subject", put_text},
    {"sequence", put_int},   {"generation", put_int},     {"status", put_text},
    {"reason", put_text},    {"errorCode", put_text},     {"error", put_text},
    {"deliveries", put_int}, {"service", put_text},       {"orderId", put_text},
    {"failedAt", put_time},  {"firstFailedAt", put_time}, {"updatedAt", put_time},
    {"dlqStream", put_text}, {"dlqSequence", put_int},
};

#define SELECT_ENTRY                                                                               \
    "SELECT e.id, e.stream, e.consumer, e.event_id, e.type, e.subject, e.stream_sequence,"         \
    " e.generation, e.status, e.reason, e.error_code, e.error, e.deliveries, e.service,"           \
    " e.order_id, e.failed_at, e.first_failed_at, e.updated_at, e.stream || '_DLQ',"               \
    " e.dlq_sequence FROM dlq.entries e WHERE "

static struct pg_param text_or_null(struct slice text) {
    return text.ptr == NULL ? pg_null() : pg_text(text);
}

void store_filter_params(const struct dlq_filter *filter,
                         struct pg_param params[STORE_FILTER_PARAMS]) {
    const struct slice *text = filter->text;
    struct slice status = text[DLQ_FILTER_STATUS];
    params[0] = text_or_null(text[DLQ_FILTER_STREAM]);
    params[1] = text_or_null(text[DLQ_FILTER_CONSUMER]);
    params[2] = text_or_null(text[DLQ_FILTER_REASON]);
    params[3] = text_or_null(text[DLQ_FILTER_CODE]);
    params[4] = text_or_null(text[DLQ_FILTER_TYPE]);
    if (status.ptr == NULL)
        params[5] = pg_text(SLICE_LITERAL("dead"));
    else
        params[5] = slice_is(status, "any") ? pg_null() : pg_text(status);
    params[6] = text[DLQ_FILTER_FROM].ptr == NULL ? pg_null() : pg_int64(filter->from_us);
    params[7] = text[DLQ_FILTER_TO].ptr == NULL ? pg_null() : pg_int64(filter->to_us);
}

/* A cursor counts for the filter that it was made with. */
static void write_scope(const struct dlq_filter *filter, struct buf *scope) {
    buf_append_text(scope, "dlq.list ");
    struct json_writer w = json_writer(scope);
    json_begin_object(&w);
    dlq_filter_write(filter, &w);
    json_end_object(&w);
}

/* Where a page ended: failed_at and id of its last entry. */
static void put_cursor(struct json_writer *w, const struct dlq_filter *filter,
                       const struct pg_result *rows, int row) {
    struct buf scope = {0}, position = {0}, text = {0};
    write_scope(filter, &scope);
    buf_printf(&position, "%" PRId64 " %.*s", pg_get_time_us(rows, row, ENTRY_FAILED_AT),
               SLICE_ARG(pg_get_slice(rows, row, ENTRY_ID)));
    cursor_seal(buf_slice(&scope), buf_slice(&position), &text);
    json_put_string(w, "nextCursor", buf_slice(&text));
    buf_fini(&scope);
    buf_fini(&position);
    buf_fini(&text);
}

/* *id borrows from `position`. */
static enum status open_cursor(const struct page_request *request, struct buf *position,
                               int64_t *failed_at_us, struct slice *id, struct error *error) {
    struct buf scope = {0};
    uint64_t time_us = 0;
    write_scope(&request->filter, &scope);
    bool is_ours = cursor_open(buf_slice(&scope), request->cursor, position);
    buf_fini(&scope);
    *id = buf_slice(position);
    if (!is_ours || !slice_parse_uint(slice_take_until(id, ' '), INT64_MAX, &time_us))
        return error_set(error, STATUS_INVALID,
                         "cursor: not one that a page of this filter ended with");
    *failed_at_us = (int64_t)time_us;
    return STATUS_OK;
}

/* The rows may be one more than the page. */
static void write_page(const struct pg_result *rows, const struct page_request *request,
                       struct buf *out) {
    bool has_more = pg_rows(rows) > request->limit;
    int count = has_more ? (int)request->limit : pg_rows(rows);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_array(&w, "entries", entry_members, COUNT(entry_members), rows, count);
    if (has_more)
        put_cursor(&w, &request->filter, rows, count - 1);
    json_end_object(&w);
}

enum status store_read_page(struct pg *pg, const struct page_request *request, struct buf *out,
                            struct error *error) {
    static const struct pg_statement page = {
        .name = "dlq_page",
        .sql = SELECT_ENTRY STORE_FILTER_SQL
        " AND ($10::text IS NULL OR (e.failed_at, e.id) < (" STORE_TIME(
            "$9") ", $10::text))"
                  " ORDER BY e.failed_at DESC, e.id DESC LIMIT $11::int8",
        .param_count = STORE_FILTER_PARAMS + 3,
    };
    struct pg_param params[STORE_FILTER_PARAMS + 3];
    struct buf position = {0};
    struct slice id = {0};
    int64_t failed_at_us = 0;
    if (request->cursor.len > 0 &&
        open_cursor(request, &position, &failed_at_us, &id, error) != STATUS_OK) {
        buf_fini(&position);
        return STATUS_INVALID;
    }
    store_filter_params(&request->filter, params);
    params[8] = pg_int64(failed_at_us);
    params[9] = text_or_null(id);
    params[10] = pg_int64(request->limit + 1); /* one more tells whether there is a next page */
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &page, params, &rows, error);
    if (status == STATUS_OK)
        write_page(rows, request, out);
    pg_result_free(&rows);
    buf_fini(&position);
    return status;
}

enum status store_read_count(struct pg *pg, const struct dlq_filter *filter, int64_t *count,
                             struct error *error) {
    static const struct pg_statement matching = {
        .name = "dlq_count",
        .sql = "SELECT count(*) FROM dlq.entries e WHERE " STORE_FILTER_SQL,
        .param_count = STORE_FILTER_PARAMS,
    };
    struct pg_param params[STORE_FILTER_PARAMS];
    store_filter_params(filter, params);
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &matching, params, &rows, error);
    if (status == STATUS_OK)
        *count = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return status;
}

enum status store_read_entry(struct pg *pg, struct slice id, struct arena *arena,
                             struct json_writer *w, struct entry_place *place,
                             struct error *error) {
    static const struct pg_statement one = {
        .name = "dlq_entry",
        .sql = SELECT_ENTRY "e.id = $1::text",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    const struct pg_param param = pg_text(id);
    enum status status = pg_query(pg, &one, &param, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "there is no such entry");
    if (status == STATUS_OK) {
        put_members(w, entry_members, COUNT(entry_members), rows, 0);
        *place = (struct entry_place){
            .stream = arena_slice(arena, pg_get_slice(rows, 0, ENTRY_STREAM)),
            .dlq_sequence = (uint64_t)pg_get_int64(rows, 0, ENTRY_DLQ_SEQUENCE),
            .generation = (int)pg_get_int64(rows, 0, ENTRY_GENERATION),
        };
        if (!entry_status_parse(pg_get_slice(rows, 0, ENTRY_STATUS), &place->status))
            status = error_set(error, STATUS_INTERNAL, "an entry is of no status known");
    }
    pg_result_free(&rows);
    return status;
}

/* --- history ---------------------------------------------------------------------------------- */

static const struct member history_members[] = {
    {"at", put_time},    {"generation", put_int}, {"event", put_text},  {"reason", put_text},
    {"error", put_text}, {"actor", put_text},     {"detail", put_text},
};

enum status store_read_history(struct pg *pg, struct slice id, struct json_writer *w,
                               struct error *error) {
    /* When a replay succeeded is what the entry itself remembers. */
    static const struct pg_statement history = {
        .name = "dlq_history",
        .sql = "SELECT h.at, h.generation, h.event, h.reason, h.error, h.actor, h.detail FROM ("
               "  SELECT f.failed_at AS at, f.generation, 'failed' AS event, f.reason, f.error,"
               "    NULL::text AS actor, 'sequence ' || f.stream_sequence AS detail, 0 AS rank"
               "  FROM dlq.failures f WHERE f.entry_id = $1::text"
               " UNION ALL"
               "  SELECT a.at, a.generation, a.action, NULL, NULL, a.actor,"
               "    coalesce(a.detail, 'job ' || a.job_id::text), 1"
               "  FROM dlq.actions a WHERE a.entry_id = $1::text"
               " UNION ALL"
               "  SELECT e.updated_at, e.generation, 'resolved', NULL, NULL, NULL, NULL, 2"
               "  FROM dlq.entries e WHERE e.id = $1::text AND e.status = 'resolved'"
               ") h ORDER BY h.generation, h.rank, h.at",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    const struct pg_param param = pg_text(id);
    enum status status = pg_query(pg, &history, &param, &rows, error);
    if (status == STATUS_OK)
        put_array(w, "history", history_members, COUNT(history_members), rows, pg_rows(rows));
    pg_result_free(&rows);
    return status;
}

/* --- counts ----------------------------------------------------------------------------------- */

enum status store_read_counts(struct pg *pg, struct buf *out, struct error *error) {
    static const struct pg_statement counts = {
        .name = "dlq_counts",
        .sql = "SELECT stream, consumer, count(*) FILTER (WHERE status = 'dead'),"
               " count(*) FILTER (WHERE status IN ('replaying', 'replayed')),"
               " count(*) FILTER (WHERE status = 'resolved'),"
               " count(*) FILTER (WHERE status = 'discarded')"
               " FROM dlq.entries GROUP BY stream, consumer ORDER BY stream, consumer",
    };
    static const struct member members[] = {
        {"stream", put_text},  {"consumer", put_text}, {"dead", put_int},
        {"replayed", put_int}, {"resolved", put_int},  {"discarded", put_int},
    };
    return read_array(pg, &counts, "streams", members, COUNT(members), out, error);
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void put_json(struct json_writer *w, const char *key, const struct pg_result *rows, int row,
                     int column) {
    json_put_raw(w, key, pg_get_slice(rows, row, column));
}

static const struct member job_members[] = {
    {"id", put_text},        {"state", put_text},     {"action", put_text},
    {"filter", put_json},    {"total", put_int},      {"ratePerSecond", put_int},
    {"replayed", put_int},   {"resolved", put_int},   {"deadAgain", put_int},
    {"discarded", put_int},  {"skipped", put_int},    {"failed", put_int},
    {"startedAt", put_time}, {"updatedAt", put_time}, {"endedAt", put_time},
    {"actor", put_text},     {"because", put_text},   {"detail", put_text},
};

#define JOB_COLUMNS                                                                                \
    "SELECT id::text, state, action, filter::text, total, rate_per_second, replayed, resolved,"    \
    " dead_again, discarded, skipped, failed, started_at, updated_at, ended_at, actor, because,"   \
    " detail FROM dlq.jobs"

enum status store_read_jobs(struct pg *pg, struct buf *out, struct error *error) {
    static const struct pg_statement newest = {
        .name = "dlq_jobs",
        .sql = JOB_COLUMNS " ORDER BY started_at DESC, id DESC LIMIT 100",
    };
    return read_array(pg, &newest, "jobs", job_members, COUNT(job_members), out, error);
}

enum status store_read_job(struct pg *pg, const struct uuid *id, struct buf *out,
                           struct error *error) {
    static const struct pg_statement one = {
        .name = "dlq_job",
        .sql = JOB_COLUMNS " WHERE id = $1::uuid",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    const struct pg_param param = pg_uuid(id);
    enum status status = pg_query(pg, &one, &param, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "there is no such job");
    if (status == STATUS_OK) {
        struct json_writer w = json_writer(out);
        json_begin_object(&w);
        put_members(&w, job_members, COUNT(job_members), rows, 0);
        json_end_object(&w);
    }
    pg_result_free(&rows);
    return status;
}

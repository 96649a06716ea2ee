#include "services/dlq/index/store_read.h"

#include "shared/base/clock.h"
#include "shared/contract/page_cursor.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>

/* Behind to_char(<time>: as clock_format() writes it. */
#define RFC3339 " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
/* The columns of a subselect as the members of an object; what is NULL is left out. */
#define OBJECT "json_strip_nulls(row_to_json(x))"

/* An object of one list, of what a subselect gives. */
#define LIST_SQL(key, rows) "SELECT row_to_json(l) FROM (SELECT array(" rows ") AS " key ") l"

/* --- entries ---------------------------------------------------------------------------------- */

#define ENTRY_COLUMNS                                                                              \
    " e.id, e.stream, e.consumer, e.event_id AS \"eventId\", e.type, e.subject,"                   \
    " e.stream_sequence AS sequence, e.generation, e.status, e.reason,"                            \
    " e.error_code AS \"errorCode\", e.error, e.deliveries, e.service,"                            \
    " e.order_id AS \"orderId\", to_char(e.failed_at" RFC3339 " AS \"failedAt\","                  \
    " to_char(e.first_failed_at" RFC3339 " AS \"firstFailedAt\","                                  \
    " to_char(e.updated_at" RFC3339 " AS \"updatedAt\","                                           \
    " e.stream || '_DLQ' AS \"dlqStream\", e.dlq_sequence AS \"dlqSequence\""

static struct slice time_text(int64_t time_us, char *text) {
    clock_format(time_us > 0 ? time_us : 0, text); /* nothing failed before 1970 */
    return slice_of(text);
}

void store_filter_write(const struct dlq_filter *filter, struct buf *json) {
    struct dlq_filter readable = *filter;
    struct json_writer w = json_writer(json);
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
    if (filter->text[DLQ_FILTER_FROM].ptr != NULL)
        readable.text[DLQ_FILTER_FROM] = time_text(filter->from_us, from);
    if (filter->text[DLQ_FILTER_TO].ptr != NULL)
        readable.text[DLQ_FILTER_TO] = time_text(filter->to_us, to);
    json_begin_object(&w);
    dlq_filter_write(&readable, &w);
    json_end_object(&w);
}

/* A cursor counts for this and the filter behind it. */
#define SCOPE "dlq.list "

/* One row more than the page has tells that there is a next one. */
static void write_page(const struct pg_result *rows, const struct dlq_request *request,
                       struct slice scope, struct buf *out) {
    struct json_writer w = json_writer(out);
    int limit = (int)request->limit, count = pg_rows(rows) > limit ? limit : pg_rows(rows);
    json_begin_object(&w);
    json_key(&w, "entries");
    json_begin_array(&w);
    for (int row = 0; row < count; row++)
        json_raw(&w, pg_get_slice(rows, row, 0));
    json_end_array(&w);
    if (count < pg_rows(rows)) {
        struct buf cursor = {0};
        cursor_seal(scope, pg_get_slice(rows, count - 1, 1), &cursor);
        json_put_string(&w, "nextCursor", buf_slice(&cursor));
        buf_fini(&cursor);
    }
    json_end_object(&w);
}

/* With the place where a page ends: failed_at and id of its last entry. An id has no space. */
#define PAGE_SQL(condition)                                                                        \
    "SELECT " OBJECT ", (extract(epoch FROM p.failed_at) * 1000000)::int8 || ' ' || p.id FROM ("   \
    "  SELECT e.* FROM dlq.entries e WHERE" condition STORE_FILTER_1_SQL                           \
    "  AND ($2::text = '' OR (e.failed_at, e.id) <"                                                \
    "   (timestamptz 'epoch' + nullif(split_part($2::text, ' ', 1), '')::int8"                     \
    "    * interval '1 microsecond', split_part($2::text, ' ', 2)))"                               \
    "  ORDER BY e.failed_at DESC, e.id DESC LIMIT $3::int8) p"                                     \
    " CROSS JOIN LATERAL (SELECT" ENTRY_COLUMNS " FROM (SELECT p.*) e) x"                          \
    " ORDER BY p.failed_at DESC, p.id DESC"

static enum status read_page(struct pg *pg, const struct dlq_request *request, struct buf *out,
                             struct error *error) {
    static const struct pg_statement page_of_all = {
        .name = "dlq_page",
        .sql = PAGE_SQL(""),
        .param_count = 3,
    };
    /* The order's few are found by their index, whatever plan is made for the filter. */
    static const struct pg_statement page_of_order = {
        .name = "dlq_page_of_order",
        .sql = PAGE_SQL(" e.order_id = lower($1::jsonb->>'orderId') AND"),
        .param_count = 3,
    };
    bool is_of_order = request->filter.text[DLQ_FILTER_ORDER].ptr != NULL;
    struct buf scope = {0}, position = {0};
    struct pg_result *rows = NULL;
    enum status status = STATUS_OK;
    buf_append_text(&scope, SCOPE);
    store_filter_write(&request->filter, &scope);
    struct slice filter = buf_slice(&scope);
    slice_take_prefix(&filter, SCOPE);
    if (request->cursor.len > 0 && !cursor_open(buf_slice(&scope), request->cursor, &position))
        status = error_set(error, STATUS_INVALID,
                           "cursor: not one that a page of this filter ended with");
    const struct pg_param params[] = {pg_text(filter), pg_text(buf_slice(&position)),
                                      pg_int64(request->limit + 1)};
    if (status == STATUS_OK)
        status = pg_query(pg, is_of_order ? &page_of_order : &page_of_all, params, &rows, error);
    if (status == STATUS_OK)
        write_page(rows, request, buf_slice(&scope), out);
    pg_result_free(&rows);
    buf_fini(&scope);
    buf_fini(&position);
    return status;
}

/* When a replay succeeded is what the entry itself remembers. */
#define HISTORY_SQL                                                                                \
    "SELECT to_char(h.at" RFC3339 " AS at, h.generation, h.event, h.reason, h.error, h.actor,"     \
    "  h.detail"                                                                                   \
    " FROM (SELECT f.failed_at AS at, f.generation, 'failed' AS event, f.reason, f.error,"         \
    "   NULL::text AS actor, 'sequence ' || f.stream_sequence AS detail, 0 AS rank"                \
    "   FROM dlq.failures f WHERE f.entry_id = $1::text"                                           \
    "  UNION ALL SELECT a.at, a.generation, a.action, NULL, NULL, a.actor,"                        \
    "   coalesce(a.detail, 'job ' || a.job_id::text), 1"                                           \
    "   FROM dlq.actions a WHERE a.entry_id = $1::text"                                            \
    "  UNION ALL SELECT e.updated_at, e.generation, 'resolved', NULL, NULL, NULL, NULL, 2"         \
    "   FROM dlq.entries e WHERE e.id = $1::text AND e.status = 'resolved') h"                     \
    " ORDER BY h.generation, h.rank, h.at"

/* The newest few, as many as fit into an answer; NULL for none. */
#define EDITS_SQL                                                                                  \
    "SELECT json_agg(json_strip_nulls(row_to_json(d))) FROM ("                                     \
    "SELECT to_char(d.at" RFC3339 " AS at, d.generation, d.actor, d.reason, d.headers, d.body"     \
    " FROM dlq.edits d WHERE d.entry_id = $1::text ORDER BY d.at DESC LIMIT 3) d"

enum status store_read_entry(struct pg *pg, struct slice id, bool has_history, struct arena *arena,
                             struct entry_view *view, struct error *error) {
    static const struct pg_statement one = {
        .name = "dlq_entry",
        .sql = "SELECT " OBJECT ", stream, \"dlqSequence\", status,"
               " $2::int8 = 1 AND EXISTS (SELECT FROM dlq.edits d WHERE d.entry_id = $1::text"
               "  AND d.generation < x.generation) FROM (SELECT" ENTRY_COLUMNS
               ", CASE WHEN $2::int8 = 1 THEN"
               "  array(SELECT row_to_json(h) FROM (" HISTORY_SQL ") h) END AS history,"
               " CASE WHEN $2::int8 = 1 THEN (" EDITS_SQL ") END AS edits"
               " FROM dlq.entries e WHERE e.id = $1::text) x",
        .param_count = 2,
    };
    struct pg_result *rows = NULL;
    const struct pg_param params[] = {pg_text(id), pg_int64(has_history)};
    enum status status = pg_query(pg, &one, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "there is no such entry");
    if (status == STATUS_OK)
        *view = (struct entry_view){
            .json = arena_slice(arena, pg_get_slice(rows, 0, 0)),
            .stream = arena_slice(arena, pg_get_slice(rows, 0, 1)),
            .dlq_sequence = (uint64_t)pg_get_int64(rows, 0, 2),
            .status = arena_slice(arena, pg_get_slice(rows, 0, 3)),
            .was_edited = pg_get_bool(rows, 0, 4),
        };
    pg_result_free(&rows);
    return status;
}

/* --- what is read as it is -------------------------------------------------------------------- */

#define JOB_COLUMNS                                                                                \
    " id, state, action, filter, total, rate_per_second AS \"ratePerSecond\", replayed, resolved," \
    " dead_again AS \"deadAgain\", discarded, skipped, failed,"                                    \
    " to_char(started_at" RFC3339 " AS \"startedAt\", to_char(updated_at" RFC3339                  \
    " AS \"updatedAt\", to_char(ended_at" RFC3339 " AS \"endedAt\", actor, because, detail"

static const struct reading {
    struct pg_statement statement;
    enum { BY_NOTHING, BY_FILTER, BY_IDS, BY_JOB, BY_PLACE } by;
} readings[] = {
    [READ_MATCHING] = {{"dlq_count",
                        "SELECT row_to_json(x) FROM (SELECT count(*) AS matching"
                        " FROM dlq.entries e WHERE" STORE_FILTER_1_SQL ") x",
                        1},
                       BY_FILTER},
    [READ_CHOSEN] = {{"dlq_chosen",
                      "SELECT row_to_json(x) FROM (SELECT count(*) AS matching"
                      " FROM dlq.entries WHERE id = ANY($1::text[]) AND status = 'dead') x",
                      1},
                     BY_IDS},
    [READ_COUNTS] = {{"dlq_counts",
                      LIST_SQL("streams",
                               "SELECT row_to_json(x) FROM (SELECT stream, consumer,"
                               " count(*) FILTER (WHERE status = 'dead') AS dead,"
                               " count(*) FILTER (WHERE status IN ('replaying', 'replayed'))"
                               "  AS replayed,"
                               " count(*) FILTER (WHERE status = 'resolved') AS resolved,"
                               " count(*) FILTER (WHERE status = 'discarded') AS discarded"
                               " FROM dlq.entries GROUP BY 1, 2 ORDER BY 1, 2) x"),
                      0},
                     BY_NOTHING},
    [READ_GROUPS] = {{"dlq_groups",
                      LIST_SQL("groups",
                               "SELECT " OBJECT " FROM (SELECT e.stream, e.consumer, e.reason,"
                               " e.error_code AS \"errorCode\", e.error_kind AS error,"
                               " count(*) AS count, to_char(min(e.failed_at)" RFC3339
                               " AS \"firstFailedAt\", to_char(max(e.failed_at)" RFC3339
                               " AS \"lastFailedAt\" FROM dlq.entries e WHERE" STORE_FILTER_1_SQL
                               " GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*) DESC, 1, 2, 3, 4, 5"
                               " LIMIT 200) x"),
                      1},
                     BY_FILTER},
    [READ_FATE] = {{"dlq_fate",
                    "SELECT json_build_object("
                    " 'dead', coalesce(json_agg(id) FILTER (WHERE is_dead), '[]'),"
                    " 'open', coalesce(json_agg(id) FILTER (WHERE NOT is_dead AND is_open), '[]'))"
                    " FROM (SELECT u.id,"
                    "   EXISTS (SELECT FROM dlq.entries e WHERE e.id = u.id) AS is_dead,"
                    "   u.id IN (SELECT c.entry_id FROM dlq.chances c"
                    "     WHERE c.state IN ('waiting', 'given')) AS is_open"
                    "  FROM unnest($1::text[]) AS u(id)) AS asked",
                    1},
                   BY_IDS},
    [READ_DISCARDED] = {{"dlq_discarded",
                         "SELECT json_build_object("
                         " 'nowUs', (extract(epoch FROM now()) * 1000000)::int8,"
                         " 'entries', coalesce(json_agg(page ORDER BY \"atUs\", id), '[]'))"
                         " FROM (SELECT id, event_id AS \"eventId\","
                         "   stream || '/' || consumer AS consumer,"
                         "   (extract(epoch FROM updated_at) * 1000000)::int8 AS \"atUs\""
                         "  FROM dlq.entries WHERE status = 'discarded'"
                         "   AND split_part(consumer, '-', 1) = $1::text"
                         "   AND (updated_at, id) >"
                         "    (timestamptz 'epoch' + $2::int8 * interval '1 microsecond',"
                         "     $3::text)"
                         "   AND event_id ~ '^[0-9a-f-]{36}$'"
                         "  ORDER BY updated_at, id LIMIT 500) page",
                         3},
                        BY_PLACE},
    [READ_JOBS] = {{"dlq_jobs",
                    LIST_SQL("jobs", "SELECT " OBJECT " FROM (SELECT" JOB_COLUMNS " FROM dlq.jobs"
                                     " ORDER BY started_at DESC, id DESC LIMIT 100) x"),
                    0},
                   BY_NOTHING},
    [READ_JOB] = {{"dlq_job",
                   "SELECT " OBJECT " FROM (SELECT" JOB_COLUMNS " FROM dlq.jobs"
                   " WHERE id = $1::uuid) x",
                   1},
                  BY_JOB},
};

enum status store_read(struct pg *pg, enum dlq_reading reading, const struct dlq_request *request,
                       struct buf *out, struct error *error) {
    const struct reading *row = &readings[reading];
    struct buf filter = {0};
    struct pg_param params[] = {pg_text(request->service), pg_int64(request->after_us),
                                pg_text(request->after_id)};
    if (reading == READ_ENTRIES)
        return read_page(pg, request, out, error);
    if (row->by == BY_FILTER) {
        store_filter_write(&request->filter, &filter);
        params[0] = pg_text(buf_slice(&filter));
    } else if (row->by == BY_IDS) {
        params[0] = pg_array(request->ids);
    } else if (row->by == BY_JOB) {
        params[0] = pg_uuid(&request->job);
    }
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &row->statement, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "there is no such job");
    if (status == STATUS_OK)
        buf_append_slice(out, pg_get_slice(rows, 0, 0));
    pg_result_free(&rows);
    buf_fini(&filter);
    return status;
}

#include "services/dlq/index/store_act.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

enum {
    COLUMN_ID,
    COLUMN_STREAM,
    COLUMN_CONSUMER,
    COLUMN_SUBJECT,
    COLUMN_HOLDER,
    COLUMN_SEQUENCE,
    COLUMN_GENERATION,
    COLUMN_EDIT_HEADERS,
    COLUMN_EDIT_BODY,
};

static struct slice get_optional(const struct pg_result *rows, int row, int column,
                                 struct arena *arena) {
    return pg_is_null(rows, row, column) ? (struct slice){0}
                                         : arena_slice(arena, pg_get_slice(rows, row, column));
}

enum status store_query_replays(struct pg *pg, const struct pg_statement *statement,
                                const struct pg_param *params, struct arena *arena,
                                struct replays *replays, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, statement, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    size_t count = (size_t)pg_rows(rows);
    struct replay *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (int row = 0; row < (int)count; row++)
        items[row] = (struct replay){
            .id = arena_slice(arena, pg_get_slice(rows, row, COLUMN_ID)),
            .stream = arena_slice(arena, pg_get_slice(rows, row, COLUMN_STREAM)),
            .consumer = arena_slice(arena, pg_get_slice(rows, row, COLUMN_CONSUMER)),
            .subject = arena_slice(arena, pg_get_slice(rows, row, COLUMN_SUBJECT)),
            .holder = arena_slice(arena, pg_get_slice(rows, row, COLUMN_HOLDER)),
            .sequence = (uint64_t)pg_get_int64(rows, row, COLUMN_SEQUENCE),
            .generation = pg_get_int64(rows, row, COLUMN_GENERATION),
            .edit_headers = get_optional(rows, row, COLUMN_EDIT_HEADERS, arena),
            .edit_body = get_optional(rows, row, COLUMN_EDIT_BODY, arena),
        };
    *replays = (struct replays){items, count};
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- one entry -------------------------------------------------------------------------------- */

enum status store_take(struct pg *pg, const struct dlq_request *request, struct arena *arena,
                       struct replays *taken, struct error *error) {
    static const struct pg_statement take = {
        .name = "dlq_take",
        .sql = "WITH taken AS ("
               "  UPDATE dlq.entries e SET status = 'replaying', job_id = NULL, edit_id = $3::uuid,"
               "   updated_at = now()"
               "  WHERE e.id = $1::text AND e.status = 'dead' RETURNING" REPLAY_COLUMNS "),"
               " kept AS ("
               "  INSERT INTO dlq.edits (id, entry_id, generation, actor, reason, headers, body)"
               "  SELECT $3::uuid, id, generation, $2::text, $5::text, $6::jsonb, $7::text"
               "  FROM taken WHERE $3::uuid IS NOT NULL),"
               " noted AS ("
               "  INSERT INTO dlq.actions (actor, action, entry_id, generation, detail)"
               "  SELECT $2::text, 'replay', id, generation, $4::text FROM taken)"
               " SELECT taken.*, $6::text, $7::text FROM taken",
        .param_count = 7,
    };
    const struct dlq_edit *edit = &request->edit;
    const struct uuid edit_id = uuid_v7();
    struct buf detail = {0};
    if (edit->is_given)
        dlq_edit_describe(edit, &detail);
    const struct pg_param none = pg_null(),
                          params[] = {
                              pg_text(request->id),
                              pg_text(request->actor),
                              edit->is_given ? pg_uuid(&edit_id) : none,
                              edit->is_given ? pg_text(buf_slice(&detail)) : none,
                              edit->is_given ? pg_text(edit->reason) : none,
                              edit->is_given ? pg_text(dlq_edit_headers(edit)) : none,
                              edit->body.ptr != NULL ? pg_text(edit->body) : none,
                          };
    enum status status = store_query_replays(pg, &take, params, arena, taken, error);
    buf_fini(&detail);
    return status;
}

enum status store_unsettled(struct pg *pg, int64_t age_ms, int64_t limit, struct arena *arena,
                            struct replays *found, struct error *error) {
    static const struct pg_statement unsettled = {
        .name = "dlq_unsettled",
        .sql =
            "SELECT" REPLAY_COLUMNS ", (SELECT headers::text FROM dlq.edits WHERE id = e.edit_id),"
            " (SELECT body FROM dlq.edits WHERE id = e.edit_id)"
            " FROM dlq.entries e WHERE e.status = 'replaying'"
            " AND (e.updated_at <= now() - $1::int8 * interval '1 millisecond'"
            "   OR e.updated_at > now() + interval '1 minute')" /* of a clock that was ahead */
            " ORDER BY e.updated_at, e.id LIMIT $2::int8",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_int64(age_ms), pg_int64(limit)};
    return store_query_replays(pg, &unsettled, params, arena, found, error);
}

/* The entry may have gone on meanwhile: be resolved, or have failed again. Then that counts. A job
   counts all that it takes as replayed; an entry that was refused is taken off again. */
static const struct pg_statement settle = {
    .name = "dlq_settle",
    .sql = "WITH settled AS ("
           "  UPDATE dlq.entries e SET updated_at = now(),"
           "   status = CASE WHEN d.sequence IS NULL THEN 'dead' ELSE 'replayed' END,"
           "   replay_sequence = coalesce(d.sequence, e.replay_sequence)"
           "  FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[])"
           "   AS d(id, generation, sequence, detail)"
           "  WHERE e.id = d.id AND e.generation = d.generation AND e.status = 'replaying'"
           "  RETURNING e.id, e.generation, e.status, d.detail),"
           " back AS (SELECT * FROM settled WHERE status = 'dead'),"
           " noted AS ("
           "  INSERT INTO dlq.actions (actor, action, entry_id, generation, detail)"
           "  SELECT 'dlq', 'replay_refused', id, generation, detail FROM back),"
           " blamed AS ("
           "  SELECT a.job_id, count(*) AS entries FROM back CROSS JOIN LATERAL ("
           "    SELECT job_id FROM dlq.actions WHERE entry_id = back.id"
           "    AND generation = back.generation AND action = 'replay'"
           "    ORDER BY id DESC LIMIT 1) a"
           "  WHERE a.job_id IS NOT NULL GROUP BY a.job_id)"
           " UPDATE dlq.jobs j SET replayed = j.replayed - blamed.entries,"
           "  failed = j.failed + blamed.entries, updated_at = now()"
           " FROM blamed WHERE j.id = blamed.job_id",
    .param_count = 4,
};

enum status store_settle(struct pg *pg, const struct replays *replays, struct error *error) {
    enum { ID, GENERATION, SEQUENCE, DETAIL, COLUMNS };
    struct pg_columns columns;
    struct pg_array *array = columns.arrays;
    pg_columns_init(
        &columns,
        (enum pg_array_type[]){PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_TEXT},
        COLUMNS);
    for (size_t i = 0; i < replays->count; i++) {
        const struct replay *replay = &replays->items[i];
        if (replay->end == REPLAY_UNKNOWN)
            continue;
        pg_array_add_slice(&array[ID], replay->id);
        pg_array_add_int64(&array[GENERATION], replay->generation);
        if (replay->end == REPLAY_PUBLISHED)
            pg_array_add_int64(&array[SEQUENCE], (int64_t)replay->published_sequence);
        else
            pg_array_add_null(&array[SEQUENCE]);
        pg_array_add_slice(&array[DETAIL], slice_of(replay->detail));
    }
    enum status status = pg_columns_query(&columns, pg, &settle, NULL, error);
    pg_columns_fini(&columns);
    return status;
}

enum status store_discard(struct pg *pg, const struct dlq_request *request, struct error *error) {
    static const struct pg_statement discard = {
        .name = "dlq_discard",
        .sql = "WITH gone AS ("
               "  UPDATE dlq.entries SET status = 'discarded', updated_at = now()"
               "  WHERE id = $1::text AND status = 'dead' RETURNING id, generation)"
               " INSERT INTO dlq.actions (actor, action, entry_id, generation, detail)"
               " SELECT $2::text, 'discard', id, generation, $3::text FROM gone",
        .param_count = 3,
    };
    const struct pg_param params[] = {pg_text(request->id), pg_text(request->actor),
                                      pg_text(request->reason)};
    return pg_query(pg, &discard, params, NULL, error);
}

/* --- jobs ------------------------------------------------------------------------------------- */

#define JOB_CREATE_SQL(condition)                                                                  \
    " matching AS (" condition "),"                                                                \
    " wanted AS ("                                                                                 \
    "  SELECT CASE WHEN $5::text = '' THEN 'replay' ELSE 'discard' END AS action),"                \
    " noted AS ("                                                                                  \
    "  INSERT INTO dlq.actions (actor, action, job_id, detail)"                                    \
    "  SELECT $4::text, action || '_all', $2::uuid, $1::jsonb::text FROM wanted)"                  \
    " INSERT INTO dlq.jobs (id, state, action, filter, rate_per_second, actor, because,"           \
    "  total)"                                                                                     \
    " SELECT $2::uuid, 'running', action, $1::jsonb, $3::int8, $4::text,"                          \
    "  nullif($5::text, ''), entries FROM matching, wanted"

enum status store_job_create(struct pg *pg, const struct dlq_request *request,
                             struct error *error) {
    static const struct pg_statement by_filter = {
        .name = "dlq_job_create",
        .sql = "WITH" JOB_CREATE_SQL(
            "SELECT count(*) AS entries FROM dlq.entries e WHERE" STORE_FILTER_1_SQL),
        .param_count = 5,
    };
    /* In the order in which jobs take them. */
    static const struct pg_statement by_choice = {
        .name = "dlq_job_choose",
        .sql = "WITH dead AS MATERIALIZED ("
               "  SELECT id FROM dlq.entries WHERE id = ANY($6::text[]) AND status = 'dead'"
               "  ORDER BY failed_at, id FOR UPDATE),"
               " chosen AS ("
               "  UPDATE dlq.entries e SET job_id = $2::uuid FROM dead WHERE e.id = dead.id"
               "  RETURNING e.id)," JOB_CREATE_SQL("SELECT count(*) AS entries FROM chosen"),
        .param_count = 6,
    };
    struct buf filter = {0};
    if (request->ids == NULL)
        store_filter_write(&request->filter, &filter);
    else
        buf_append_text(&filter, "{\"status\":\"chosen\"}");
    const struct pg_param params[] = {
        pg_text(buf_slice(&filter)),
        pg_uuid(&request->job),
        pg_int64(request->rate_per_second),
        pg_text(request->actor),
        pg_text(request->because),
        request->ids == NULL ? pg_null() : pg_array(request->ids),
    };
    enum status status =
        pg_query(pg, request->ids == NULL ? &by_filter : &by_choice, params, NULL, error);
    buf_fini(&filter);
    return status;
}

enum status store_job_cancel(struct pg *pg, const struct dlq_request *request,
                             struct error *error) {
    static const struct pg_statement cancel = {
        .name = "dlq_job_cancel",
        .sql = "WITH ended AS ("
               "  UPDATE dlq.jobs SET state = 'cancelled', updated_at = now(), ended_at = now()"
               "  WHERE id = $1::uuid AND state = 'running' RETURNING id)"
               " INSERT INTO dlq.actions (actor, action, job_id)"
               " SELECT $2::text, 'cancel', id FROM ended",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_uuid(&request->job), pg_text(request->actor)};
    return pg_query(pg, &cancel, params, NULL, error);
}

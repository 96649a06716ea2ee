#include "services/dlq/index/store_job.h"

#include "services/dlq/index/store_read.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

static enum status run(struct pg *pg, const struct pg_statement *statement,
                       const struct pg_param *params, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, statement, params, &rows, error);
    pg_result_free(&rows);
    return status;
}

static void write_filter(const struct dlq_filter *filter, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    dlq_filter_write(filter, &w);
    json_end_object(&w);
}

enum status store_job_create(struct pg *pg, const struct uuid *id, const struct job_order *order,
                             struct error *error) {
    static const struct pg_statement create = {
        .name = "dlq_job_create",
        .sql = "WITH matching AS ("
               "  SELECT count(*) AS entries FROM dlq.entries e WHERE" STORE_FILTER_SQL "),"
               " wanted AS ("
               "  SELECT CASE WHEN $13::text = '' THEN 'replay' ELSE 'discard' END AS action),"
               " noted AS ("
               "  INSERT INTO dlq.actions (actor, action, job_id, detail)"
               "  SELECT $12::text, action || '_all', $9::uuid, $10::text FROM wanted)"
               " INSERT INTO dlq.jobs (id, state, action, filter, rate_per_second, actor, because,"
               "  total)"
               " SELECT $9::uuid, 'running', action, $10::text::jsonb, $11::int8, $12::text,"
               "  nullif($13::text, ''), entries FROM matching, wanted",
        .param_count = STORE_FILTER_PARAMS + 5,
    };
    struct buf text = {0};
    struct pg_param params[STORE_FILTER_PARAMS + 5];
    write_filter(&order->filter, &text);
    store_filter_params(&order->filter, params);
    params[8] = pg_uuid(id);
    params[9] = pg_text(buf_slice(&text));
    params[10] = pg_int64(order->rate_per_second);
    params[11] = pg_text(order->actor);
    params[12] = pg_text(order->because);
    enum status status = run(pg, &create, params, error);
    buf_fini(&text);
    return status;
}

enum status store_job_cancel(struct pg *pg, const struct uuid *id, struct slice actor,
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
    const struct pg_param params[] = {pg_uuid(id), pg_text(actor)};
    return run(pg, &cancel, params, error);
}

enum status store_jobs_running(struct pg *pg, struct arena *arena, struct jobs *jobs,
                               struct error *error) {
    static const struct pg_statement running = {
        .name = "dlq_jobs_running",
        .sql = "SELECT pg_backend_pid(), j.id, j.filter::text, j.rate_per_second, j.started_at,"
               " coalesce(j.position_at, 'epoch'), coalesce(j.position_id, ''),"
               " j.action = 'discard'"
               " FROM (VALUES (1)) AS always(one)"
               " LEFT JOIN (SELECT * FROM dlq.jobs WHERE state = 'running'"
               "  ORDER BY started_at, id LIMIT $1::int8) j ON true ORDER BY j.started_at, j.id",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    const struct pg_param param = pg_int64(STORE_JOBS_MOST);
    enum status status = pg_query(pg, &running, &param, &rows, error);
    if (status != STATUS_OK)
        return status;
    size_t count = (size_t)pg_rows(rows);
    if (pg_is_null(rows, 0, 1))
        count = 0;
    struct job *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (int row = 0; row < (int)count; row++)
        items[row] = (struct job){
            .id = pg_get_uuid(rows, row, 1),
            .filter = arena_slice(arena, pg_get_slice(rows, row, 2)),
            .rate_per_second = pg_get_int64(rows, row, 3),
            .started_us = pg_get_time_us(rows, row, 4),
            .position_us = pg_get_time_us(rows, row, 5),
            .position_id = arena_slice(arena, pg_get_slice(rows, row, 6)),
            .is_discard = pg_get_bool(rows, row, 7),
        };
    *jobs = (struct jobs){items, count, pg_get_int64(rows, 0, 0)};
    pg_result_free(&rows);
    return STATUS_OK;
}

/* The beginning of both kinds of job. The job's row is locked first: a cancellation is before it or
   after it. */
#define JOB_PARAMS (STORE_FILTER_PARAMS + 5)
#define JOB_NEXT_SQL                                                                               \
    "WITH job AS MATERIALIZED ("                                                                   \
    "  SELECT id, actor, because FROM dlq.jobs WHERE id = $9::uuid AND state = 'running'"          \
    "  FOR UPDATE),"                                                                               \
    " next AS MATERIALIZED ("                                                                      \
    "  SELECT e.id, e.failed_at FROM dlq.entries e"                                                \
    "  WHERE EXISTS (SELECT FROM job) AND e.status = 'dead' AND" STORE_FILTER_SQL                  \
    "  AND e.failed_at <= " STORE_TIME("$10") "  AND (e.failed_at, e.id) > (" STORE_TIME(          \
        "$11") ", $12::text)"                                                                      \
               "  AND NOT EXISTS (SELECT FROM dlq.actions a"                                       \
               "    WHERE a.entry_id = e.id AND a.job_id = $9::uuid)"                              \
               "  ORDER BY e.failed_at, e.id LIMIT $13::int8 FOR UPDATE OF e),"
/* Their end: the job has come so far. `counter` is its column. */
#define JOB_MOVED_SQL(counter)                                                                     \
    " last AS (SELECT id, failed_at FROM taken ORDER BY failed_at DESC, id DESC LIMIT 1),"         \
    " moved AS ("                                                                                  \
    "  UPDATE dlq.jobs j SET " counter " = j." counter " + (SELECT count(*) FROM taken),"          \
    "   position_at = last.failed_at, position_id = last.id, updated_at = now()"                   \
    "  FROM last WHERE j.id = $9::uuid)"

static void next_params(const struct job *job, const struct dlq_filter *filter, int64_t limit,
                        struct pg_param params[JOB_PARAMS]) {
    store_filter_params(filter, params);
    params[8] = pg_uuid(&job->id);
    params[9] = pg_int64(job->started_us);
    params[10] = pg_int64(job->position_us);
    params[11] = pg_text(job->position_id);
    params[12] = pg_int64(limit);
}

enum status store_job_take(struct pg *pg, const struct job *job, const struct dlq_filter *filter,
                           int64_t limit, struct arena *arena, struct replays *taken,
                           struct error *error) {
    static const struct pg_statement take = {
        .name = "dlq_job_take",
        .sql = JOB_NEXT_SQL
        " taken AS ("
        "  UPDATE dlq.entries e SET status = 'replaying', job_id = $9::uuid,"
        "   updated_at = now()"
        "  FROM next WHERE e.id = next.id RETURNING" REPLAY_COLUMNS ", next.failed_at),"
        " noted AS ("
        "  INSERT INTO dlq.actions (actor, action, entry_id, job_id, generation)"
        "  SELECT job.actor, 'replay', t.id, job.id, t.generation"
        "  FROM taken t, job)," JOB_MOVED_SQL(
            "replayed") " SELECT * FROM taken ORDER BY failed_at, id",
        .param_count = JOB_PARAMS,
    };
    struct pg_param params[JOB_PARAMS];
    next_params(job, filter, limit, params);
    return store_query_replays(pg, &take, params, arena, taken, error);
}

enum status store_job_discard(struct pg *pg, const struct job *job, const struct dlq_filter *filter,
                              int64_t limit, int64_t *count, struct error *error) {
    static const struct pg_statement discard = {
        .name = "dlq_job_discard",
        .sql = JOB_NEXT_SQL
        " taken AS ("
        "  UPDATE dlq.entries e SET status = 'discarded', updated_at = now()"
        "  FROM next WHERE e.id = next.id"
        "  RETURNING e.id, e.generation, next.failed_at),"
        " noted AS ("
        "  INSERT INTO dlq.actions (actor, action, entry_id, job_id, generation,"
        "   detail)"
        "  SELECT job.actor, 'discard', t.id, job.id, t.generation, job.because"
        "  FROM taken t, job)," JOB_MOVED_SQL("discarded") " SELECT count(*) FROM taken",
        .param_count = JOB_PARAMS,
    };
    struct pg_param params[JOB_PARAMS];
    struct pg_result *rows = NULL;
    next_params(job, filter, limit, params);
    enum status status = pg_query(pg, &discard, params, &rows, error);
    if (status == STATUS_OK)
        *count = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return status;
}

enum status store_job_finish(struct pg *pg, const struct uuid *id, struct error *error) {
    static const struct pg_statement finish = {
        .name = "dlq_job_finish",
        .sql = "UPDATE dlq.jobs SET state = 'done',"
               " total = greatest(total, replayed + failed + discarded),"
               " skipped = greatest(total - replayed - failed - discarded, 0),"
               " updated_at = now(), ended_at = now()"
               " WHERE id = $1::uuid AND state = 'running'",
        .param_count = 1,
    };
    const struct pg_param param = pg_uuid(id);
    return run(pg, &finish, &param, error);
}

enum status store_job_fail(struct pg *pg, const struct uuid *id, struct slice detail,
                           struct error *error) {
    static const struct pg_statement fail = {
        .name = "dlq_job_fail",
        .sql = "UPDATE dlq.jobs SET state = 'failed', detail = $2::text, updated_at = now(),"
               " ended_at = now() WHERE id = $1::uuid AND state = 'running'",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_uuid(id), pg_text(detail)};
    return run(pg, &fail, params, error);
}

#include "services/dlq/index/store_job.h"

#include "services/dlq/index/store_read.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

enum status store_job_create(struct pg *pg, const struct uuid *id, const struct job_order *order,
                             struct error *error) {
    static const struct pg_statement create = {
        .name = "dlq_job_create",
        .sql =
            "WITH matching AS ("
            "  SELECT count(*) AS entries FROM dlq.entries e"
            "  WHERE" STORE_FILTER_SQL(
                "$2::jsonb") "),"
                             " wanted AS ("
                             "  SELECT CASE WHEN $5::text = '' THEN 'replay' ELSE 'discard' END AS "
                             "action),"
                             " noted AS ("
                             "  INSERT INTO dlq.actions (actor, action, job_id, detail)"
                             "  SELECT $4::text, action || '_all', $1::uuid, $2::jsonb::text FROM "
                             "wanted)"
                             " INSERT INTO dlq.jobs (id, state, action, filter, rate_per_second, "
                             "actor, because,"
                             "  total)"
                             " SELECT $1::uuid, 'running', action, $2::jsonb, $3::int8, $4::text,"
                             "  nullif($5::text, ''), entries FROM matching, wanted",
        .param_count = 5,
    };
    struct buf filter = {0};
    store_filter_write(&order->filter, &filter);
    const struct pg_param params[] = {pg_uuid(id), pg_text(buf_slice(&filter)),
                                      pg_int64(order->rate_per_second), pg_text(order->actor),
                                      pg_text(order->because)};
    enum status status = pg_query(pg, &create, params, NULL, error);
    buf_fini(&filter);
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
    return pg_query(pg, &cancel, params, NULL, error);
}

enum status store_jobs_running(struct pg *pg, struct arena *arena, struct jobs *jobs,
                               struct error *error) {
    static const struct pg_statement running = {
        .name = "dlq_jobs_running",
        .sql = "SELECT id, rate_per_second, action = 'discard' FROM dlq.jobs"
               " WHERE state = 'running' ORDER BY started_at, id LIMIT $1::int8",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    const struct pg_param param = pg_int64(STORE_JOBS_MOST);
    enum status status = pg_query(pg, &running, &param, &rows, error);
    if (status != STATUS_OK)
        return status;
    jobs->count = (size_t)pg_rows(rows);
    jobs->items = arena_alloc(arena, (jobs->count + 1) * sizeof(*jobs->items));
    for (int row = 0; row < pg_rows(rows); row++)
        jobs->items[row] = (struct job){
            .id = pg_get_uuid(rows, row, 0),
            .rate_per_second = pg_get_int64(rows, row, 1),
            .is_discard = pg_get_bool(rows, row, 2),
        };
    pg_result_free(&rows);
    return STATUS_OK;
}

/* The job's row is locked first: a cancellation is before it or after it. */
enum status store_job_take(struct pg *pg, const struct uuid *id, int64_t limit, struct arena *arena,
                           struct replays *taken, struct error *error) {
    static const struct pg_statement take = {
        .name = "dlq_job_take",
        .sql =
            "WITH job AS MATERIALIZED ("
            "  SELECT * FROM dlq.jobs WHERE id = $1::uuid AND state = 'running' FOR UPDATE),"
            " next AS MATERIALIZED ("
            "  SELECT e.id, e.failed_at FROM dlq.entries e"
            "  WHERE EXISTS (SELECT FROM job) AND e.status = 'dead'"
            "  AND" STORE_FILTER_SQL(
                "(SELECT filter FROM job)") "  AND e.failed_at <= (SELECT started_at FROM job)"
                                            "  AND (e.failed_at, e.id) > ((SELECT "
                                            "coalesce(position_at, 'epoch') FROM job),"
                                            "    (SELECT coalesce(position_id, '') FROM job))"
                                            "  AND NOT EXISTS (SELECT FROM dlq.actions a"
                                            "    WHERE a.entry_id = e.id AND a.job_id = $1::uuid)"
                                            "  ORDER BY e.failed_at, e.id LIMIT $2::int8 FOR "
                                            "UPDATE OF e),"
                                            " taken AS ("
                                            "  UPDATE dlq.entries e SET job_id = job.id, "
                                            "updated_at = now(),"
                                            "   status = CASE job.action WHEN 'discard' THEN "
                                            "'discarded' ELSE 'replaying' END"
                                            "  FROM next, job WHERE e.id = next.id"
                                            "  RETURNING" REPLAY_COLUMNS ", next.failed_at),"
                                            " noted AS ("
                                            "  INSERT INTO dlq.actions (actor, action, entry_id, "
                                            "job_id, generation, detail)"
                                            "  SELECT job.actor, job.action, t.id, job.id, "
                                            "t.generation, job.because"
                                            "  FROM taken t, job),"
                                            " last AS ("
                                            "  SELECT id, failed_at, (SELECT count(*) FROM taken) "
                                            "AS entries FROM taken"
                                            "  ORDER BY failed_at DESC, id DESC LIMIT 1),"
                                            " moved AS ("
                                            "  UPDATE dlq.jobs j SET position_at = last.failed_at, "
                                            "position_id = last.id,"
                                            "   replayed = replayed + CASE action WHEN 'replay' "
                                            "THEN entries ELSE 0 END,"
                                            "   discarded = discarded + CASE action WHEN 'discard' "
                                            "THEN entries ELSE 0 END,"
                                            "   updated_at = now() FROM last WHERE j.id = $1::uuid)"
                                            " SELECT * FROM taken ORDER BY failed_at, id",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_uuid(id), pg_int64(limit)};
    return store_query_replays(pg, &take, params, arena, taken, error);
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
    return pg_query(pg, &finish, &param, NULL, error);
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
    return pg_query(pg, &fail, params, NULL, error);
}

#include "services/dlq/replay/jobs.h"

#include "services/dlq/replay/replay.h"
#include "services/dlq/replay/turns.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdio.h>
#include <string.h>

enum {
    JOBS_MOST = 16,           /* run at once, the oldest; further ones wait */
    TAKE_MOST = 64,           /* entries at once: all their messages are in memory */
    TAKES_PER_SECOND = 20,    /* of a job, unless it is so slow that one entry is more */
    IDLE_POLL_MS = 200,       /* for new jobs */
    UNSETTLED_AGE_MS = 15000, /* longer than any endpoint takes to settle its entry */
    UNSETTLED_POLL_MS = 5000,
};
#define LATE_MOST_US 250000 /* what a job may catch up with */

/* A job's next entries are a short walk along the index, however many entries there are; the
   planner would rather sort all that are left, once its plan is for any filter. */
static const char on_connect_sql[] =
    "SET plan_cache_mode = force_generic_plan; SET enable_sort = off; SET enable_seqscan = off; "
    "SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

struct job {
    struct uuid id;
    int64_t rate_per_second;
    bool is_discard;
    int64_t due_us; /* its next entries */
};

struct runner {
    struct turns *turns;
    bool has_unsettled; /* we took entries whose end is unknown */
    int64_t looked_for_unsettled_us;
    struct job jobs[JOBS_MOST];
    size_t job_count;
};

/* --- what was begun --------------------------------------------------------------------------- */

static enum status settle(struct runner *runner, struct error *error) {
    struct replays found = {0};
    int64_t age_ms = runner->has_unsettled ? 0 : UNSETTLED_AGE_MS;
    do {
        enum status status = store_unsettled(runner->turns->pg, age_ms, TAKE_MOST,
                                             runner->turns->arena, &found, error);
        if (status == STATUS_OK)
            status = replay_run(runner->turns->requests, &found, runner->turns->pg, error);
        if (status != STATUS_OK)
            return status;
        arena_reset(runner->turns->arena);
    } while (found.count == TAKE_MOST && !worker_is_draining(runner->turns->worker));
    runner->has_unsettled = false;
    runner->looked_for_unsettled_us = clock_monotonic_us();
    return STATUS_OK;
}

static bool is_time_to_settle(const struct runner *runner) {
    return runner->has_unsettled ||
           clock_monotonic_us() - runner->looked_for_unsettled_us > UNSETTLED_POLL_MS * 1000;
}

/* --- jobs ------------------------------------------------------------------------------------- */

#define JOB_FILTER_SQL                                                                             \
    " CASE (SELECT filter->>'status' FROM job) WHEN 'chosen' THEN e.job_id = $1::uuid"             \
    " ELSE" STORE_FILTER_SQL("(SELECT filter FROM job)") " END"

/* A job's next entries, taken for a replay or discarded, oldest failure first: those that were dead
   when it began, still are, and were not taken by it before. None when it does not run any more, or
   is through. The job's row is locked first: a cancellation is before it or after it. */
static enum status take(struct turns *turns, const struct uuid *job, int64_t limit,
                        struct replays *taken, struct error *error) {
    static const struct pg_statement statement = {
        .name = "dlq_job_take",
        .sql = "WITH job AS MATERIALIZED ("
               "  SELECT * FROM dlq.jobs WHERE id = $1::uuid AND state = 'running' FOR UPDATE),"
               " next AS MATERIALIZED ("
               "  SELECT e.id, e.failed_at FROM dlq.entries e"
               "  WHERE EXISTS (SELECT FROM job) AND e.status = 'dead' AND" JOB_FILTER_SQL
               "  AND e.failed_at <= (SELECT started_at FROM job)"
               "  AND (e.failed_at, e.id) > ((SELECT coalesce(position_at, 'epoch') FROM job),"
               "    (SELECT coalesce(position_id, '') FROM job))"
               "  AND NOT EXISTS (SELECT FROM dlq.actions a"
               "    WHERE a.entry_id = e.id AND a.job_id = $1::uuid)"
               "  ORDER BY e.failed_at, e.id LIMIT $2::int8 FOR UPDATE OF e),"
               " taken AS ("
               "  UPDATE dlq.entries e SET job_id = job.id, edit_id = NULL, updated_at = now(),"
               "   status = CASE job.action WHEN 'discard' THEN 'discarded' ELSE 'replaying' END"
               "  FROM next, job WHERE e.id = next.id"
               "  RETURNING" REPLAY_COLUMNS ", NULL::text AS headers, NULL::text AS body,"
               "   next.failed_at),"
               " noted AS ("
               "  INSERT INTO dlq.actions (actor, action, entry_id, job_id, generation, detail)"
               "  SELECT job.actor, job.action, t.id, job.id, t.generation, job.because"
               "  FROM taken t, job),"
               " last AS ("
               "  SELECT id, failed_at, (SELECT count(*) FROM taken) AS entries FROM taken"
               "  ORDER BY failed_at DESC, id DESC LIMIT 1),"
               " moved AS ("
               "  UPDATE dlq.jobs j SET position_at = last.failed_at, position_id = last.id,"
               "   replayed = replayed + CASE action WHEN 'replay' THEN entries ELSE 0 END,"
               "   discarded = discarded + CASE action WHEN 'discard' THEN entries ELSE 0 END,"
               "   updated_at = now() FROM last WHERE j.id = $1::uuid)"
               " SELECT * FROM taken ORDER BY failed_at, id",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_uuid(job), pg_int64(limit)};
    return store_query_replays(turns->pg, &statement, params, turns->arena, taken, error);
}

/* The rest of its total was skipped. */
static const struct pg_statement finish = {
    .name = "dlq_job_finish",
    .sql = "UPDATE dlq.jobs SET state = 'done',"
           " total = greatest(total, replayed + failed + discarded),"
           " skipped = greatest(total - replayed - failed - discarded, 0),"
           " updated_at = now(), ended_at = now()"
           " WHERE id = $1::uuid AND state = 'running'",
    .param_count = 1,
};

static const struct pg_statement fail = {
    .name = "dlq_job_fail",
    .sql = "UPDATE dlq.jobs SET state = 'failed', detail = $2::text, updated_at = now(),"
           " ended_at = now() WHERE id = $1::uuid AND state = 'running'",
    .param_count = 2,
};

/* Moves due_us to when the next entries are due. */
static enum status step(struct runner *runner, struct job *job, struct error *error) {
    struct turns *turns = runner->turns;
    const struct pg_param id = pg_uuid(&job->id);
    int64_t wanted = job->rate_per_second / TAKES_PER_SECOND;
    struct replays taken = {0};
    if (wanted < 1 || wanted > TAKE_MOST)
        wanted = wanted < 1 ? 1 : TAKE_MOST;
    enum status status = take(turns, &job->id, wanted, &taken, error);
    if (status == STATUS_OK && taken.count == 0)
        return pg_query(turns->pg, &finish, &id, NULL, error);
    if (status == STATUS_OK && !job->is_discard) {
        status = replay_run(turns->requests, &taken, turns->pg, error);
        runner->has_unsettled |= status != STATUS_OK;
    }
    job->due_us += (int64_t)taken.count * 1000000 / job->rate_per_second;
    return status;
}

/* A failure that cannot get better ends the job; all else is tried again. */
static enum status step_or_fail(struct runner *runner, struct job *job, struct error *error) {
    enum status status = step(runner, job, error);
    if (status == STATUS_OK || status_is_retryable(status))
        return status;
    char why[sizeof(error->text)];
    snprintf(why, sizeof(why), "%s", error->text);
    const struct pg_param params[] = {pg_uuid(&job->id), pg_text(slice_of(why))};
    log_error("a job failed", LOG_ERROR(error));
    return pg_query(runner->turns->pg, &fail, params, NULL, error);
}

/* A job goes on at its pace; a new one begins now. */
static struct job read_job(const struct runner *runner, const struct pg_result *rows, int row,
                           int64_t now_us) {
    struct job job = {.id = pg_get_uuid(rows, row, 0),
                      .rate_per_second = pg_get_int64(rows, row, 1),
                      .is_discard = pg_get_bool(rows, row, 2),
                      .due_us = now_us};
    for (size_t i = 0; i < runner->job_count; i++)
        if (uuid_compare(&runner->jobs[i].id, &job.id) == 0)
            job.due_us = runner->jobs[i].due_us;
    if (job.due_us < now_us - LATE_MOST_US)
        job.due_us = now_us - LATE_MOST_US;
    return job;
}

static enum status read_jobs(struct runner *runner, struct error *error) {
    static const struct pg_statement running = {
        .name = "dlq_jobs_running",
        .sql = "SELECT id, rate_per_second, action = 'discard' FROM dlq.jobs"
               " WHERE state = 'running' ORDER BY started_at, id LIMIT $1::int8",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    struct job jobs[JOBS_MOST];
    const struct pg_param most = pg_int64(JOBS_MOST);
    enum status status = pg_query(runner->turns->pg, &running, &most, &rows, error);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < pg_rows(rows); row++)
        jobs[row] = read_job(runner, rows, row, clock_monotonic_us());
    runner->job_count = (size_t)pg_rows(rows);
    memcpy(runner->jobs, jobs, runner->job_count * sizeof(*jobs));
    pg_result_free(&rows);
    return STATUS_OK;
}

/* One step of each job that is due; *nap_ms is until the next one is. */
static enum status work(struct runner *runner, int64_t *nap_ms, struct error *error) {
    enum status status = read_jobs(runner, error);
    for (size_t i = 0; i < runner->job_count && status == STATUS_OK; i++) {
        struct job *job = &runner->jobs[i];
        if (job->due_us <= clock_monotonic_us())
            status = step_or_fail(runner, job, error);
        int64_t left_ms = (job->due_us - clock_monotonic_us()) / 1000;
        *nap_ms = left_ms < *nap_ms ? left_ms : *nap_ms;
    }
    return status;
}

static enum status turn(struct turns *turns, void *context, int64_t *nap_ms, struct error *error) {
    struct runner *runner = context;
    enum status status = STATUS_OK;
    runner->turns = turns;
    runner->has_unsettled |= turns->is_new; /* the last leader may have left some */
    *nap_ms = IDLE_POLL_MS;
    if (is_time_to_settle(runner))
        status = settle(runner, error);
    return status == STATUS_OK ? work(runner, nap_ms, error) : status;
}

void jobs_run(struct worker *worker) {
    static const struct turns_spec spec = {
        .name = "om.dlq.jobs",
        .on_connect_sql = on_connect_sql,
        .trouble = "replays wait for a dependency",
        .turn = turn,
    };
    struct runner runner = {0};
    turns_run(worker, &spec, &runner);
}

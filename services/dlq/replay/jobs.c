#include "services/dlq/replay/jobs.h"

#include "services/dlq/index/store_job.h"
#include "services/dlq/replay/leader.h"
#include "services/dlq/replay/replay.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"

enum {
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

/* When a job's next entries are due. */
struct pace {
    struct uuid job;
    int64_t due_us;
};

struct runner {
    struct leader *leader;
    bool has_unsettled; /* we took entries whose end is unknown */
    int64_t looked_for_unsettled_us;
    struct pace paces[STORE_JOBS_MOST];
    size_t pace_count;
};

/* --- what was begun --------------------------------------------------------------------------- */

static enum status settle(struct runner *runner, struct error *error) {
    struct replays found = {0};
    int64_t age_ms = runner->has_unsettled ? 0 : UNSETTLED_AGE_MS;
    do {
        enum status status = store_unsettled(runner->leader->pg, age_ms, TAKE_MOST,
                                             runner->leader->arena, &found, error);
        if (status == STATUS_OK)
            status = replay_run(runner->leader->requests, &found, runner->leader->pg,
                                runner->leader->arena, error);
        if (status != STATUS_OK)
            return status;
        arena_reset(runner->leader->arena);
    } while (found.count == TAKE_MOST && !worker_is_draining(runner->leader->worker));
    runner->has_unsettled = false;
    runner->looked_for_unsettled_us = clock_monotonic_us();
    return STATUS_OK;
}

static bool is_time_to_settle(const struct runner *runner) {
    return runner->has_unsettled ||
           clock_monotonic_us() - runner->looked_for_unsettled_us > UNSETTLED_POLL_MS * 1000;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static int64_t due_of(const struct runner *runner, const struct uuid *job, int64_t now_us) {
    for (size_t i = 0; i < runner->pace_count; i++)
        if (uuid_compare(&runner->paces[i].job, job) == 0)
            return runner->paces[i].due_us;
    return now_us;
}

/* *due_us moves to when the next entries are due. */
static enum status step(struct runner *runner, const struct job *job, int64_t *due_us,
                        struct error *error) {
    int64_t wanted = job->rate_per_second / TAKES_PER_SECOND;
    struct replays taken = {0};
    if (wanted < 1 || wanted > TAKE_MOST)
        wanted = wanted < 1 ? 1 : TAKE_MOST;
    enum status status =
        store_job_take(runner->leader->pg, &job->id, wanted, runner->leader->arena, &taken, error);
    if (status == STATUS_OK && taken.count == 0)
        return store_job_finish(runner->leader->pg, &job->id, error);
    if (status == STATUS_OK && !job->is_discard) {
        status = replay_run(runner->leader->requests, &taken, runner->leader->pg,
                            runner->leader->arena, error);
        runner->has_unsettled |= status != STATUS_OK;
    }
    *due_us += (int64_t)taken.count * 1000000 / job->rate_per_second;
    return status;
}

/* A failure that cannot get better ends the job; all else is tried again. */
static enum status step_or_fail(struct runner *runner, const struct job *job, int64_t *due_us,
                                struct error *error) {
    struct error failing;
    enum status status = step(runner, job, due_us, error);
    if (status == STATUS_OK || status_is_retryable(status))
        return status;
    log_error("a job failed", LOG_ERROR(error));
    status = store_job_fail(runner->leader->pg, &job->id, slice_of(error->text), &failing);
    if (status != STATUS_OK)
        *error = failing;
    return status;
}

/* One step of each job that is due; *nap_ms is until the next one is. */
static enum status work(struct runner *runner, int64_t *nap_ms, struct error *error) {
    struct jobs jobs;
    struct pace paces[STORE_JOBS_MOST];
    enum status status =
        store_jobs_running(runner->leader->pg, runner->leader->arena, &jobs, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < jobs.count && status == STATUS_OK; i++) {
        int64_t now_us = clock_monotonic_us();
        paces[i] = (struct pace){jobs.items[i].id, due_of(runner, &jobs.items[i].id, now_us)};
        if (paces[i].due_us < now_us - LATE_MOST_US)
            paces[i].due_us = now_us - LATE_MOST_US;
        if (paces[i].due_us <= now_us)
            status = step_or_fail(runner, &jobs.items[i], &paces[i].due_us, error);
        int64_t left_ms = (paces[i].due_us - clock_monotonic_us()) / 1000;
        *nap_ms = left_ms < *nap_ms ? left_ms : *nap_ms;
    }
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < jobs.count; i++)
        runner->paces[i] = paces[i];
    runner->pace_count = jobs.count;
    return STATUS_OK;
}

static enum status turn(struct leader *leader, void *context, int64_t *nap_ms,
                        struct error *error) {
    struct runner *runner = context;
    enum status status = STATUS_OK;
    runner->leader = leader;
    runner->has_unsettled |= leader->is_new; /* the last leader may have left some */
    *nap_ms = IDLE_POLL_MS;
    if (is_time_to_settle(runner))
        status = settle(runner, error);
    return status == STATUS_OK ? work(runner, nap_ms, error) : status;
}

void jobs_run(struct worker *worker) {
    static const struct leader_spec spec = {
        .lock = "om.dlq.jobs",
        .on_connect_sql = on_connect_sql,
        .trouble = "replays wait for a dependency",
        .turn = turn,
    };
    struct runner runner = {0};
    leader_run(worker, &spec, &runner);
}

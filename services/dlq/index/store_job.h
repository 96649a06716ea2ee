/*
 * Jobs: many entries replayed or discarded, as dlq.jobs keeps them. Each function is one statement,
 * so one transaction. Blocks as pg.h does; what is handed out is in the arena.
 *
 *     running -> done | cancelled | failed
 */
#ifndef OM_SERVICES_DLQ_INDEX_STORE_JOB_H
#define OM_SERVICES_DLQ_INDEX_STORE_JOB_H

#include "services/dlq/index/store_act.h"
#include "shared/base/arena.h"
#include "shared/crypto/uuid.h"

struct job {
    struct uuid id;
    bool is_discard;
    int64_t rate_per_second;
};

/* So many run at once, the oldest; further ones wait. */
#define STORE_JOBS_MOST 16

struct jobs {
    struct job *items;
    size_t count;
};

/* A person's request. */
struct job_order {
    struct dlq_filter filter;
    int64_t rate_per_second;
    struct slice because; /* of a job that discards; "" for one that replays */
    struct slice actor;
};
enum status store_job_create(struct pg *pg, const struct uuid *id, const struct job_order *order,
                             struct error *error) MUST_CHECK;
/* Ends it if it runs. */
enum status store_job_cancel(struct pg *pg, const struct uuid *id, struct slice actor,
                             struct error *error) MUST_CHECK;
enum status store_jobs_running(struct pg *pg, struct arena *arena, struct jobs *jobs,
                               struct error *error) MUST_CHECK;
/* A job's next entries, taken for a replay or discarded, oldest failure first: those that were dead
   when it began, still are, and were not taken by it before. None when it does not run any more, or
   is through. */
enum status store_job_take(struct pg *pg, const struct uuid *id, int64_t limit, struct arena *arena,
                           struct replays *taken, struct error *error) MUST_CHECK;
/* A job that runs is done; the rest of its total was skipped. */
enum status store_job_finish(struct pg *pg, const struct uuid *id, struct error *error) MUST_CHECK;
/* A job that runs has failed. */
enum status store_job_fail(struct pg *pg, const struct uuid *id, struct slice detail,
                           struct error *error) MUST_CHECK;

#endif

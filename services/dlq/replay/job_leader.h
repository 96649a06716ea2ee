/*
 * One of several instances: who holds an advisory lock in the database. The lock ends with its
 * session, so a leader that is cut off is followed by another, and may find out late: what leaders
 * do must be repeatable.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_JOB_LEADER_H
#define OM_SERVICES_DLQ_REPLAY_JOB_LEADER_H

#include "shared/base/slice.h"
#include "shared/pg/pg.h"

struct job_leader {
    struct slice lock; /* its name; given */
    int64_t session;   /* that holds it for us; 0: none */
};

/* Takes the lock unless we hold it or somebody else does. *is_new: since this very call, so what
   another leader began may be unfinished. */
enum status job_leader_try(struct job_leader *leader, struct pg *pg, bool *is_leader, bool *is_new,
                           struct error *error) MUST_CHECK;

#endif

/*
 * A worker of which one of several instances works: who holds an advisory lock in the database. The
 * lock ends with its session, so a leader that is cut off is followed by another, and may find out
 * late: what leaders do must be repeatable.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_LEADER_H
#define OM_SERVICES_DLQ_REPLAY_LEADER_H

#include "shared/base/arena.h"
#include "shared/nats/request_batch.h"
#include "shared/pg/pg.h"
#include "shared/service/worker.h"

/* The means of its work, on its thread. */
struct leader {
    struct worker *worker;
    struct pg *pg;
    struct arena *arena; /* cleared before each turn */
    struct request_batch *requests;
    bool is_new; /* since this turn: what another leader began may be unfinished */
};

struct leader_spec {
    const char *lock;           /* its name, and the connection's */
    const char *on_connect_sql; /* pg_set_on_connect(), or NULL */
    const char *trouble;        /* logged while a turn fails */
    /* A leader's turn; *nap_ms is until the next one. */
    enum status (*turn)(struct leader *leader, void *context, int64_t *nap_ms, struct error *error);
};

/* A worker's run(). `context` is the turns'. */
void leader_run(struct worker *worker, const struct leader_spec *spec, void *context);

#endif

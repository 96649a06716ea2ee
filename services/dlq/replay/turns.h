/*
 * A worker's loop: turn after turn, with the means of its thread. Of several instances all work, or
 * one: who holds an advisory lock in the database. The lock ends with its session, so a leader that
 * is cut off is followed by another, and may find out late: what leaders do must be repeatable.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_TURNS_H
#define OM_SERVICES_DLQ_REPLAY_TURNS_H

#include "shared/base/arena.h"
#include "shared/nats/request_batch.h"
#include "shared/pg/pg.h"
#include "shared/service/worker.h"

/* The means of them, on the worker's thread. */
struct turns {
    struct worker *worker;
    const struct worker_options *options;
    struct pg *pg;
    struct arena *arena; /* cleared before each turn */
    struct request_batch *requests;
    bool is_new; /* since this turn: what another leader began may be unfinished */
};

struct turns_spec {
    const char *name;           /* the connection's, and the lock's */
    bool is_for_all;            /* there is no lock: each instance works */
    const char *on_connect_sql; /* pg_set_on_connect(), or NULL */
    const char *trouble;        /* logged while a turn fails */
    /* *nap_ms is until the next one. */
    enum status (*turn)(struct turns *turns, void *context, int64_t *nap_ms, struct error *error);
};

/* A worker's run(). `context` is the turns'. */
void turns_run(struct worker *worker, const struct turns_spec *spec, void *context);

#endif

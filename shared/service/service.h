/*
 * A service of the mesh as its main.c declares it: consumers, endpoints, tasks and configuration.
 * runtime_run() runs it. Plain values.
 */
#ifndef OM_SHARED_SERVICE_SERVICE_H
#define OM_SHARED_SERVICE_SERVICE_H

#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/consume/batch.h"
#include "shared/nats/nats_client.h"
#include "shared/service/periodic.h"
#include "shared/service/worker.h"

/* One request. `pg` is a connection that no other request has meanwhile, `reply` takes the answer's
   JSON. */
struct endpoint_call {
    struct slice request;
    struct pg *pg;
    struct nats_client *nats;
    void *context;
    struct arena *arena;
    struct buf *reply;
    bool has_committed; /* set by a handler that committed events: the relay is woken */
};

struct endpoint {
    const char *name;    /* "get" */
    const char *subject; /* "mesh.order.get" */
    /* An error becomes Nats-Service-Error(-Code): INVALID 400, NOT_FOUND 404, CONFLICT 409,
       UNAVAILABLE and TIMEOUT 503, else 500. After UNAVAILABLE it is called once more, so what it
       does must be repeatable. */
    enum status (*handle)(struct endpoint_call *call, struct error *error);
};

/* An array and its length, for two members that follow each other. */
#define ROWS(array) (array), sizeof(array) / sizeof((array)[0])

struct service {
    const char *name;        /* "order": binary om-order, schema's relay, durable name */
    const char *description; /* one line, shown by `nats service ls` */
    const char *schema;      /* PostgreSQL schema; NULL: no database */
    /* The stream of commands to it, which the gateway publishes: its relay keeps it no shorter than
       its consumers know (stream_fill.h). NULL: there is none. Needs a schema. */
    const char *commands;
    const struct consumer_spec *consumers;
    size_t consumer_count;
    const struct endpoint *endpoints;
    size_t endpoint_count;
    /* Names of endpoints that only read, and for which a replica will do (replica.h); ends with
       NULL. NULL: there is none. */
    const char *const *replica_reads;
    const struct periodic *const *periodics; /* its tasks by the clock; needs a schema */
    size_t periodic_count;
    const struct worker_spec *workers; /* its own background threads */
    size_t worker_count;
    const struct config_row *config_rows; /* the service's own, read into config_target */
    size_t config_row_count;
    void *config_target; /* also the handlers' context, where there is no start() */
    /* Optional: judges what no row alone can, also for --check-config. INVALID names the setting.
     */
    enum status (*check)(const struct config *config, struct error *error);
    /* Optional: makes the handlers' context after configuration is read; stop() ends it. */
    enum status (*start)(const struct config *config, void **context, struct error *error);
    void (*stop)(void *context);
};

#endif

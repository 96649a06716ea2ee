/*
 * A service of the mesh: what main.c declares and runtime_run() runs, and the NATS service protocol
 * (ADR-32, https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md):
 * $SRV.PING|INFO|STATS[.name[.id]] and endpoints in queue group "q".
 */
#ifndef OM_SHARED_SERVICE_SERVICE_H
#define OM_SHARED_SERVICE_SERVICE_H

#include "shared/base/config.h"
#include "shared/consume/consumer.h"
#include "shared/nats/nats_client.h"
#include "shared/service/periodic.h"
#include "shared/service/worker.h"

/* One request. `pg` is the endpoint's own connection, `reply` takes the answer's JSON. */
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

struct service {
    const char *name;        /* "order": binary om-order, schema's relay, durable name */
    const char *description; /* one line, shown by `nats micro ls` */
    const char *schema;      /* PostgreSQL schema; NULL: no database */
    const struct consumer_spec *consumers;
    size_t consumer_count;
    const struct endpoint *endpoints;
    size_t endpoint_count;
    const struct periodic *periodics; /* what it does by the clock; needs a schema */
    size_t periodic_count;
    const struct worker_spec *workers; /* its own background threads */
    size_t worker_count;
    const struct config_row *config_rows; /* the service's own, read into config_target */
    size_t config_row_count;
    void *config_target;
    /* Optional: makes the handlers' context after configuration is read, and ends it. */
    enum status (*start)(const struct config *config, void **context, struct error *error);
    void (*stop)(void **context);
};

struct micro;

struct micro_options {
    struct nats_client *nats;
    const struct service *service;
    const char *database_url; /* NULL: endpoints get no pg */
    const char *version;
    void *context;
    void (*committed)(void *closure); /* after a call that committed events; may be NULL */
    void *committed_closure;
};

/* Subscribes; endpoints answer from then on. */
enum status micro_create(const struct micro_options *options, struct micro **micro,
                         struct error *error) MUST_CHECK;
/* Answers the requests that have come, then frees. One that takes 11 s ends the process. */
void micro_destroy(struct micro **micro);

#endif

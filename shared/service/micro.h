/*
 * The NATS service protocol (ADR-32,
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md):
 * $SRV.PING|INFO|STATS[.name[.id]], and a service's endpoints in queue group "q". Each
 * endpoint answers on a thread of nats.c, one request at a time; they take turns with database
 * connections (pg_pool.h). STATS has two members more: "not_ready", with what /readyz says of a
 * process that is not, and "awaits" (awaited.h).
 */
#ifndef OM_SHARED_SERVICE_MICRO_H
#define OM_SHARED_SERVICE_MICRO_H

#include "shared/service/replica.h"
#include "shared/service/service.h"

struct micro;

struct micro_options {
    struct nats_client *nats;
    const struct service *service;
    const char *database_url;      /* NULL: endpoints get no pg */
    struct replica_watch *replica; /* NULL: there is none, and all read the database */
    const char *version;
    void *context;
    bool (*is_ready)(void *closure, struct error *why); /* NULL: it always is */
    void *is_ready_closure;
    void (*committed)(void *closure); /* after a call that committed events; may be NULL */
    void *committed_closure;
};

/* Subscribes; endpoints answer from then on. */
enum status micro_create(const struct micro_options *options, struct micro **micro,
                         struct error *error) MUST_CHECK;
/* No endpoint's last request met a dependency in trouble, within 5 s; else `why` names it. */
bool micro_is_ready(struct micro *micro, struct error *why);
/* Answers the requests that have come, then frees. One that takes 11 s ends the process. */
void micro_destroy(struct micro **micro);

#endif

/*
 * A service's own background work: a function that runs on a thread of its own from the start of
 * the process to its drain, such as publishing at a set rate. Work that is due by the clock and
 * needs only the database is a struct periodic instead.
 *
 *     static void run(struct worker *worker) {
 *         while (worker_nap(worker, 200))
 *             work(worker_options(worker)->nats);
 *     }
 *
 * The function makes what it needs (a pg of its own: one connection a thread) and frees it before
 * it returns. It must look at worker_is_draining() or nap at least once a second. Instances of the
 * same service run the same workers at once: they agree through the database or the broker.
 */
#ifndef OM_SHARED_SERVICE_WORKER_H
#define OM_SHARED_SERVICE_WORKER_H

#include "shared/base/config.h"
#include "shared/nats/nats_client.h"

struct worker;

struct worker_spec {
    const char *name; /* "advisories": in logs and readiness */
    void (*run)(struct worker *worker);
};

/* Borrowed for the worker's life. */
struct worker_options {
    struct nats_client *nats;
    const struct config *config; /* database_url, instance, batch_max ... */
    void *context;               /* service.context, shared by all threads */
};

/* For run(), on its thread. */
const struct worker_options *worker_options(const struct worker *worker);
bool worker_is_draining(const struct worker *worker);
/* Sleeps; returns early, and false, when draining. */
bool worker_nap(const struct worker *worker, int64_t ms);
/* The process is not ready while one of its workers is not; they begin as not ready. */
void worker_set_ready(struct worker *worker, bool is_ready);

/* For the runtime. `spec` is borrowed until destroy. */
enum status worker_start(const struct worker_spec *spec, const struct worker_options *options,
                         struct worker **worker, struct error *error) MUST_CHECK;
/* Else `why` names it. */
bool worker_is_ready(const struct worker *worker, struct error *why);
void worker_drain(struct worker *worker); /* asks run() to end; does not wait */
bool worker_is_stopped(const struct worker *worker);
void worker_destroy(struct worker **worker); /* drains and waits for run() to return */

#endif

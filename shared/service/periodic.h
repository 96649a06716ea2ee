/*
 * A task that a service runs by the clock: every so often, each time in a transaction of
 * its own with an outbox, and only while the process is ready.
 *
 * A task runs on its own thread with its own connection, never twice at once within a process;
 * tasks of several instances must agree through the database. One that fails is rolled back, logged
 * and tried again at its next time, or within 2 s where its database is in trouble.
 */
#ifndef OM_SHARED_SERVICE_PERIODIC_H
#define OM_SHARED_SERVICE_PERIODIC_H

#include "shared/consume/batch.h"

struct periodic {
    const char *name;
    int64_t interval_ms;
    /* Given an empty batch: its transaction, outbox, updates, arena and context. */
    batch_fn run;
    /* Optional: before it, without a transaction; may ask the broker, with batch.nats. */
    batch_fn ask;
};

struct periodic_options {
    struct nats_client *nats; /* the updates go out there */
    const char *database_url;
    void *context;
    bool (*is_ready)(void *closure);  /* called on the task's thread */
    void (*committed)(void *closure); /* after each commit that wrote outbox rows */
    void *is_ready_closure, *committed_closure;
};

struct periodic_task;

/* Starts the thread. Everything given is borrowed until destroy. */
enum status periodic_start(const struct periodic *periodic, const struct periodic_options *options,
                           struct periodic_task **task, struct error *error) MUST_CHECK;
/* Its last run went well; else `why` names it. */
bool periodic_is_ready(struct periodic_task *task, struct error *why);
/* Waits for the end of a run. */
void periodic_stop(struct periodic_task **task);
/* One run, now, on the caller's thread and connection. */
enum status periodic_run(const struct periodic *periodic, struct batch *batch,
                         struct error *error) MUST_CHECK;

#endif

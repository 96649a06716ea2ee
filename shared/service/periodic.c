#include "shared/service/periodic.h"

#include "shared/base/clock.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/observe/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STOP_POLL_MS = 50, AGAIN_MS = 2000, ARENA_CHUNK_BYTES = 64 * 1024 };

struct periodic_task {
    const struct periodic *periodic;
    struct periodic_options options;
    struct pg *pg;
    struct arena *arena;
    struct outbox *outbox;
    struct updates *updates;
    struct hindrance hindrance; /* of its last run */
    atomic_bool stopping;
    pthread_t thread;
};

enum status periodic_run(const struct periodic *periodic, struct batch *batch,
                         struct error *error) {
    arena_reset(batch->arena);
    outbox_clear(batch->outbox);
    enum status status = periodic->ask != NULL ? periodic->ask(batch, error) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = periodic->run(batch, error);
    if (status == STATUS_OK)
        status = outbox_write(batch->outbox, batch->pg, error);
    if (status == STATUS_OK)
        status = pg_commit(batch->pg, error);
    if (status != STATUS_OK)
        pg_rollback(batch->pg);
    return status;
}

/* A session that was ended in the meantime is opened anew by the next statement: that is no trouble
   yet. Trouble of others than the database, as of a provider that was asked, is not tried twice. */
static enum status run_or_again(struct periodic_task *task, struct batch *batch,
                                struct error *error) {
    enum status status = periodic_run(task->periodic, batch, error);
    if (status != STATUS_UNAVAILABLE || pg_is_connected(task->pg))
        return status;
    *error = (struct error){0};
    updates_clear(task->updates);
    return periodic_run(task->periodic, batch, error);
}

/* Returns when it is due again. */
static int64_t run_once(struct periodic_task *task) {
    const struct periodic_options *options = &task->options;
    struct batch batch = {
        .arena = task->arena,
        .pg = task->pg,
        .outbox = task->outbox,
        .updates = task->updates,
        .nats = options->nats,
        .context = options->context,
    };
    struct error error = {0};
    updates_clear(task->updates);
    int64_t interval_ms = task->periodic->interval_ms;
    enum status status = run_or_again(task, &batch, &error);
    error.status = status;
    hindrance_set(&task->hindrance, &error);
    if (status != STATUS_OK) {
        log_warn("a periodic task failed", LOG_TEXT("task", task->periodic->name),
                 LOG_ERROR(&error));
        return status == STATUS_UNAVAILABLE && interval_ms > AGAIN_MS ? AGAIN_MS : interval_ms;
    }
    if (outbox_count(task->outbox) > 0)
        options->committed(options->committed_closure);
    if (updates_count(task->updates) > 0)
        updates_publish(task->updates, options->nats);
    return interval_ms;
}

static void *task_main(void *arg) {
    struct periodic_task *task = arg;
    int64_t due_us = clock_monotonic_us();
    while (!atomic_load(&task->stopping)) {
        clock_sleep_ms(STOP_POLL_MS);
        if (clock_monotonic_us() < due_us ||
            !task->options.is_ready(task->options.is_ready_closure))
            continue;
        int64_t again_ms = run_once(task);
        due_us = clock_monotonic_us() + again_ms * 1000;
    }
    return NULL;
}

static void destroy(struct periodic_task *task) {
    pg_destroy(&task->pg);
    arena_destroy(&task->arena);
    outbox_destroy(&task->outbox);
    updates_destroy(&task->updates);
    hindrance_fini(&task->hindrance);
    free(task);
}

enum status periodic_start(const struct periodic *periodic, const struct periodic_options *options,
                           struct periodic_task **task, struct error *error) {
    struct periodic_task *t = mem_alloc(sizeof(*t));
    t->periodic = periodic;
    t->options = *options;
    t->pg = pg_create(options->database_url, periodic->name);
    t->arena = arena_create(ARENA_CHUNK_BYTES);
    t->outbox = outbox_create();
    t->updates = updates_create();
    hindrance_init(&t->hindrance);
    if (pthread_create(&t->thread, NULL, task_main, t) == 0) {
        *task = t;
        return STATUS_OK;
    }
    destroy(t);
    return error_set(error, STATUS_INTERNAL, "%s: no thread", periodic->name);
}

bool periodic_is_ready(struct periodic_task *task, struct error *why) {
    struct error hindrance;
    if (!hindrance_read(&task->hindrance, &hindrance))
        return true;
    error_fill(why, STATUS_UNAVAILABLE, "the task %s fails: %s", task->periodic->name,
               hindrance.text);
    return false;
}

void periodic_stop(struct periodic_task **task) {
    struct periodic_task *t = *task;
    if (t == NULL)
        return;
    atomic_store(&t->stopping, true);
    pthread_join(t->thread, NULL);
    destroy(t);
    *task = NULL;
}

#include "shared/service/worker.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define NAP_STEP_MS 20

struct worker {
    const struct worker_spec *spec;
    struct worker_options options;
    pthread_t thread;
    atomic_bool is_ready;
    atomic_bool is_draining;
    atomic_bool is_stopped;
};

const struct worker_options *worker_options(const struct worker *worker) {
    return &worker->options;
}

bool worker_is_draining(const struct worker *worker) {
    return atomic_load(&worker->is_draining);
}

bool worker_nap(const struct worker *worker, int64_t ms) {
    int64_t until_us = clock_monotonic_us() + ms * 1000;
    while (!worker_is_draining(worker)) {
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0)
            return true;
        clock_sleep_ms(left_ms < NAP_STEP_MS ? left_ms : NAP_STEP_MS);
    }
    return false;
}

void worker_set_ready(struct worker *worker, bool is_ready) {
    atomic_store(&worker->is_ready, is_ready);
}

static void *worker_main(void *arg) {
    struct worker *worker = arg;
    worker->spec->run(worker);
    atomic_store(&worker->is_stopped, true);
    return NULL;
}

enum status worker_start(const struct worker_spec *spec, const struct worker_options *options,
                         struct worker **worker, struct error *error) {
    struct worker *w = mem_alloc(sizeof(*w));
    w->spec = spec;
    w->options = *options;
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
        free(w);
        return error_set(error, STATUS_INTERNAL, "%s: no thread", spec->name);
    }
    *worker = w;
    return STATUS_OK;
}

bool worker_is_ready(const struct worker *worker, struct error *why) {
    if (atomic_load(&worker->is_ready))
        return true;
    error_fill(why, STATUS_UNAVAILABLE, "the worker %s waits for a dependency", worker->spec->name);
    return false;
}

void worker_drain(struct worker *worker) {
    atomic_store(&worker->is_draining, true);
}

bool worker_is_stopped(const struct worker *worker) {
    return atomic_load(&worker->is_stopped);
}

void worker_destroy(struct worker **worker) {
    struct worker *w = *worker;
    *worker = NULL;
    if (w == NULL)
        return;
    worker_drain(w);
    pthread_join(w->thread, NULL);
    free(w);
}

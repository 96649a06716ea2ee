#include "shared/net/breaker.h"

#include "shared/base/memory.h"
#include "shared/observe/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

METRIC_GAUGE(breaker_states, "ordermesh_breaker_state", "name", "0 closed, 1 open, 2 half open.");

struct breaker {
    pthread_mutex_t lock;
    unsigned slot; /* of breaker_states */
    enum breaker_state state;
    int64_t changed_us; /* when the state was entered */
    /* The latest failures while CLOSED, a ring: the next one overwrites the oldest. */
    int64_t failures_us[BREAKER_FAILURES];
    unsigned failure_count;
    char why[128]; /* the last failure, in words */
};

struct breaker *breaker_create(const char *name) {
    struct breaker *breaker = mem_alloc(sizeof(*breaker));
    pthread_mutex_init(&breaker->lock, NULL);
    breaker->why[0] = '\0';
    breaker->slot = metric_slot(&breaker_states, name);
    metric_set(&breaker_states, breaker->slot, BREAKER_CLOSED);
    return breaker;
}

void breaker_destroy(struct breaker **breaker) {
    if (*breaker == NULL)
        return;
    pthread_mutex_destroy(&(*breaker)->lock);
    free(*breaker);
    *breaker = NULL;
}

static void enter(struct breaker *breaker, enum breaker_state state, int64_t now_us) {
    breaker->state = state;
    breaker->changed_us = now_us;
    breaker->failure_count = 0;
    metric_set(&breaker_states, breaker->slot, state);
}

bool breaker_allow(struct breaker *breaker, int64_t now_us) {
    pthread_mutex_lock(&breaker->lock);
    bool allowed = breaker->state == BREAKER_CLOSED;
    /* From OPEN the wait is over; from HALF_OPEN the trial was never reported. */
    if (!allowed && now_us - breaker->changed_us >= BREAKER_OPEN_US) {
        enter(breaker, BREAKER_HALF_OPEN, now_us);
        allowed = true;
    }
    pthread_mutex_unlock(&breaker->lock);
    return allowed;
}

/* True when this failure completes BREAKER_FAILURES of them within the window. */
static bool is_one_too_many(struct breaker *breaker, int64_t now_us) {
    unsigned place = breaker->failure_count++ % BREAKER_FAILURES;
    breaker->failures_us[place] = now_us;
    if (breaker->failure_count < BREAKER_FAILURES)
        return false;
    int64_t oldest_us = breaker->failures_us[(place + 1) % BREAKER_FAILURES];
    return now_us - oldest_us <= BREAKER_WINDOW_US;
}

void breaker_report(struct breaker *breaker, const char *why_failed, int64_t now_us) {
    bool succeeded = why_failed == NULL;
    pthread_mutex_lock(&breaker->lock);
    if (!succeeded)
        snprintf(breaker->why, sizeof(breaker->why), "%s", why_failed);
    switch (breaker->state) {
    case BREAKER_CLOSED:
        if (!succeeded && is_one_too_many(breaker, now_us))
            enter(breaker, BREAKER_OPEN, now_us);
        break;
    case BREAKER_HALF_OPEN:
        enter(breaker, succeeded ? BREAKER_CLOSED : BREAKER_OPEN, now_us);
        break;
    case BREAKER_OPEN: /* a call from before it opened: known already */
        break;
    }
    pthread_mutex_unlock(&breaker->lock);
}

enum status breaker_refuse(struct breaker *breaker, const char *what, struct error *error) {
    pthread_mutex_lock(&breaker->lock);
    error_set(error, STATUS_UNAVAILABLE, "%s: breaker is open: %s", what, breaker->why);
    pthread_mutex_unlock(&breaker->lock);
    return STATUS_UNAVAILABLE;
}

enum breaker_state breaker_state(struct breaker *breaker) {
    pthread_mutex_lock(&breaker->lock);
    enum breaker_state state = breaker->state;
    pthread_mutex_unlock(&breaker->lock);
    return state;
}

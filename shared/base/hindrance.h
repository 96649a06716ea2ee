/*
 * Why a thread cannot go on, for readiness to say. Thread safe: set by the thread that waits, read
 * by any.
 */
#ifndef OM_SHARED_BASE_HINDRANCE_H
#define OM_SHARED_BASE_HINDRANCE_H

#include "shared/base/status.h"

#include <pthread.h>

struct hindrance {
    pthread_mutex_t mutex;
    struct error error; /* OK: there is none */
};

void hindrance_init(struct hindrance *hindrance);
void hindrance_fini(struct hindrance *hindrance);
void hindrance_set(struct hindrance *hindrance, const struct error *error);
void hindrance_clear(struct hindrance *hindrance);
/* True when there is one. */
bool hindrance_read(struct hindrance *hindrance, struct error *error);

#endif

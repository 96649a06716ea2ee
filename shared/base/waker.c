#include "shared/base/waker.h"

#include <time.h>

#define US_PER_SECOND 1000000

void waker_init(struct waker *waker) {
    pthread_condattr_t monotonic;
    pthread_mutex_init(&waker->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waker->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void waker_fini(struct waker *waker) {
    pthread_cond_destroy(&waker->woken);
    pthread_mutex_destroy(&waker->lock);
}

void waker_lock(struct waker *waker) {
    pthread_mutex_lock(&waker->lock);
}

void waker_unlock(struct waker *waker) {
    pthread_mutex_unlock(&waker->lock);
}

void waker_wake(struct waker *waker) {
    pthread_cond_signal(&waker->woken);
}

bool waker_wait(struct waker *waker, int64_t until_us) {
    const struct timespec until = {until_us / US_PER_SECOND, until_us % US_PER_SECOND * 1000};
    return pthread_cond_timedwait(&waker->woken, &waker->lock, &until) == 0;
}

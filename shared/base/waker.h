/*
 * A lock, and a way to sleep until somebody says that what it guards has changed, or until a time.
 * Thread safe; waker_lock() and waker_wait() block.
 */
#ifndef OM_SHARED_BASE_WAKER_H
#define OM_SHARED_BASE_WAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct waker {
    pthread_mutex_t lock;
    pthread_cond_t woken;
};

void waker_init(struct waker *waker);
void waker_fini(struct waker *waker);
void waker_lock(struct waker *waker);
void waker_unlock(struct waker *waker);
/* Wakes one that waits, if any does. With or without the lock. */
void waker_wake(struct waker *waker);
/* With the lock, which others can have meanwhile. False once clock_monotonic_us() has reached
   `until_us`; true says only that the caller's condition is worth another look. */
bool waker_wait(struct waker *waker, int64_t until_us);

#endif

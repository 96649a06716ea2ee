#include "shared/base/random.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* getrandom(2) gives up to 256 bytes whole, whatever signals arrive. */
static _Thread_local uint8_t pool[RANDOM_MOST];
static _Thread_local size_t pool_left;

/* A child would otherwise draw the same ids as its parent. */
static void forget_pool(void) {
    pool_left = 0;
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, forget_pool);
}

static void refill(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    while (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool)) {
        if (errno == EINTR)
            continue;
        perror("getrandom");
        abort();
    }
    pool_left = sizeof(pool);
}

void random_bytes(void *bytes, size_t len) {
    assert(len <= RANDOM_MOST);
    if (pool_left < len)
        refill();
    pool_left -= len;
    memcpy(bytes, pool + pool_left, len);
}

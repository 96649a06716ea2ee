#include "shared/pg/pg_pool.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct idle {
    struct pg *pg;
    int64_t since_us; /* monotonic */
};

struct pg_pool {
    char *url, *name;
    int64_t idle_us;
    pthread_mutex_t mutex; /* guards what follows */
    struct idle *idle;     /* longest idle first */
    size_t idle_count;
};

struct pg_pool *pg_pool_create(const char *url, const char *name, size_t most, int64_t idle_ms) {
    struct pg_pool *pool = mem_alloc(sizeof(*pool));
    pool->url = mem_copy(slice_of(url));
    pool->name = mem_copy(slice_of(name));
    pool->idle_us = idle_ms * 1000;
    pool->idle = mem_alloc(most * sizeof(*pool->idle));
    pthread_mutex_init(&pool->mutex, NULL);
    return pool;
}

void pg_pool_destroy(struct pg_pool **pool) {
    struct pg_pool *p = *pool;
    *pool = NULL;
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->idle_count; i++)
        pg_destroy(&p->idle[i].pg);
    pthread_mutex_destroy(&p->mutex);
    free(p->idle);
    free(p->url);
    free(p->name);
    free(p);
}

struct pg *pg_pool_take(struct pg_pool *pool) {
    struct pg *pg = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->idle_count > 0)
        pg = pool->idle[--pool->idle_count].pg;
    pthread_mutex_unlock(&pool->mutex);
    return pg != NULL ? pg : pg_create(pool->url, pool->name);
}

/* With the mutex. NULL: none. */
static struct pg *take_forgotten(struct pg_pool *pool, int64_t now_us) {
    if (pool->idle_count == 0 || now_us - pool->idle[0].since_us < pool->idle_us)
        return NULL;
    struct pg *pg = pool->idle[0].pg;
    pool->idle_count--;
    memmove(pool->idle, pool->idle + 1, pool->idle_count * sizeof(*pool->idle));
    return pg;
}

void pg_pool_give(struct pg_pool *pool, struct pg *pg) {
    int64_t now_us = clock_monotonic_us();
    pg_rollback(pg);
    pthread_mutex_lock(&pool->mutex);
    struct pg *forgotten = take_forgotten(pool, now_us);
    pool->idle[pool->idle_count++] = (struct idle){pg, now_us};
    pthread_mutex_unlock(&pool->mutex);
    pg_destroy(&forgotten);
}

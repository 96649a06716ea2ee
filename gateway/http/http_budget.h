/*
 * The memory that the requests of all connections take together, from their first byte to their
 * answer. Above `most_bytes` a request is refused instead of being waited for, so that neither many
 * senders nor slow ones can use the memory up. Thread safe.
 */
#ifndef OM_GATEWAY_HTTP_HTTP_BUDGET_H
#define OM_GATEWAY_HTTP_HTTP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct http_budget {
    size_t most_bytes;
    atomic_size_t held_bytes;
};

/* A connection that held `before` bytes holds `now`. */
static inline void http_budget_move(struct http_budget *budget, size_t before, size_t now) {
    atomic_fetch_add(&budget->held_bytes, now - before); /* modulo SIZE_MAX + 1 */
}

static inline bool http_budget_is_exceeded(const struct http_budget *budget) {
    return atomic_load(&budget->held_bytes) > budget->most_bytes;
}

#endif

/*
 * Rate limits: each route is of a class with a quota of its own, kept for each subject, or for each
 * address where nobody is named; and each address has a quota over all classes.
 *
 * Both are taken by one script in Redis, so in one round trip, atomically and by Redis's clock: all
 * gateways share them. Without an answer in OM_REDIS_TIMEOUT_MS this process counts by itself.
 *
 * One limiter a lane, used on its thread only; nothing blocks.
 */
#ifndef OM_GATEWAY_ADMIT_RATE_LIMIT_H
#define OM_GATEWAY_ADMIT_RATE_LIMIT_H

#include "gateway/admit/rate_local.h"
#include "gateway/admit/rate_quota.h"
#include "gateway/link/redis.h"
#include "shared/base/buf.h"

/* id, name in headers and keys */
#define RATE_CLASS_TABLE(X)                                                                        \
    X(FREE, "") /* a route that is never limited */                                                \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(ADMIN, "admin")                                                                              \
    X(ADDRESS, "address") /* of no route: everything from one address */

enum rate_class {
#define RATE_CLASS_ENUM(id, name) RATE_##id,
    RATE_CLASS_TABLE(RATE_CLASS_ENUM)
#undef RATE_CLASS_ENUM
        RATE_CLASS_COUNT
};

/* Shared by all lanes; read-only. */
struct rate_limits {
    struct rate_quota quotas[RATE_CLASS_COUNT];
    struct rate_local *local; /* borrowed */
};

bool rate_limits_any(const struct rate_limits *limits); /* is anything limited? */

struct rate_limiter;
/* All borrowed. */
struct rate_limiter *rate_limiter_create(const struct rate_limits *limits, struct redis *redis);
void rate_limiter_destroy(struct rate_limiter **limiter);

/* The caller and the class of its request; borrowed until rate_limit_take() returns. */
struct rate_request {
    enum rate_class rate_class;   /* FREE: the address's quota only */
    struct slice tenant, subject; /* subject empty: its address stands for it */
    const char *address;          /* text */
};

/* The quotas that were measured, and the level of each. */
struct rate_result {
    size_t count; /* 0: nothing is limited */
    enum rate_class classes[RATE_KEYS_MOST];
    int64_t levels_us[RATE_KEYS_MOST];
    bool is_allowed;
};

/* The result is valid during the call. */
typedef void (*rate_limit_fn)(void *closure, const struct rate_result *result);

/* The callback may come before this returns; where nothing is limited it does. */
void rate_limit_take(struct rate_limiter *limiter, const struct rate_request *request,
                     rate_limit_fn fn, void *closure);

/* --- headers, pure ---------------------------------------------------------------------------- */

/* RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10). */
void rate_limit_write_policy(const struct rate_limits *limits, const struct rate_result *result,
                             struct buf *out);
void rate_limit_write_state(const struct rate_limits *limits, const struct rate_result *result,
                            struct buf *out);
/* Seconds until a refused request has room everywhere. */
int64_t rate_limit_retry_s(const struct rate_limits *limits, const struct rate_result *result);

#endif

/*
 * Whether Redis takes writes on every loop of the gateway, and why not. Without it the gateway goes
 * on, with idempotency degraded. Said in the log when it changes, and as a metric. Any thread.
 */
#ifndef OM_GATEWAY_LINK_REDIS_HEALTH_H
#define OM_GATEWAY_LINK_REDIS_HEALTH_H

#include "shared/base/hindrance.h"

#include <stdatomic.h>

struct redis_health {
    int lanes;
    atomic_int usable; /* of the lanes' connections */
    struct hindrance trouble;
};

/* No lane is usable yet. */
void redis_health_init(struct redis_health *health, int lanes);
/* A lane's connection takes writes now, or does no longer. */
void redis_health_change(struct redis_health *health, bool is_usable);
/* A lane could not connect, or a command failed. */
void redis_health_fail(struct redis_health *health, const struct error *error);
/* False: `why` says so. */
bool redis_health_is_whole(struct redis_health *health, struct error *why);

#endif

/*
 * Rate limits of one process, for while Redis cannot say: a table of fixed size, shared by all
 * lanes. Where it is full, the key that has used least is forgotten. Thread safe; a lock is held
 * for some table look-ups only.
 */
#ifndef OM_GATEWAY_ADMIT_RATE_LOCAL_H
#define OM_GATEWAY_ADMIT_RATE_LOCAL_H

#include "gateway/admit/rate_quota.h"
#include "shared/base/slice.h"

#include <stdint.h>

struct rate_local;
struct rate_local *rate_local_create(void);
void rate_local_destroy(struct rate_local **local);

/* Takes one request of every key's quota, or of none when one has no room; true when it did.
   `levels_us` are the levels thereafter. At most RATE_KEYS_MOST keys, all different. */
#define RATE_KEYS_MOST 2
bool rate_local_take(struct rate_local *local, const struct slice *keys,
                     const struct rate_quota *quotas, size_t count, int64_t now_us,
                     int64_t *levels_us);

#endif

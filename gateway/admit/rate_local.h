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

#define RATE_KEYS_MOST 2

struct rate_bucket {
    struct slice key;
    struct rate_quota quota;
    int64_t level_us; /* out: thereafter */
};

/* Takes one request of every key's quota, or of none when one has no room; true when it did. At
   most RATE_KEYS_MOST keys, all different. */
bool rate_local_take(struct rate_local *local, struct rate_bucket *buckets, size_t count,
                     int64_t now_us);

#endif

/*
 * How long to wait between two tries of the same request. Thread safe; blocks for nothing.
 */
#ifndef OM_SHARED_BASE_BACKOFF_H
#define OM_SHARED_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t least_ms, most_ms;
};

/* After so many tries: doubling from the least up to the most, of which chance takes away up to a
   half, and at least `told_ms`, which the other side asked for (-1: it did not). */
int64_t backoff_ms(const struct backoff *backoff, int tries, int64_t told_ms);

#endif

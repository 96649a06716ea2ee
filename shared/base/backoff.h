/*
 * How long to wait between two tries of the same thing: doubling from the least up to the most.
 * Plain values, of one thread; blocks for nothing.
 */
#ifndef OM_SHARED_BASE_BACKOFF_H
#define OM_SHARED_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t least_ms, most_ms;
    int tries; /* in vain so far, as backoff_next() counts them */
};

/* Counts one more try in vain: the wait after it. */
int64_t backoff_next(struct backoff *backoff);
void backoff_reset(struct backoff *backoff); /* a try was good */

/* The wait after so many tries. */
int64_t backoff_after(const struct backoff *backoff, int tries);
/* The same without up to a half of it, which chance decides; but at least `told_ms`, which the
   other side asked for (-1: it did not). */
int64_t backoff_jittered(const struct backoff *backoff, int tries, int64_t told_ms);

#endif

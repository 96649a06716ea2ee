/*
 * Waits between tries of the same thing: each is twice the last, from the least up to the most.
 * Plain values of one thread; nothing blocks.
 */
#ifndef OM_SHARED_BASE_BACKOFF_H
#define OM_SHARED_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t least_ms, most_ms;
    int tries; /* in vain so far, as backoff_next() counts them */
};

/* Counts one more try in vain and gives the wait after it. */
int64_t backoff_next(struct backoff *backoff);
void backoff_reset(struct backoff *backoff); /* a try was good */

/* The wait after so many tries. */
int64_t backoff_after(const struct backoff *backoff, int tries);
/* The same, of which chance takes away up to a half; but at least `told_ms`, which the other side
   asked for (-1: it did not). */
int64_t backoff_jittered(const struct backoff *backoff, int tries, int64_t told_ms);

#endif

#include "shared/base/backoff.h"

#include "shared/base/random.h"

#define JITTER_RANGE 256

int64_t backoff_next(struct backoff *backoff) {
    return backoff_after(backoff, ++backoff->tries);
}

void backoff_reset(struct backoff *backoff) {
    backoff->tries = 0;
}

int64_t backoff_after(const struct backoff *backoff, int tries) {
    int64_t wait_ms = backoff->least_ms;
    for (int i = 1; i < tries && wait_ms < backoff->most_ms; i++)
        wait_ms *= 2;
    return wait_ms < backoff->most_ms ? wait_ms : backoff->most_ms;
}

int64_t backoff_jittered(const struct backoff *backoff, int tries, int64_t told_ms) {
    int64_t wait_ms = backoff_after(backoff, tries);
    uint8_t jitter;
    random_bytes(&jitter, sizeof(jitter));
    wait_ms -= wait_ms / 2 * jitter / JITTER_RANGE;
    return wait_ms > told_ms ? wait_ms : told_ms;
}

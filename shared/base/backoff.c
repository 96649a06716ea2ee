#include "shared/base/backoff.h"

#include "shared/base/random.h"

#define JITTER_RANGE 256

int64_t backoff_ms(const struct backoff *backoff, int tries, int64_t told_ms) {
    int64_t wait_ms = backoff->least_ms;
    uint8_t jitter;
    for (int i = 1; i < tries && wait_ms < backoff->most_ms; i++)
        wait_ms *= 2;
    if (wait_ms > backoff->most_ms)
        wait_ms = backoff->most_ms;
    random_bytes(&jitter, sizeof(jitter));
    wait_ms -= wait_ms / 2 * jitter / JITTER_RANGE;
    return wait_ms > told_ms ? wait_ms : told_ms;
}

#include "shared/consume/retry_delay.h"

#include "shared/base/backoff.h"

int64_t retry_delay_ms(int attempt, bool is_last) {
    static const struct backoff delays = {.least_ms = 1000, .most_ms = 64000};
    return backoff_after(&delays, is_last ? 1 : attempt);
}

#include "gateway/link/redis_health.h"

#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <string.h>

METRIC_GAUGE(idempotency_degraded, "ordermesh_idempotency_degraded", "",
             "1 while Redis takes no writes and only order ids guard.");

void redis_health_init(struct redis_health *health, int lanes) {
    health->lanes = lanes;
    hindrance_init(&health->trouble);
    metric_set(&idempotency_degraded, 0, 1);
}

void redis_health_change(struct redis_health *health, bool is_usable) {
    int change = is_usable ? 1 : -1;
    bool is_whole = atomic_fetch_add(&health->usable, change) + change == health->lanes;
    metric_set(&idempotency_degraded, 0, !is_whole);
    if (!is_whole)
        return;
    hindrance_clear(&health->trouble);
    log_info("Redis is usable");
}

void redis_health_fail(struct redis_health *health, const struct error *error) {
    struct error before;
    bool is_known =
        hindrance_read(&health->trouble, &before) && strcmp(before.text, error->text) == 0;
    hindrance_set(&health->trouble, error);
    if (!is_known)
        log_warn("Redis is not usable; idempotency is degraded", LOG_ERROR(error));
}

bool redis_health_is_whole(struct redis_health *health, struct error *why) {
    if (atomic_load(&health->usable) == health->lanes)
        return true;
    if (!hindrance_read(&health->trouble, why))
        (void)error_set(why, STATUS_UNAVAILABLE, "not yet connected");
    return false;
}

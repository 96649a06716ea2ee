#include "gateway/admit/rate_quota.h"

#include "shared/base/slice.h"

enum { COUNT_MOST = 999999, WINDOW_MOST = 999 };
#define SECOND_US INT64_C(1000000)

static int64_t unit_us(struct slice unit) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"s", SECOND_US}, {"m", 60 * SECOND_US}, {"h", 3600 * SECOND_US}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (slice_is(unit, units[i].name))
            return units[i].us;
    return 0;
}

bool rate_quota_parse(const char *text, struct rate_quota *quota) {
    struct slice rest = slice_of(text);
    uint64_t count, number;
    if (slice_is(rest, "off")) {
        *quota = (struct rate_quota){0};
        return true;
    }
    if (!slice_parse_uint(slice_take_until(&rest, '/'), COUNT_MOST, &count) ||
        !slice_parse_uint(slice_take_digits(&rest), WINDOW_MOST, &number))
        return false;
    int64_t window_us = (int64_t)number * unit_us(rest);
    if (count == 0 || window_us == 0)
        return false;
    *quota = (struct rate_quota){(int64_t)count, window_us};
    return true;
}

int64_t rate_quota_cost_us(const struct rate_quota *quota) {
    return quota->window_us / quota->count;
}

bool rate_quota_has_room(const struct rate_quota *quota, int64_t level_us) {
    return level_us + rate_quota_cost_us(quota) <= quota->window_us;
}

int64_t rate_quota_remaining(const struct rate_quota *quota, int64_t level_us) {
    int64_t remaining = (quota->window_us - level_us) / rate_quota_cost_us(quota);
    return remaining < quota->count ? remaining : quota->count;
}

static int64_t seconds_up(int64_t us) {
    return us <= 0 ? 0 : (us + SECOND_US - 1) / SECOND_US;
}

int64_t rate_quota_reset_s(int64_t level_us) {
    return seconds_up(level_us);
}

int64_t rate_quota_retry_s(const struct rate_quota *quota, int64_t level_us) {
    int64_t wait_s = seconds_up(level_us + rate_quota_cost_us(quota) - quota->window_us);
    return wait_s > 0 ? wait_s : 1;
}

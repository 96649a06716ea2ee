#include "gateway/admit/rate_quota.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_DIGITS = 6, WINDOW_DIGITS = 3 };
#define SECOND_US INT64_C(1000000)

/* Takes up to `most` digits off the text; 0 when there is none, or no number above 0. */
static int64_t take_number(const char **text, size_t most) {
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > most)
        return 0;
    int64_t number = strtoll(*text, NULL, 10);
    *text += digits;
    return number;
}

static int64_t unit_us(const char *unit) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"s", SECOND_US}, {"m", 60 * SECOND_US}, {"h", 3600 * SECOND_US}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].us;
    return 0;
}

bool rate_quota_parse(const char *text, struct rate_quota *quota) {
    if (strcmp(text, "off") == 0) {
        *quota = (struct rate_quota){0};
        return true;
    }
    int64_t count = take_number(&text, COUNT_DIGITS);
    if (count == 0 || *text++ != '/')
        return false;
    int64_t number = take_number(&text, WINDOW_DIGITS);
    int64_t window_us = number * unit_us(text);
    if (window_us == 0)
        return false;
    *quota = (struct rate_quota){count, window_us};
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

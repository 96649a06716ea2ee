/*
 * How much is allowed, and the arithmetic of it: the generic cell rate algorithm (ITU-T I.371,
 * annex A, in its virtual scheduling form), which is a leaky bucket kept as one number.
 *
 * All that is kept for a key is the time at which all it used will have been given back; its
 * distance from now is the level, between 0 and the window. A request raises it by window / count
 * and is refused where it would rise above the window: `count` at once, then evenly spread. Pure.
 */
#ifndef OM_GATEWAY_ADMIT_RATE_QUOTA_H
#define OM_GATEWAY_ADMIT_RATE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct rate_quota {
    int64_t count; /* requests a window; 0: no limit */
    int64_t window_us;
};

/* "100/1m", with a window of 1 to 999 of s, m or h; or "off". False when it is neither. */
bool rate_quota_parse(const char *text, struct rate_quota *quota);
/* The cost of one request. The quota must have a limit. */
int64_t rate_quota_cost_us(const struct rate_quota *quota);
bool rate_quota_has_room(const struct rate_quota *quota, int64_t level_us);

/* A level as the client is told it. */
int64_t rate_quota_remaining(const struct rate_quota *quota, int64_t level_us);
/* Whole seconds, rounded up: until everything is given back, and until one request has room. */
int64_t rate_quota_reset_s(int64_t level_us);
int64_t rate_quota_retry_s(const struct rate_quota *quota, int64_t level_us);

#endif

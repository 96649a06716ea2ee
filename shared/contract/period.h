/*
 * A stretch of time cut into buckets of a minute, an hour or a day (UTC), by which analytics
 * counts and is asked. Values only; thread safe; nothing blocks.
 */
#ifndef OM_SHARED_CONTRACT_PERIOD_H
#define OM_SHARED_CONTRACT_PERIOD_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

/* name, its length in seconds, the number of them that is usual where no start is given */
#define GRANULARITY_TABLE(X)                                                                       \
    X(MINUTE, "minute", 60, 60)                                                                    \
    X(HOUR, "hour", 3600, 24)                                                                      \
    X(DAY, "day", 86400, 30)

enum granularity {
#define GRANULARITY_ENUM(id, name, seconds, usual) GRANULARITY_##id,
    GRANULARITY_TABLE(GRANULARITY_ENUM)
#undef GRANULARITY_ENUM
        GRANULARITY_COUNT
};

const char *granularity_name(enum granularity granularity);
int64_t granularity_seconds(enum granularity granularity);
/* The start of the bucket that `time_us` lies in, in microseconds. `time_us` is not before 1970. */
int64_t granularity_floor(enum granularity granularity, int64_t time_us);

/* An answer lists at most so many buckets. */
#define PERIOD_MAX_BUCKETS 1500

struct period {
    enum granularity granularity;
    int64_t from_us; /* the first bucket's start */
    int64_t to_us;   /* behind the last moment looked at */
};

/* The question of a caller; empty texts stand for the usual: the last 24 hours by the hour, the
   last hour by the minute, the last 30 days by the day. `from` and `to` are RFC 3339. */
struct period_request {
    struct slice from, to, granularity;
};

/* INVALID names the part that is wrong, and the reason. */
enum status period_parse(const struct period_request *request, int64_t now_us,
                         struct period *period, struct error *error) MUST_CHECK;

#endif

#include "shared/contract/period.h"

#include "shared/base/clock.h"

#define US_PER_SECOND INT64_C(1000000)

static const struct {
    const char *name;
    int64_t seconds;
    int64_t usual_buckets;
} granularities[] = {
#define GRANULARITY_ROW(id, name, seconds, usual) [GRANULARITY_##id] = {name, seconds, usual},
    GRANULARITY_TABLE(GRANULARITY_ROW)
#undef GRANULARITY_ROW
};

const char *granularity_name(enum granularity granularity) {
    return granularities[granularity].name;
}

int64_t granularity_seconds(enum granularity granularity) {
    return granularities[granularity].seconds;
}

int64_t granularity_floor(enum granularity granularity, int64_t time_us) {
    return time_us - time_us % (granularities[granularity].seconds * US_PER_SECOND);
}

static enum status parse_granularity(struct slice text, enum granularity *granularity,
                                     struct error *error) {
    *granularity = GRANULARITY_HOUR;
    if (text.len == 0)
        return STATUS_OK;
    for (int i = 0; i < GRANULARITY_COUNT; i++) {
        if (slice_is(text, granularities[i].name)) {
            *granularity = (enum granularity)i;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "granularity: must be minute, hour or day");
}

static enum status parse_time(const char *name, struct slice text, int64_t *time_us,
                              struct error *error) {
    int64_t parsed_us;
    if (text.len == 0)
        return STATUS_OK;
    if (!clock_parse(text, &parsed_us) || parsed_us < 0)
        return error_set(error, STATUS_INVALID, "%s: must be an RFC 3339 time since 1970", name);
    *time_us = parsed_us;
    return STATUS_OK;
}

enum status period_parse(const struct period_request *request, int64_t now_us,
                         struct period *period, struct error *error) {
    struct period parsed = {.to_us = now_us};
    enum status status = parse_granularity(request->granularity, &parsed.granularity, error);
    if (status == STATUS_OK)
        status = parse_time("to", request->to, &parsed.to_us, error);
    if (status != STATUS_OK)
        return status;
    int64_t bucket_us = granularities[parsed.granularity].seconds * US_PER_SECOND;
    parsed.from_us = parsed.to_us - bucket_us * granularities[parsed.granularity].usual_buckets;
    if (parsed.from_us < 0)
        parsed.from_us = 0;
    status = parse_time("from", request->from, &parsed.from_us, error);
    if (status != STATUS_OK)
        return status;
    if (parsed.from_us >= parsed.to_us)
        return error_set(error, STATUS_INVALID, "from: must lie before to");
    parsed.from_us = granularity_floor(parsed.granularity, parsed.from_us);
    if ((parsed.to_us - parsed.from_us - 1) / bucket_us >= PERIOD_MAX_BUCKETS)
        return error_set(
            error, STATUS_INVALID,
            "granularity: more than %d buckets between from and to; take a coarser one",
            PERIOD_MAX_BUCKETS);
    *period = parsed;
    return STATUS_OK;
}

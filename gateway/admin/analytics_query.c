#include "gateway/admin/analytics_query.h"

#include "gateway/reply/query.h"

enum { ARENA_CHUNK_BYTES = 512, VALUE_MOST = 64 /* longer than any right one */ };

enum parameter { PARAMETER_FROM, PARAMETER_TO, PARAMETER_GRANULARITY, PARAMETERS };

enum status analytics_query_parse(struct slice query, int64_t now_us, struct period *period,
                                  struct error *error) {
    struct query_parameter parameters[PARAMETERS] = {
        [PARAMETER_FROM] = {.name = "from", .most = VALUE_MOST},
        [PARAMETER_TO] = {.name = "to", .most = VALUE_MOST},
        [PARAMETER_GRANULARITY] = {.name = "granularity", .most = VALUE_MOST},
    };
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    enum status status = query_parse(query, parameters, PARAMETERS, arena, error);
    if (status == STATUS_OK) {
        const struct period_request request = {
            .from = parameters[PARAMETER_FROM].value,
            .to = parameters[PARAMETER_TO].value,
            .granularity = parameters[PARAMETER_GRANULARITY].value,
        };
        status = period_parse(&request, now_us, period, error);
    }
    arena_destroy(&arena);
    return status;
}

#include "shared/outbox/partitions.h"

#include "shared/base/clock.h"
#include "shared/observe/log.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#define KEEP_DAYS 8

#define OLDEST_SQL                                                                                 \
    "((least(now(), timestamptz 'epoch' + $2::int8 * interval '1 microsecond')"                    \
    " AT TIME ZONE 'UTC')::date - $3::int8::int)"

static const struct pg_statement list_due = {
    "partitions_due", "SELECT om.partitions_due($1::text, " OLDEST_SQL ")", 3};

static const struct pg_statement keep = {
    "partitions_keep", "SELECT om.keep_partition($1::text, $4::text, " OLDEST_SQL ")", 4};

enum status partitions_keep(struct pg *pg, const char *schema, int64_t *failed,
                            struct error *error) {
    struct pg_param params[] = {pg_text(slice_of(schema)), pg_int64(clock_now_us()),
                                pg_int64(KEEP_DAYS), pg_text(slice_of(""))};
    struct pg_result *due = NULL;
    int64_t faults = 0;
    enum status status = pg_query(pg, &list_due, params, &due, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(due); row++) {
        struct pg_result *kept = NULL;
        params[3] = pg_text(pg_get_slice(due, row, 0));
        status = pg_query(pg, &keep, params, &kept, error);
        if (status == STATUS_OK && !pg_is_null(kept, 0, 0)) {
            faults++;
            log_warn("a partition was not kept", LOG_SLICE("error", pg_get_slice(kept, 0, 0)));
        }
        pg_result_free(&kept);
    }
    pg_result_free(&due);
    if (status == STATUS_OK)
        *failed = faults;
    return status;
}

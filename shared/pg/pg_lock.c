#include "shared/pg/pg_lock.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

static const struct pg_statement try_lock = {
    "pg_lock", "SELECT pg_try_advisory_lock(hashtextextended($1::text, 0)), pg_backend_pid()", 1};

/* An advisory lock of 64 bits is listed as two halves and objsubid 1. */
static const struct pg_statement find_holder = {
    "pg_lock_holder",
    "SELECT concat_ws(' ', 'pid', l.pid, a.application_name, host(a.client_addr)) "
    "FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::int8 << 32 | l.objid::int8) = "
    "hashtextextended($1::text, 0)",
    1};

enum status pg_lock_try(struct pg *pg, const char *name, bool *is_taken, int64_t *session,
                        struct error *error) {
    const struct pg_param params[] = {pg_text(slice_of(name))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &try_lock, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    *is_taken = pg_get_bool(rows, 0, 0);
    *session = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    return STATUS_OK;
}

enum status pg_lock_holder(struct pg *pg, const char *name, struct buf *holder,
                           struct error *error) {
    const struct pg_param params[] = {pg_text(slice_of(name))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &find_holder, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) > 0)
        buf_append_slice(holder, pg_get_slice(rows, 0, 0));
    pg_result_free(&rows);
    return status;
}

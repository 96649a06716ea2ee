#include "services/dlq/replay/job_leader.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* A session is opened anew without a word: that ours has the lock must be seen each time. */
static const struct pg_statement try_lock = {
    .name = "dlq_lead",
    .sql = "SELECT pg_backend_pid(), pg_backend_pid() = $1::int8"
           " OR pg_try_advisory_lock(hashtextextended($2::text, 0))",
    .param_count = 2,
};

enum status job_leader_try(struct job_leader *leader, struct pg *pg, bool *is_leader, bool *is_new,
                           struct error *error) {
    struct pg_result *rows = NULL;
    const struct pg_param params[] = {pg_int64(leader->session), pg_text(leader->lock)};
    enum status status = pg_query(pg, &try_lock, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    int64_t session = pg_get_int64(rows, 0, 0);
    *is_leader = pg_get_bool(rows, 0, 1);
    *is_new = *is_leader && leader->session != session;
    leader->session = *is_leader ? session : 0;
    pg_result_free(&rows);
    return STATUS_OK;
}

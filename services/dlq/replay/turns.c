#include "services/dlq/replay/turns.h"

#include "shared/observe/log.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

enum {
    ARENA_CHUNK_BYTES = 64 * 1024,
    STANDBY_POLL_MS = 500, /* for the leader's end */
    RETRY_MS = 1000,
};

/* A session is opened anew without a word: that ours has the lock must be seen each time. */
static const struct pg_statement try_lock = {
    .name = "dlq_lead",
    .sql = "SELECT pg_backend_pid(), pg_backend_pid() = $1::int8"
           " OR pg_try_advisory_lock(hashtextextended($2::text, 0))",
    .param_count = 2,
};

/* Takes the lock unless we hold it, by *session, or somebody else does. */
static enum status try(struct turns *turns, const char *lock, int64_t *session, bool *is_leader,
                       struct error *error) {
    struct pg_result *rows = NULL;
    const struct pg_param params[] = {pg_int64(*session), pg_text(slice_of(lock))};
    enum status status = pg_query(turns->pg, &try_lock, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    int64_t ours = pg_get_int64(rows, 0, 0);
    *is_leader = pg_get_bool(rows, 0, 1);
    turns->is_new = *is_leader && *session != ours;
    *session = *is_leader ? ours : 0;
    pg_result_free(&rows);
    return STATUS_OK;
}

void turns_run(struct worker *worker, const struct turns_spec *spec, void *context) {
    const struct worker_options *options = worker_options(worker);
    struct turns turns = {
        .worker = worker,
        .options = options,
        .pg = pg_create(options->config->database_url, spec->name),
        .arena = arena_create(ARENA_CHUNK_BYTES),
        .requests = request_batch_create(options->nats),
    };
    int64_t nap_ms = 0, session = 0; /* that holds the lock for us */
    pg_set_on_connect(turns.pg, spec->on_connect_sql);
    while (worker_nap(worker, nap_ms)) {
        struct error error = {0};
        bool is_leader = spec->is_for_all;
        enum status status = STATUS_OK;
        arena_reset(turns.arena);
        nap_ms = STANDBY_POLL_MS;
        if (!is_leader)
            status = try(&turns, spec->name, &session, &is_leader, &error);
        if (status == STATUS_OK && is_leader)
            status = spec->turn(&turns, context, &nap_ms, &error);
        if (status != STATUS_OK) {
            log_warn(spec->trouble, LOG_ERROR(&error));
            nap_ms = RETRY_MS;
        }
        worker_set_ready(worker, status == STATUS_OK);
    }
    request_batch_destroy(&turns.requests);
    arena_destroy(&turns.arena);
    pg_destroy(&turns.pg);
}

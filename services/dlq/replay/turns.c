#include "services/dlq/replay/turns.h"

#include "shared/observe/log.h"
#include "shared/pg/pg_lock.h"

enum {
    ARENA_CHUNK_BYTES = 64 * 1024,
    STANDBY_POLL_MS = 500, /* for the leader's end */
    RETRY_MS = 1000,
};

/* Takes the lead, unless somebody else has it. A session is opened anew without a word: that ours
   has the lock must be seen each time. */
static enum status lead(struct turns *turns, const char *lock, int64_t *session, bool *is_leader,
                        struct error *error) {
    int64_t ours;
    enum status status = pg_lock_try(turns->pg, lock, is_leader, &ours, error);
    if (status != STATUS_OK)
        return status;
    turns->is_new = *is_leader && *session != ours;
    *session = *is_leader ? ours : 0;
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
            status = lead(&turns, spec->name, &session, &is_leader, &error);
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

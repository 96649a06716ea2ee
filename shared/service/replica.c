#include "shared/service/replica.h"

#include "shared/base/clock.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

METRIC_COUNTER(reads, "ordermesh_db_reads_total", "server",
               "Reads that a replica is for, by who was read: replica or primary.");
METRIC_STARTS(reads, "replica", "primary");
METRIC_GAUGE(degraded, "ordermesh_db_replica_degraded", "",
             "1 while the primary is read instead of the replica.");

#define LOOK_INTERVAL_MS 1000
/* While the primary is away, since lists may be old until it is seen again. */
#define LOOK_FOR_PRIMARY_MS 100
#define STOP_POLL_MS 20
#define REPLAY_POLL_MS 2
#define REPLAY_WAIT_MS 100
/* What costs a server nothing is answered within it, or it hangs: who asked waits, too. */
#define ANSWER_TIMEOUT_MS 1000
#define READ_TIMEOUT_MS 12000

struct replica_watch {
    char *primary_url, *url;
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_bool is_primary_away;
    _Atomic int64_t timeline; /* of the replica; 0: it is not read, for the hindrance's reason */
    struct hindrance hindrance;
};

struct replica_reader {
    struct replica_watch *watch;
    struct pg *pg;
};

/* Where the primary is. */
struct position {
    char lsn[24]; /* "": nobody knows */
    int64_t timeline;
};

/* --- asking both ------------------------------------------------------------------------------ */

/* The first eight digits of a WAL file's name are the timeline. */
static enum status ask_primary(struct pg *pg, struct position *position, struct error *error) {
    static const struct pg_statement ask = {
        .name = "replica_ask_primary",
        .sql = "SELECT lsn::text, ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int"
               " FROM pg_current_wal_flush_lsn() lsn",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &ask, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    snprintf(position->lsn, sizeof(position->lsn), "%.*s", SLICE_ARG(pg_get_slice(rows, 0, 0)));
    position->timeline = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    return STATUS_OK;
}

/* A connection that broke while it was idle does not mean that the primary is away. */
static bool find_primary(struct pg *pg, struct position *position) {
    struct error ignored;
    bool was_connected = pg_is_connected(pg);
    return ask_primary(pg, position, &ignored) == STATUS_OK ||
           (was_connected && !pg_is_connected(pg) &&
            ask_primary(pg, position, &ignored) == STATUS_OK);
}

/* Another of the URL's servers may be one. */
static enum status no_standby(struct pg *pg, struct error *error) {
    pg_disconnect(pg);
    return error_set(error, STATUS_UNAVAILABLE, "it is no standby any more");
}

static enum status ask_timeline(struct pg *pg, int64_t *timeline, struct error *error) {
    static const struct pg_statement ask = {
        .name = "replica_ask_timeline",
        .sql = "SELECT pg_is_in_recovery(), timeline_id FROM pg_control_checkpoint()",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &ask, NULL, &rows, error);
    if (status == STATUS_OK && !pg_get_bool(rows, 0, 0))
        status = no_standby(pg, error);
    if (status == STATUS_OK)
        *timeline = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    return status;
}

static enum status ask_behind(struct pg *pg, const struct position *position, int64_t *behind,
                              struct error *error) {
    static const struct pg_statement ask = {
        .name = "replica_ask_behind",
        .sql = "SELECT pg_is_in_recovery(), coalesce(pg_wal_lsn_diff("
               "nullif($1::text, '')::pg_lsn, pg_last_wal_replay_lsn()), 0)::int8",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(position->lsn))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &ask, params, &rows, error);
    if (status == STATUS_OK && !pg_get_bool(rows, 0, 0))
        status = no_standby(pg, error);
    if (status == STATUS_OK)
        *behind = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    return status;
}

static enum status await_replay(struct pg *pg, const struct position *position,
                                struct error *error) {
    const int64_t until_us = clock_monotonic_us() + REPLAY_WAIT_MS * 1000;
    int64_t behind = 0;
    enum status status = ask_behind(pg, position, &behind, error);
    while (status == STATUS_OK && behind > 0 && clock_monotonic_us() < until_us) {
        clock_sleep_ms(REPLAY_POLL_MS);
        status = ask_behind(pg, position, &behind, error);
    }
    if (status == STATUS_OK && behind > 0)
        status = error_set(error, STATUS_UNAVAILABLE, "it is %" PRId64 " bytes behind", behind);
    return status;
}

/* --- whether it is read ----------------------------------------------------------------------- */

static void set_read(struct replica_watch *watch, int64_t timeline) {
    struct error was;
    if (hindrance_read(&watch->hindrance, &was))
        log_info("reads go to the replica again");
    hindrance_clear(&watch->hindrance);
    atomic_store(&watch->timeline, timeline);
    metric_set(&degraded, 0, 0);
}

static void set_unread(struct replica_watch *watch, const struct error *cause) {
    struct error was;
    bool is_new = !hindrance_read(&watch->hindrance, &was);
    hindrance_set(&watch->hindrance, cause);
    atomic_store(&watch->timeline, 0);
    metric_set(&degraded, 0, 1);
    if (is_new)
        log_warn("reads go to the primary, and not to the replica", LOG_ERROR(cause));
}

bool replica_is_read(struct replica_watch *watch, struct error *why) {
    struct error hindrance;
    if (!hindrance_read(&watch->hindrance, &hindrance))
        return true;
    error_fill(why, STATUS_UNAVAILABLE, "reads go to the primary; the replica: %s", hindrance.text);
    return false;
}

/* --- the watch -------------------------------------------------------------------------------- */

/* A timeline that is not the primary's counts its own log, so that no position says anything. */
static enum status look(struct replica_watch *watch, struct pg *primary, struct pg *replica,
                        int64_t *timeline, struct error *error) {
    struct position position = {0};
    bool is_away = !find_primary(primary, &position);
    atomic_store(&watch->is_primary_away, is_away);
    enum status status = ask_timeline(replica, timeline, error);
    if (status == STATUS_OK && !is_away && *timeline != position.timeline)
        status = error_set(error, STATUS_UNAVAILABLE,
                           "it follows timeline %" PRId64 ", and the primary is on %" PRId64,
                           *timeline, position.timeline);
    return status == STATUS_OK ? await_replay(replica, &position, error) : status;
}

static void *watch_main(void *arg) {
    struct replica_watch *watch = arg;
    struct pg *primary = pg_create(watch->primary_url, "replica watch");
    struct pg *replica = pg_create_reader(watch->url, "replica watch");
    pg_set_answer_timeout(replica, ANSWER_TIMEOUT_MS);
    int64_t due_us = 0;
    while (!atomic_load(&watch->is_stopping)) {
        if (clock_monotonic_us() >= due_us) {
            struct error error = {0};
            int64_t timeline = 0;
            if (look(watch, primary, replica, &timeline, &error) == STATUS_OK)
                set_read(watch, timeline);
            else
                set_unread(watch, &error);
            bool is_away = atomic_load(&watch->is_primary_away);
            due_us = clock_monotonic_us() +
                     (is_away ? LOOK_FOR_PRIMARY_MS : LOOK_INTERVAL_MS) * INT64_C(1000);
        }
        clock_sleep_ms(STOP_POLL_MS);
    }
    pg_destroy(&primary);
    pg_destroy(&replica);
    return NULL;
}

static void destroy(struct replica_watch *watch) {
    free(watch->primary_url);
    free(watch->url);
    hindrance_fini(&watch->hindrance);
    free(watch);
}

enum status replica_watch_start(const char *primary_url, const char *replica_url,
                                struct replica_watch **watch, struct error *error) {
    struct replica_watch *w = mem_alloc(sizeof(*w));
    w->primary_url = mem_copy(slice_of(primary_url));
    w->url = mem_copy(slice_of(replica_url));
    hindrance_init(&w->hindrance);
    if (pthread_create(&w->thread, NULL, watch_main, w) == 0) {
        *watch = w;
        return STATUS_OK;
    }
    destroy(w);
    return error_set(error, STATUS_INTERNAL, "the replica's watch: no thread");
}

void replica_watch_stop(struct replica_watch **watch) {
    struct replica_watch *w = *watch;
    *watch = NULL;
    if (w == NULL)
        return;
    atomic_store(&w->is_stopping, true);
    pthread_join(w->thread, NULL);
    destroy(w);
}

/* --- readers ---------------------------------------------------------------------------------- */

struct replica_reader *replica_reader_create(struct replica_watch *watch, const char *name) {
    struct replica_reader *reader = mem_alloc(sizeof(*reader));
    reader->watch = watch;
    reader->pg = pg_create_reader(watch->url, name);
    return reader;
}

void replica_reader_destroy(struct replica_reader **reader) {
    if (*reader == NULL)
        return;
    pg_destroy(&(*reader)->pg);
    free(*reader);
    *reader = NULL;
}

static enum status try_replica(struct replica_reader *reader, struct pg *primary, bool *is_ready,
                               struct error *error) {
    struct replica_watch *watch = reader->watch;
    struct position position = {0};
    int64_t timeline = atomic_load(&watch->timeline);
    *is_ready = timeline != 0;
    if (*is_ready && !atomic_load(&watch->is_primary_away) && find_primary(primary, &position))
        *is_ready = position.timeline == timeline;
    if (!*is_ready)
        return STATUS_OK;
    pg_set_answer_timeout(reader->pg, ANSWER_TIMEOUT_MS);
    enum status status = await_replay(reader->pg, &position, error);
    pg_set_answer_timeout(reader->pg, READ_TIMEOUT_MS);
    return status;
}

struct pg *replica_take(struct replica_reader *reader, struct pg *primary) {
    bool is_ready = false;
    struct error error = {0};
    if (try_replica(reader, primary, &is_ready, &error) != STATUS_OK) {
        set_unread(reader->watch, &error);
        is_ready = false;
    }
    metric_add(&reads, metric_slot(&reads, is_ready ? "replica" : "primary"), 1);
    return is_ready ? reader->pg : NULL;
}

void replica_give_up(struct replica_reader *reader, const struct error *cause) {
    metric_add(&reads, metric_slot(&reads, "primary"), 1);
    set_unread(reader->watch, cause);
}

#include "shared/outbox/relay.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/outbox_backlog.h"
#include "shared/outbox/partitions.h"
#include "shared/outbox/relay_cursor.h"
#include "shared/outbox/relay_publisher.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(published, "ordermesh_outbox_published_total", "",
               "Outbox rows acknowledged by JetStream.");
METRIC_GAUGE(pending_rows, "ordermesh_outbox_pending_rows", "",
             "Rows the leading relay has yet to publish; 10000 stands for that many or more.");
METRIC_GAUGE(oldest_seconds, "ordermesh_outbox_oldest_seconds", "",
             "Age of the oldest of these; 0 for none.");
METRIC_GAUGE(holes_below, "ordermesh_outbox_holes", "",
             "Transactions below the relay's cursor that were still running.");
METRIC_GAUGE(leader, "ordermesh_relay_leader", "", "1 while this instance relays.");
METRIC_GAUGE(partitions_failed, "ordermesh_partitions_failed", "",
             "Partitions that the leading relay could not make, drop or clear the last time.");
METRIC_HISTOGRAM(batch_seconds, "ordermesh_relay_batch_seconds", "",
                 "From reading outbox rows to their last acknowledgement.");

#define BACKOFF_LEAST_MS 50
#define BACKOFF_MOST_MS 2000
#define STANDBY_POLL_MS 500
/* The server ends a leader's session that was idle for 12 s (on_connect_sql). For this long after
   we asked something that it answered, the lock is ours. */
#define LEASE_US (INT64_C(10) * 1000000)
#define HOLDER_INTERVAL_US (INT64_C(5) * 1000000)
#define BACKLOG_INTERVAL_US (INT64_C(5) * 1000000)
#define UPKEEP_INTERVAL_US (INT64_C(3600) * 1000000)
#define UPKEEP_RETRY_US (INT64_C(60) * 1000000)

/* The rows of one read and where the cursor stands once they are all acknowledged. */
struct pass {
    struct pg_result *rows;
    int row_count;
    bool was_cut;     /* the limit was reached: there is more */
    int64_t asked_us; /* monotonic; we held the lock then */
    struct relay_cursor after;
};

struct relay {
    struct relay_options options;
    struct pg *pg;
    struct relay_publisher *publisher;
    struct relay_cursor cursor;
    uint64_t saved_next_xid; /* as it stands in the table, when we wrote or read it last */
    bool is_leader;
    int64_t session; /* the server process that holds our lock */
    int64_t upkeep_due_us;
    int64_t upkeep_failed; /* partitions, the last time */
    int64_t measured_at_us;
    int64_t holder_asked_at_us;
    char holder[RELAY_HOLDER_SIZE]; /* guarded by the waker; "" while we lead */

    pthread_t thread;
    bool has_thread;
    struct waker waker;
    bool is_awake; /* guarded by the waker, as only this is */
    atomic_bool draining;
    atomic_bool stopped;
    atomic_bool ready; /* its last turn went well */
    struct hindrance hindrance;
};

/* Two index ranges, never OR: with OR the planner filters the whole index. WITH TIES keeps a
   transaction whole, so a cut always falls between two. */
const char relay_read_sql[] =
    "WITH seen AS MATERIALIZED (SELECT pg_current_snapshot()::text AS snapshot, "
    "  (SELECT next_xid::text::int8 FROM outbox_cursor) AS saved) "
    "SELECT seen.snapshot, seen.saved, pg_backend_pid(), r.xid::text::int8, r.event_id, r.subject, "
    "  r.traceparent, r.payload "
    "FROM seen LEFT JOIN ("
    "  (SELECT xid, id, event_id, subject, traceparent, payload FROM outbox "
    "     WHERE xid = ANY ($1::xid8[])) "
    "  UNION ALL "
    "  (SELECT xid, id, event_id, subject, traceparent, payload FROM outbox "
    "     WHERE xid >= $2::xid8 ORDER BY xid FETCH FIRST ($3::int8) ROWS WITH TIES)"
    ") r ON true ORDER BY r.id";

static const struct pg_statement read_rows = {"relay_read", relay_read_sql, 3};

static const struct pg_statement load_cursor = {
    "relay_load", "SELECT next_xid::text::int8, holes::text FROM outbox_cursor", 0};

static const struct pg_statement save_cursor = {
    "relay_save",
    "UPDATE outbox_cursor SET next_xid = $1::xid8, holes = $2::xid8[], updated_at = now() "
    "WHERE next_xid = $3::xid8 AND pg_backend_pid() = $4::int8 RETURNING true",
    4};

static const struct pg_statement try_lock = {
    "relay_lock",
    "SELECT pg_try_advisory_lock(hashtextextended('om.relay.' || $1::text, 0)), pg_backend_pid()",
    1};

/* An advisory lock of 64 bits is listed as two halves and objsubid 1. */
static const struct pg_statement find_holder = {
    "relay_holder",
    "SELECT concat_ws(' ', 'pid', l.pid, a.application_name, host(a.client_addr)) "
    "FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::int8 << 32 | l.objid::int8) = "
    "hashtextextended('om.relay.' || $1::text, 0)",
    1};

/* The cursor may lag after a crash (rows are then published again), so its commits need not wait
   for the disk. The plan is fixed: the one for an empty outbox is right for a full one.

   The session of a process that is stopped, or whose host is gone, ends and gives its lock back: by
   the limits for idle sessions, since a stopped process's kernel still answers keepalives, and by
   tcp_user_timeout where it reads no more. A leader asks something at least every 8 s. */
static const char on_connect_sql[] =
    "SET idle_session_timeout = '12s'; SET idle_in_transaction_session_timeout = '12s'; "
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 10000; "
    "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; "
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off";

static void pass_fini(struct pass *pass) {
    pg_result_free(&pass->rows);
    relay_cursor_fini(&pass->after);
    *pass = (struct pass){0};
}

static enum status cursor_reload(struct relay *relay, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &load_cursor, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    relay_cursor_fini(&relay->cursor);
    relay->cursor.next_xid = (uint64_t)pg_get_int64(rows, 0, 0);
    relay->saved_next_xid = relay->cursor.next_xid;
    relay_cursor_add_listed(&relay->cursor, pg_get_slice(rows, 0, 1), UINT64_MAX);
    pg_result_free(&rows);
    return STATUS_OK;
}

/* After these rows the cursor stands past the last transaction that was read whole, or past all
   that the snapshot knew; those that it still saw running below that are holes. */
static void pass_set_after(struct pass *pass, const struct relay_cursor *from, int64_t limit) {
    uint64_t xmax, last = 0;
    struct slice running;
    int64_t ranged = 0;
    relay_snapshot_split(pg_get_slice(pass->rows, 0, RELAY_READ_SNAPSHOT), &xmax, &running);
    for (int i = 0; i < pass->row_count; i++) {
        uint64_t xid = (uint64_t)pg_get_int64(pass->rows, i, RELAY_READ_XID);
        if (xid < from->next_xid)
            continue; /* of a hole */
        ranged++;
        if (xid > last)
            last = xid;
    }
    pass->was_cut = ranged >= limit;
    pass->after.next_xid = pass->was_cut ? last + 1 : xmax;
    if (pass->after.next_xid < from->next_xid)
        pass->after.next_xid = from->next_xid;
    relay_cursor_add_listed(&pass->after, running, pass->after.next_xid);
}

static enum status pass_read(struct relay *relay, const struct relay_cursor *from,
                             struct pass *pass, bool *was_moved, struct error *error) {
    struct buf holes = {0};
    char next[24];
    relay_cursor_format_holes(from, &holes);
    snprintf(next, sizeof(next), "%" PRIu64, from->next_xid);
    const struct pg_param params[] = {pg_text(buf_slice(&holes)), pg_text(slice_of(next)),
                                      pg_int64(relay->options.batch_max)};
    struct pass made = {.asked_us = clock_monotonic_us()};
    enum status status = pg_query(relay->pg, &read_rows, params, &made.rows, error);
    buf_fini(&holes);
    if (status != STATUS_OK)
        return status;
    if (pg_get_int64(made.rows, 0, RELAY_READ_SESSION) != relay->session) {
        pass_fini(&made);
        return error_set(error, STATUS_UNAVAILABLE, "the session that held the lock was lost");
    }
    int rows = pg_rows(made.rows);
    made.row_count = rows == 1 && pg_is_null(made.rows, 0, RELAY_READ_XID) ? 0 : rows;
    pass_set_after(&made, from, relay->options.batch_max);
    *was_moved = (uint64_t)pg_get_int64(made.rows, 0, RELAY_READ_SAVED) != relay->saved_next_xid;
    *pass = made;
    return STATUS_OK;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* Takes the pass's cursor. It is written only when rows were published, since an older one is as
   right, and only by the session that holds the lock over the cursor that we know. */
static enum status pass_settle(struct relay *relay, struct pass *pass, bool *was_moved,
                               struct error *error) {
    relay_cursor_fini(&relay->cursor);
    relay->cursor = pass->after;
    pass->after = (struct relay_cursor){0};
    metric_set(&holes_below, 0, (int64_t)relay->cursor.hole_count);
    if (pass->row_count == 0)
        return STATUS_OK;
    metric_add(&published, 0, pass->row_count);

    struct buf holes = {0};
    char next[24], saved[24];
    relay_cursor_format_holes(&relay->cursor, &holes);
    snprintf(next, sizeof(next), "%" PRIu64, relay->cursor.next_xid);
    snprintf(saved, sizeof(saved), "%" PRIu64, relay->saved_next_xid);
    const struct pg_param params[] = {pg_text(slice_of(next)), pg_text(buf_slice(&holes)),
                                      pg_text(slice_of(saved)), pg_int64(relay->session)};
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &save_cursor, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        *was_moved = true;
    pg_result_free(&rows);
    buf_fini(&holes);
    relay->saved_next_xid = relay->cursor.next_xid;
    return status;
}

/* True when something may have been committed since the last call. */
static bool take_wake(struct relay *relay) {
    waker_lock(&relay->waker);
    bool is_awake = relay->is_awake;
    relay->is_awake = false;
    waker_unlock(&relay->waker);
    return is_awake;
}

static void wait_for_wake(struct relay *relay, int64_t ms) {
    int64_t until_us = clock_monotonic_us() + ms * 1000;
    waker_lock(&relay->waker);
    while (!relay->is_awake && !atomic_load(&relay->draining) &&
           waker_wait(&relay->waker, until_us))
        continue;
    waker_unlock(&relay->waker);
}

/* Partitions exist days ahead, so that one that failed may wait. */
static enum status keep_partitions(struct relay *relay, struct error *error) {
    if (clock_monotonic_us() < relay->upkeep_due_us)
        return STATUS_OK;
    struct error cause = {0};
    enum status status =
        partitions_keep(relay->pg, relay->options.schema, &relay->upkeep_failed, &cause);
    if (status != STATUS_OK) {
        relay->upkeep_failed = 1;
        log_warn("partitions were not kept", LOG_ERROR(&cause));
    }
    relay->upkeep_due_us =
        clock_monotonic_us() + (relay->upkeep_failed > 0 ? UPKEEP_RETRY_US : UPKEEP_INTERVAL_US);
    if (status == STATUS_OK || pg_is_connected(relay->pg))
        return STATUS_OK;
    *error = cause; /* the lock is lost with the session */
    return status;
}

/* Rows pile up here while the broker takes none. */
static enum status measure_backlog(struct relay *relay, struct error *error) {
    if (clock_monotonic_us() < relay->measured_at_us + BACKLOG_INTERVAL_US &&
        relay->measured_at_us != 0)
        return STATUS_OK;
    relay->measured_at_us = clock_monotonic_us();
    struct outbox_backlog backlog;
    enum status status = outbox_backlog_read(relay->pg, &relay->cursor, &backlog, error);
    if (status != STATUS_OK)
        return status;
    metric_set(&pending_rows, 0, backlog.rows);
    metric_set(&oldest_seconds, 0, backlog.oldest_s);
    return STATUS_OK;
}

static void set_holder(struct relay *relay, struct slice holder) {
    waker_lock(&relay->waker);
    bool is_new = !slice_equal(slice_of(relay->holder), holder);
    snprintf(relay->holder, sizeof(relay->holder), "%.*s", SLICE_ARG(holder));
    waker_unlock(&relay->waker);
    if (is_new && holder.len > 0)
        log_info("another instance relays; standing by", LOG_TEXT("schema", relay->options.schema),
                 LOG_TEXT("holder", relay->holder));
}

/* For those who wonder why nothing is published. */
static enum status look_for_holder(struct relay *relay, struct error *error) {
    if (clock_monotonic_us() < relay->holder_asked_at_us + HOLDER_INTERVAL_US &&
        relay->holder_asked_at_us != 0)
        return STATUS_OK;
    relay->holder_asked_at_us = clock_monotonic_us();
    const struct pg_param params[] = {pg_text(slice_of(relay->options.schema))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &find_holder, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) > 0)
        set_holder(relay, pg_get_slice(rows, 0, 0));
    pg_result_free(&rows);
    return status;
}

static enum status become_leader(struct relay *relay, struct error *error) {
    const struct pg_param params[] = {pg_text(slice_of(relay->options.schema))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &try_lock, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    relay->is_leader = pg_get_bool(rows, 0, 0);
    relay->session = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    if (!relay->is_leader)
        return look_for_holder(relay, error);
    set_holder(relay, slice_of(""));
    log_info("relaying", LOG_TEXT("schema", relay->options.schema));
    return cursor_reload(relay, error);
}

/* Publishes until nothing is left: while one pass is acknowledged the next is read. */
static enum status publish_all(struct relay *relay, struct error *error) {
    struct pass pass = {0}, upcoming = {0};
    bool was_moved = false;
    enum status status = pass_read(relay, &relay->cursor, &pass, &was_moved, error);
    while (status == STATUS_OK && !was_moved) {
        int64_t started_us = clock_monotonic_us();
        bool has_more = pass.was_cut;
        status = relay_publisher_send(relay->publisher, pass.rows, pass.row_count,
                                      pass.asked_us + LEASE_US, error);
        if (status == STATUS_OK && pass.row_count > 0)
            failpoint("relay.after_publish");
        if (status == STATUS_OK && (has_more || take_wake(relay))) {
            has_more = true;
            status = pass_read(relay, &pass.after, &upcoming, &was_moved, error);
        }
        if (status == STATUS_OK)
            status = relay_publisher_await(relay->publisher, error);
        if (status == STATUS_OK)
            status = pass_settle(relay, &pass, &was_moved, error);
        if (pass.row_count > 0)
            metric_observe(&batch_seconds, 0, (double)(clock_monotonic_us() - started_us) / 1e6);
        pass_fini(&pass);
        if (status != STATUS_OK || !has_more)
            break;
        pass = upcoming;
        upcoming = (struct pass){0};
    }
    pass_fini(&pass);
    pass_fini(&upcoming);
    if (status == STATUS_OK && was_moved)
        status = cursor_reload(relay, error);
    return status;
}

static enum status relay_turn(struct relay *relay, struct error *error) {
    enum status status = STATUS_OK;
    if (!relay->is_leader)
        status = become_leader(relay, error);
    if (status == STATUS_OK && relay->is_leader)
        status = keep_partitions(relay, error);
    if (status == STATUS_OK && relay->is_leader)
        status = measure_backlog(relay, error);
    if (status == STATUS_OK && relay->is_leader) {
        take_wake(relay);
        status = publish_all(relay, error);
    }
    return status;
}

static void *relay_main(void *arg) {
    struct relay *relay = arg;
    struct backoff backoff = {.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS};
    while (true) {
        struct error error = {0};
        bool is_last = atomic_load(&relay->draining);
        enum status status = relay_turn(relay, &error);
        atomic_store(&relay->ready, status == STATUS_OK);
        metric_set(&leader, 0, relay->is_leader);
        metric_set(&partitions_failed, 0, relay->is_leader ? relay->upkeep_failed : 0);
        if (status == STATUS_OK) {
            hindrance_clear(&relay->hindrance);
            backoff_reset(&backoff);
            if (is_last)
                break;
            wait_for_wake(relay, relay->is_leader ? relay->options.poll_ms : STANDBY_POLL_MS);
            continue;
        }
        hindrance_set(&relay->hindrance, &error);
        int64_t retry_ms = backoff_next(&backoff);
        log_warn("the relay could not go on", LOG_ERROR(&error), LOG_INT("retryMs", retry_ms));
        /* The session, and with it the lock, may be lost; start over from the saved cursor. */
        relay->is_leader = false;
        pg_rollback(relay->pg);
        if (is_last)
            break;
        clock_sleep_ms(retry_ms);
    }
    atomic_store(&relay->stopped, true);
    return NULL;
}

struct relay *relay_create(const struct relay_options *options) {
    struct relay *relay = mem_alloc(sizeof(*relay));
    relay->options = *options;
    relay->publisher = relay_publisher_create(options->nats);
    char name[64];
    snprintf(name, sizeof(name), "relay%s%s", options->instance ? " " : "",
             options->instance ? options->instance : "");
    relay->pg = pg_create(options->database_url, name);
    pg_set_on_connect(relay->pg, on_connect_sql);
    waker_init(&relay->waker);
    hindrance_init(&relay->hindrance);
    return relay;
}

enum status relay_start(struct relay *relay, struct error *error) {
    if (pthread_create(&relay->thread, NULL, relay_main, relay) != 0)
        return error_set(error, STATUS_INTERNAL, "cannot start the relay's thread");
    relay->has_thread = true;
    return STATUS_OK;
}

void relay_wake(struct relay *relay) {
    waker_lock(&relay->waker);
    relay->is_awake = true;
    waker_wake(&relay->waker);
    waker_unlock(&relay->waker);
}

void relay_drain(struct relay *relay) {
    atomic_store(&relay->draining, true);
    relay_wake(relay);
}

bool relay_is_stopped(const struct relay *relay) {
    return !relay->has_thread || atomic_load(&relay->stopped);
}

bool relay_is_ready(struct relay *relay, struct error *why) {
    struct error hindrance;
    bool is_hindered = hindrance_read(&relay->hindrance, &hindrance);
    if (!is_hindered && atomic_load(&relay->ready))
        return true;
    error_fill(why, STATUS_UNAVAILABLE, "the relay waits: %s",
               is_hindered ? hindrance.text : "it has only begun");
    return false;
}

void relay_holder(struct relay *relay, char holder[RELAY_HOLDER_SIZE]) {
    waker_lock(&relay->waker);
    memcpy(holder, relay->holder, RELAY_HOLDER_SIZE);
    waker_unlock(&relay->waker);
}

void relay_destroy(struct relay **relay) {
    struct relay *r = *relay;
    *relay = NULL;
    if (r == NULL)
        return;
    if (r->has_thread) {
        relay_drain(r);
        pthread_join(r->thread, NULL);
    }
    relay_publisher_destroy(&r->publisher);
    relay_cursor_fini(&r->cursor);
    pg_destroy(&r->pg);
    waker_fini(&r->waker);
    hindrance_fini(&r->hindrance);
    free(r);
}

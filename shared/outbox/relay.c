#include "shared/outbox/relay.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"
#include "shared/nats/atomic_batch.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/outbox_backlog.h"
#include "shared/outbox/partitions.h"
#include "shared/outbox/relay_feed.h"
#include "shared/outbox/relay_publisher.h"
#include "shared/outbox/setback.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_lock.h"
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
/* What waits to be published from memory; the rest is read. */
#define HANDED_BYTES_MOST ((size_t)8 * 1024 * 1024)
#define HOLDER_INTERVAL_US (INT64_C(5) * 1000000)
#define BACKLOG_INTERVAL_US (INT64_C(5) * 1000000)
#define UPKEEP_INTERVAL_US (INT64_C(3600) * 1000000)
#define UPKEEP_RETRY_US (INT64_C(60) * 1000000)

struct relay {
    struct relay_options options;
    struct pg *pg;
    char lock[80]; /* of who leads */
    struct relay_publisher *publisher;
    struct setback *setback;
    struct relay_feed *feed;
    struct relay_cursor cursor;
    uint64_t saved_next_xid; /* as it stands in the table, when we wrote or read it last */
    bool is_leader;
    int64_t session; /* the server process that holds our lock */
    int64_t upkeep_due_us;
    int64_t upkeep_failed; /* partitions, the last time */
    int64_t measured_at_us;
    int64_t holder_asked_at_us;
    int64_t gathers_until_us;       /* monotonic: what is handed over until then is one pass */
    char holder[RELAY_HOLDER_SIZE]; /* "" while we lead */

    pthread_t thread;
    bool has_thread;
    struct waker waker;
    /* Guarded by the waker, as only these and the holder are: */
    bool is_awake;
    bool has_unknown; /* something was committed that was not handed over */
    struct handover *handed;
    size_t handed_rows, handed_bytes;
    atomic_bool takes; /* what is handed over: it leads */
    atomic_bool draining;
    atomic_bool stopped;
    atomic_bool ready; /* its last turn went well */
    struct hindrance hindrance;
};

static const struct pg_statement load_cursor = {
    "relay_load",
    "SELECT next_xid::text::int8, holes::text, repeats_until::text::int8, repeat_generation::int8, "
    "acknowledged FROM outbox_cursor",
    0};

static const struct pg_statement save_cursor = {
    "relay_save",
    "UPDATE outbox_cursor SET next_xid = $1::xid8, holes = $2::xid8[], acknowledged = $5::text, "
    "updated_at = now() WHERE next_xid = $3::xid8 AND pg_backend_pid() = $4::int8 RETURNING true",
    5};

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

static enum status cursor_reload(struct relay *relay, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &load_cursor, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    relay_cursor_fini(&relay->cursor);
    relay->cursor.next_xid = (uint64_t)pg_get_int64(rows, 0, 0);
    relay->saved_next_xid = relay->cursor.next_xid;
    relay_feed_forget(relay->feed);
    relay_cursor_add_listed(&relay->cursor, pg_get_slice(rows, 0, 1), UINT64_MAX);
    relay_publisher_repeat(relay->publisher, (uint64_t)pg_get_int64(rows, 0, 2),
                           pg_get_int64(rows, 0, 3));
    status = setback_load(relay->setback, pg_get_slice(rows, 0, 4), error);
    pg_result_free(&rows);
    return status;
}

/* What was handed over until now; true when there may be something else. */
static bool take_handed(struct relay *relay, struct handover **handed) {
    waker_lock(&relay->waker);
    bool has_unknown = relay->has_unknown;
    *handed = relay->handed;
    relay->has_unknown = false;
    relay->handed = NULL;
    relay->handed_rows = relay->handed_bytes = 0;
    waker_unlock(&relay->waker);
    return has_unknown;
}

static enum status next_pass(struct relay *relay, const struct relay_cursor *from, bool must_read,
                             struct relay_pass *pass, bool *was_moved, struct error *error) {
    struct handover *handed;
    must_read |= take_handed(relay, &handed) || atomic_load(&relay->draining);
    const struct relay_reading reading = {.from = from,
                                          .ahead = relay_feed_ahead(relay->feed),
                                          .limit = relay->options.batch_max,
                                          .session = relay->session,
                                          .saved_xid = relay->saved_next_xid};
    enum status status = relay_feed_next(relay->feed, &reading, must_read, &handed, pass, error);
    if (status == STATUS_OK && pass->result != NULL)
        *was_moved = pass->saved_xid != relay->saved_next_xid;
    return status;
}

/* --- turns ------------------------------------------------------------------------------------ */

static struct setback_place place_of(const struct relay *relay) {
    return (struct setback_place){&relay->cursor, relay->saved_next_xid, relay->session};
}

static enum status cursor_save(struct relay *relay, bool *was_moved, struct error *error) {
    struct buf holes = {0}, acknowledged = {0};
    char next[24], saved[24];
    relay_cursor_format_holes(&relay->cursor, &holes);
    setback_save(relay->setback, &acknowledged);
    snprintf(next, sizeof(next), "%" PRIu64, relay->cursor.next_xid);
    snprintf(saved, sizeof(saved), "%" PRIu64, relay->saved_next_xid);
    const struct pg_param params[] = {pg_text(slice_of(next)), pg_text(buf_slice(&holes)),
                                      pg_text(slice_of(saved)), pg_int64(relay->session),
                                      pg_text(buf_slice(&acknowledged))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(relay->pg, &save_cursor, params, &rows, error);
    if (status == STATUS_OK && pg_rows(rows) == 0)
        *was_moved = true;
    pg_result_free(&rows);
    buf_fini(&holes);
    buf_fini(&acknowledged);
    relay->saved_next_xid = relay->cursor.next_xid;
    return status;
}

/* A cursor is written only when it goes past rows, since an older one is as right, and only by the
   session that holds the lock over the cursor that we know. */
static enum status settle_read(struct relay *relay, struct relay_pass *pass, bool *was_moved,
                               struct error *error) {
    relay_cursor_fini(&relay->cursor);
    relay->cursor = pass->after;
    pass->after = (struct relay_cursor){0};
    metric_set(&holes_below, 0, (int64_t)relay->cursor.hole_count);
    if (pass->row_count == 0 && !pass->goes_past_ahead)
        return STATUS_OK;
    enum status status = cursor_save(relay, was_moved, error);
    if (status != STATUS_OK || *was_moved)
        return status;
    return setback_checkpoint(relay->setback, &relay->cursor, error);
}

/* Takes a pass that is acknowledged. */
static enum status pass_settle(struct relay *relay, struct relay_pass *pass, bool *was_moved,
                               struct error *error) {
    if (pass->row_count > 0) {
        const struct setback_place before = place_of(relay);
        enum status status = setback_take(relay->setback, relay_publisher_acks(relay->publisher),
                                          &before, was_moved, error);
        if (status != STATUS_OK || *was_moved)
            return status;
        metric_add(&published, 0, (int64_t)pass->row_count);
    }
    return pass->result != NULL ? settle_read(relay, pass, was_moved, error) : STATUS_OK;
}

static enum status look_at_streams(struct relay *relay, bool *was_moved, struct error *error) {
    const struct setback_place place = place_of(relay);
    return setback_look(relay->setback, &place, was_moved, error);
}

/* True when something may have been committed since the last call. */
static bool take_wake(struct relay *relay) {
    waker_lock(&relay->waker);
    bool is_awake = relay->is_awake;
    relay->is_awake = false;
    waker_unlock(&relay->waker);
    return is_awake;
}

/* Right behind a batch, what comes first waits for what comes then. */
static void wait_for_wake(struct relay *relay, int64_t until_us) {
    waker_lock(&relay->waker);
    while (!relay->is_awake && !atomic_load(&relay->draining) &&
           waker_wait(&relay->waker, until_us))
        continue;
    while (!relay->has_unknown && !atomic_load(&relay->draining) &&
           waker_wait(&relay->waker, relay->gathers_until_us))
        continue;
    waker_unlock(&relay->waker);
}

/* Whoever stands by is not woken by what its own process commits, since another publishes it. */
static void stand_by(struct relay *relay) {
    int64_t until_us = clock_monotonic_us() + STANDBY_POLL_MS * INT64_C(1000);
    waker_lock(&relay->waker);
    while (!atomic_load(&relay->draining) && waker_wait(&relay->waker, until_us))
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
    enum status status = outbox_backlog_read(relay->pg, &relay->cursor,
                                             relay_feed_ahead(relay->feed), &backlog, error);
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
    struct buf holder = {0};
    enum status status = pg_lock_holder(relay->pg, relay->lock, &holder, error);
    if (status == STATUS_OK && holder.len > 0)
        set_holder(relay, buf_slice(&holder));
    buf_fini(&holder);
    return status;
}

static enum status become_leader(struct relay *relay, struct error *error) {
    enum status status =
        pg_lock_try(relay->pg, relay->lock, &relay->is_leader, &relay->session, error);
    if (status != STATUS_OK)
        return status;
    if (!relay->is_leader)
        return look_for_holder(relay, error);
    set_holder(relay, slice_of(""));
    log_info("relaying", LOG_TEXT("schema", relay->options.schema));
    return cursor_reload(relay, error);
}

/* Publishes a pass. Where the limit cut it, the next one is read while this one is acknowledged;
   otherwise that one is better taken later, since it then has what is committed meanwhile. */
static enum status publish_pass(struct relay *relay, struct relay_pass *pass,
                                struct relay_pass *upcoming, bool *was_moved, struct error *error) {
    int64_t started_us = clock_monotonic_us();
    bool has_rows = pass->row_count > 0;
    if (has_rows && !setback_has_looked(relay->setback))
        return error_set(error, STATUS_UNAVAILABLE,
                         "NATS is not connected, or was connected to anew");
    enum status status = relay_publisher_send(relay->publisher, pass->rows, pass->row_count,
                                              relay_feed_read_us(relay->feed) + LEASE_US, error);
    if (status == STATUS_OK && has_rows)
        failpoint("relay.after_publish");
    if (status == STATUS_OK && pass->was_cut)
        status = next_pass(relay, &pass->after, true, upcoming, was_moved, error);
    if (status == STATUS_OK)
        status = relay_publisher_await(relay->publisher, error);
    if (status == STATUS_OK)
        status = pass_settle(relay, pass, was_moved, error);
    int64_t now_us = clock_monotonic_us();
    if (status == STATUS_OK && relay_publisher_had_batch(relay->publisher))
        relay->gathers_until_us = now_us + atomic_batch_gather_us(now_us - started_us);
    if (has_rows)
        metric_observe(&batch_seconds, 0, (double)(now_us - started_us) / 1e6);
    return status;
}

/* Publishes until nothing is left of what is committed now. */
static enum status publish_all(struct relay *relay, struct error *error) {
    struct relay_pass pass = {0}, upcoming = {0};
    bool was_moved = false, has_more = true;
    enum status status = look_at_streams(relay, &was_moved, error);
    if (status == STATUS_OK && !was_moved)
        status = next_pass(relay, &relay->cursor, false, &pass, &was_moved, error);
    while (status == STATUS_OK && !was_moved && has_more) {
        has_more = pass.was_cut;
        status = publish_pass(relay, &pass, &upcoming, &was_moved, error);
        if (status == STATUS_OK && !was_moved)
            status = look_at_streams(relay, &was_moved, error);
        relay_pass_fini(&pass);
        pass = upcoming;
        upcoming = (struct relay_pass){0};
    }
    relay_pass_fini(&pass);
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

/* A stream that is missing hinders nobody until there is something to publish into it: it is said
   before. */
static void say_hindrance(struct relay *relay) {
    const char *missing = relay->is_leader ? setback_missing(relay->setback) : NULL;
    struct error error;
    if (missing == NULL) {
        hindrance_clear(&relay->hindrance);
        return;
    }
    (void)!error_set(&error, STATUS_UNAVAILABLE, "stream %s is missing; run `omctl provision`",
                     missing);
    hindrance_set(&relay->hindrance, &error);
}

static void *relay_main(void *arg) {
    struct relay *relay = arg;
    struct backoff backoff = {.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS};
    while (true) {
        struct error error = {0};
        bool is_last = atomic_load(&relay->draining);
        enum status status = relay_turn(relay, &error);
        atomic_store(&relay->ready, status == STATUS_OK);
        atomic_store(&relay->takes, relay->is_leader && status == STATUS_OK);
        metric_set(&leader, 0, relay->is_leader);
        metric_set(&partitions_failed, 0, relay->is_leader ? relay->upkeep_failed : 0);
        if (status == STATUS_OK) {
            say_hindrance(relay);
            backoff_reset(&backoff);
            if (is_last)
                break;
            if (relay->is_leader)
                wait_for_wake(relay, relay_feed_due_us(relay->feed));
            else
                stand_by(relay);
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
    snprintf(relay->lock, sizeof(relay->lock), "om.relay.%s", options->schema);
    relay->pg = pg_create(options->database_url, name);
    pg_set_on_connect(relay->pg, on_connect_sql);
    relay->feed = relay_feed_create(relay->pg, options->poll_ms);
    relay->setback = setback_create(options->nats, relay->pg, options->schema, options->commands);
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
    relay->has_unknown = true;
    waker_wake(&relay->waker);
    waker_unlock(&relay->waker);
}

static bool has_room(const struct relay *relay, const struct handover *handed) {
    return handed != NULL &&
           relay->handed_rows + handed->row_count <= (size_t)relay->options.batch_max &&
           relay->handed_bytes + handed->byte_count <= HANDED_BYTES_MOST;
}

void relay_take(struct relay *relay, const struct outbox *outbox) {
    struct handover *handed = atomic_load(&relay->takes) ? outbox_hand_over(outbox) : NULL;
    waker_lock(&relay->waker);
    relay->is_awake = true;
    if (has_room(relay, handed)) {
        relay->handed_rows += handed->row_count;
        relay->handed_bytes += handed->byte_count;
        handover_insert(&relay->handed, handed);
        handed = NULL;
    } else {
        relay->has_unknown = true;
    }
    waker_wake(&relay->waker);
    waker_unlock(&relay->waker);
    handover_destroy_all(&handed);
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
    setback_destroy(&r->setback);
    relay_feed_destroy(&r->feed);
    relay_publisher_destroy(&r->publisher);
    relay_cursor_fini(&r->cursor);
    handover_destroy_all(&r->handed);
    pg_destroy(&r->pg);
    waker_fini(&r->waker);
    hindrance_fini(&r->hindrance);
    free(r);
}

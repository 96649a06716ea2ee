#include "services/dlq/collect/sweep.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/collect/examiner.h"
#include "services/dlq/collect/reading.h"
#include "services/dlq/collect/settings.h"
#include "services/dlq/index/index.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <stdlib.h>
#include <string.h>

METRIC_GAUGE(depth, "ordermesh_dlq_depth", "stream", "Dead letters that wait for a decision.");
METRIC_GAUGE(oldest_seconds, "ordermesh_dlq_oldest_seconds", "stream",
             "Age of the oldest dead letter that waits; 0 for none.");

#define ARENA_CHUNK_BYTES (64 * 1024)
#define INTERVAL_LEAST_MS 250
#define INTERVAL_MOST_MS 5000
#define BACKLOG_INTERVAL_MS 30000
#define FORGET_INTERVAL_MS (60 * 60 * 1000)

struct sweep {
    struct nats_client *nats;
    struct request_batch *requests;
    struct pg *pg;
    struct arena *arena;
    int64_t grace_ms;
    int64_t swept_us; /* last */
    int64_t forget_due_us;
};

/* --- final reports ---------------------------------------------------------------------------- */

/* How many deliveries each consumer has. One that is gone has none to give: its reports are final
   as they are, and the examiner says what is wrong with them. */
static enum status read_limits(struct sweep *sweep, struct index_reporters *reporters,
                               struct error *error) {
    size_t count = reporters->count;
    struct consumer_facts *facts = arena_alloc(sweep->arena, (count + 1) * sizeof(*facts));
    for (size_t i = 0; i < count; i++) {
        facts[i].stream = reporters->items[i].stream;
        facts[i].consumer = reporters->items[i].consumer;
    }
    enum status status = consumer_facts_read(sweep->requests, sweep->arena, facts, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        reporters->items[i].max_deliver = facts[i].exists ? facts[i].max_deliver : 1;
    return status;
}

static enum status find_notices(struct sweep *sweep, struct notice *notices, size_t *count,
                                struct error *error) {
    struct index_reporters reporters = {.before_us = clock_now_us() - sweep->grace_ms * 1000};
    struct slice reports[EXAMINER_MOST];
    size_t found = 0;
    enum status status = index_find_reporters(sweep->pg, &reporters, sweep->arena, error);
    if (status == STATUS_OK && reporters.count > 0)
        status = read_limits(sweep, &reporters, error);
    if (status == STATUS_OK && reporters.count > 0)
        status = index_find_final(sweep->pg, &reporters, sweep->arena, reports, &found, error);
    for (size_t i = 0; i < found && status == STATUS_OK; i++) {
        struct report *report = arena_alloc(sweep->arena, sizeof(*report));
        status = report_read(reports[i], sweep->arena, report, error);
        notices[i] = (struct notice){.kind = NOTICE_REPORT,
                                     .stream = report->stream,
                                     .consumer = report->consumer,
                                     .sequence = report->sequence,
                                     .deliveries = report->attempt,
                                     .time_us = report->time_us,
                                     .report = report};
    }
    *count = found;
    return status;
}

/* --- housekeeping ----------------------------------------------------------------------------- */

static enum status tidy(struct sweep *sweep, struct error *error) {
    struct pg *pg = sweep->pg;
    int64_t now_us = clock_monotonic_us();
    bool forgets = now_us >= sweep->forget_due_us;
    enum status status = pg_begin(pg, error);
    if (status == STATUS_OK)
        status = index_close_replays(pg, error);
    if (status == STATUS_OK)
        status = index_set_times_right(pg, error);
    if (status == STATUS_OK && forgets)
        status = index_forget_reports(pg, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status != STATUS_OK)
        pg_rollback(pg);
    else if (forgets)
        sweep->forget_due_us = now_us + FORGET_INTERVAL_MS * INT64_C(1000);
    return status;
}

/* The streams that events travel in, each once. */
static size_t list_streams(struct index_depth *depths) {
    size_t count = 0;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct slice stream = slice_of(event_info((enum event_type)type)->stream);
        size_t at = 0;
        while (at < count && !slice_equal(depths[at].stream, stream))
            at++;
        if (at == count)
            depths[count++].stream = stream;
    }
    return count;
}

static enum status measure(struct sweep *sweep, struct error *error) {
    struct index_depth depths[EVENT_TYPE_COUNT] = {0};
    size_t count = list_streams(depths);
    enum status status = index_measure(sweep->pg, depths, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const char *stream = depths[i].stream.ptr; /* a name of the event table, terminated */
        int64_t age_us = depths[i].oldest_at_us == 0 ? 0 : clock_now_us() - depths[i].oldest_at_us;
        metric_set(&depth, metric_slot(&depth, stream), depths[i].dead);
        metric_set(&oldest_seconds, metric_slot(&oldest_seconds, stream),
                   age_us > 0 ? age_us / 1000000 : 0);
    }
    return status;
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* While advisories wait to be read, few reports are without one: then it sweeps rarely. */
static enum status is_due(struct sweep *sweep, bool *is_due, struct error *error) {
    bool has_advisories = false;
    int64_t rarely_us = sweep->swept_us + BACKLOG_INTERVAL_MS * INT64_C(1000);
    enum status status = reading_is_behind(sweep->requests, "ADVISORIES", &has_advisories, error);
    *is_due = !has_advisories || clock_monotonic_us() >= rarely_us;
    return status;
}

static enum status take_final(struct sweep *sweep, bool *has_more, struct error *error) {
    const struct examiner examiner = {sweep->nats, sweep->pg, sweep->arena};
    struct notice notices[EXAMINER_MOST];
    size_t count = 0;
    enum status status = find_notices(sweep, notices, &count, error);
    if (status == STATUS_OK)
        status = examiner_take(&examiner, notices, count, error);
    *has_more = status == STATUS_OK && count == EXAMINER_MOST;
    sweep->swept_us = clock_monotonic_us();
    return status;
}

/* True when there is more to be swept at once. */
static bool turn(struct sweep *sweep) {
    struct error error = {0};
    bool sweeps = false, has_more = false;
    arena_reset(sweep->arena);
    enum status status = tidy(sweep, &error);
    if (status == STATUS_OK)
        status = measure(sweep, &error);
    if (status == STATUS_OK)
        status = is_due(sweep, &sweeps, &error);
    if (status == STATUS_OK && sweeps)
        status = take_final(sweep, &has_more, &error);
    if (status != STATUS_OK)
        log_warn("the sweep failed; once more later", LOG_ERROR(&error));
    return has_more;
}

void sweep_run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    const struct dlq_settings *settings = options->context;
    struct sweep sweep = {
        .nats = options->nats,
        .requests = request_batch_create(options->nats),
        .pg = pg_create(options->config->database_url, "dlq/sweep"),
        .arena = arena_create(ARENA_CHUNK_BYTES),
        .grace_ms = settings->grace_ms,
    };
    int64_t interval_ms = settings->grace_ms / 4;
    if (interval_ms < INTERVAL_LEAST_MS)
        interval_ms = INTERVAL_LEAST_MS;
    if (interval_ms > INTERVAL_MOST_MS)
        interval_ms = INTERVAL_MOST_MS;
    worker_set_ready(worker, true);
    while (worker_nap(worker, turn(&sweep) ? 0 : interval_ms))
        ;
    request_batch_destroy(&sweep.requests);
    pg_destroy(&sweep.pg);
    arena_destroy(&sweep.arena);
}

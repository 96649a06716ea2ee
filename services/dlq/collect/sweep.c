#include "services/dlq/collect/sweep.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/collect/examiner.h"
#include "services/dlq/collect/notices.h"
#include "services/dlq/replay/turns.h"
#include "shared/base/clock.h"
#include "shared/contract/event.h"
#include "shared/nats/consumer_progress.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

METRIC_GAUGE(depth, "ordermesh_dlq_depth", "stream", "Dead letters that wait for a decision.");
METRIC_GAUGE(oldest_seconds, "ordermesh_dlq_oldest_seconds", "stream",
             "Age of the oldest dead letter that waits; 0 for none.");

#define INTERVAL_LEAST_MS 250
#define INTERVAL_MOST_MS 5000
#define BACKLOG_INTERVAL_MS 30000

struct sweep {
    struct turns *turns;
    int64_t grace_ms;
    int64_t swept_us; /* last */
};

/* --- final reports ---------------------------------------------------------------------------- */

/* The consumers that reports older than $1 are about. */
static const struct pg_statement find_reporters = {
    .name = "dlq_find_reporters",
    .sql = "SELECT DISTINCT stream, consumer FROM dlq.reports"
           " WHERE reported_at < now() - $1::int8 * interval '1 millisecond'"
           "   AND outcome <> 'DONE' LIMIT 256",
    .param_count = 1,
};

/* Of those: every REJECT, and a RETRY that used up its reporter's max_deliver. */
static const struct pg_statement find_final = {
    .name = "dlq_find_final",
    .sql = "SELECT r.report::text FROM dlq.reports r"
           " JOIN unnest($2::text[], $3::text[], $4::int8[]) c(stream, consumer, max_deliver)"
           "   USING (stream, consumer)"
           " WHERE r.reported_at < now() - $1::int8 * interval '1 millisecond'"
           "   AND (r.outcome = 'REJECT'"
           "     OR (r.outcome = 'RETRY' AND c.max_deliver > 0 AND r.attempt >= c.max_deliver))"
           " ORDER BY r.reported_at LIMIT $5::int8",
    .param_count = 5,
};

enum { STREAM, CONSUMER, MAX_DELIVER, COLUMNS };

/* How many deliveries each has. One that is gone has none to give: its reports are final as they
   are, and the examiner says what is wrong with them. */
static enum status read_reporters(struct sweep *sweep, struct pg_array *columns,
                                  struct error *error) {
    struct arena *arena = sweep->turns->arena;
    const struct pg_param param = pg_int64(sweep->grace_ms);
    struct pg_result *rows = NULL;
    enum status status = pg_query(sweep->turns->pg, &find_reporters, &param, &rows, error);
    size_t count = status == STATUS_OK ? (size_t)pg_rows(rows) : 0;
    struct consumer_facts *facts = arena_alloc(arena, (count + 1) * sizeof(*facts));
    for (size_t i = 0; i < count; i++) {
        facts[i].stream = pg_get_slice(rows, (int)i, 0);
        facts[i].consumer = pg_get_slice(rows, (int)i, 1);
    }
    if (status == STATUS_OK)
        status = consumer_facts_read(sweep->turns->requests, arena, facts, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        pg_array_add_slice(&columns[STREAM], facts[i].stream);
        pg_array_add_slice(&columns[CONSUMER], facts[i].consumer);
        pg_array_add_int64(&columns[MAX_DELIVER], facts[i].exists ? facts[i].max_deliver : 1);
    }
    pg_result_free(&rows);
    return status;
}

static enum status read_final(struct sweep *sweep, const struct pg_result *rows,
                              struct notice *notices, size_t *count, struct error *error) {
    enum status status = STATUS_OK;
    for (int row = 0; row < pg_rows(rows) && status == STATUS_OK; row++) {
        struct report *report = arena_alloc(sweep->turns->arena, sizeof(*report));
        status = report_read(pg_get_slice(rows, row, 0), sweep->turns->arena, report, error);
        notices[(*count)++] = (struct notice){.kind = NOTICE_REPORT,
                                              .stream = report->stream,
                                              .consumer = report->consumer,
                                              .sequence = report->sequence,
                                              .deliveries = report->attempt,
                                              .time_us = report->time_us,
                                              .report = report};
    }
    return status;
}

static enum status find_notices(struct sweep *sweep, struct notice *notices, size_t *count,
                                struct error *error) {
    struct pg_columns columns;
    struct pg_array *array = columns.arrays;
    struct pg_result *rows = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64},
                    COLUMNS);
    enum status status = read_reporters(sweep, array, error);
    if (status == STATUS_OK && array[STREAM].count > 0) {
        const struct pg_param params[] = {pg_int64(sweep->grace_ms), pg_array(&array[STREAM]),
                                          pg_array(&array[CONSUMER]), pg_array(&array[MAX_DELIVER]),
                                          pg_int64(EXAMINER_MOST)};
        status = pg_query(sweep->turns->pg, &find_final, params, &rows, error);
        if (status == STATUS_OK)
            status = read_final(sweep, rows, notices, count, error);
    }
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

/* --- housekeeping ----------------------------------------------------------------------------- */

/* Those whose DONE came before they were noted as published. */
static const struct pg_statement close_replays = {
    .name = "dlq_close_replays",
    .sql = "WITH closed AS ("
           " UPDATE dlq.entries e SET status = 'resolved', updated_at = now() FROM dlq.reports r"
           " WHERE e.status = 'replayed' AND r.outcome = 'DONE' AND r.stream = e.stream"
           "   AND r.consumer = e.consumer AND r.stream_sequence = e.replay_sequence"
           " RETURNING e.job_id)" REPORTS_COUNT_RESOLVED_SQL,
};

/* Times that a clock that was ahead has left in the future, by more than a transaction lasts,
   become now, since all that waits for an age would wait for the difference. */
#define IS_EARLY "> now() + interval '1 minute'"
static const struct pg_statement set_times_right = {
    .name = "dlq_set_times_right",
    .sql = "WITH reports AS (UPDATE dlq.reports SET reported_at = now()"
           "   WHERE reported_at " IS_EARLY "),"
           " chances AS (UPDATE dlq.chances SET noted_at = least(noted_at, now()),"
           "   given_at = least(given_at, now())"
           "   WHERE (state = 'waiting' AND noted_at " IS_EARLY ")"
           "     OR (state = 'given' AND greatest(noted_at, given_at) " IS_EARLY "))"
           " UPDATE dlq.entries SET failed_at = now() WHERE failed_at " IS_EARLY,
};

/* Nothing followed them for longer than their streams are kept. */
static const struct pg_statement forget_reports = {
    .name = "dlq_forget_reports",
    .sql = "DELETE FROM dlq.reports WHERE reported_at < now() - interval '8 days'",
};

static enum status tidy(struct sweep *sweep, struct error *error) {
    static const struct pg_statement *const chores[] = {&close_replays, &set_times_right,
                                                        &forget_reports};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(chores) / sizeof(chores[0]) && status == STATUS_OK; i++)
        status = pg_query(sweep->turns->pg, chores[i], NULL, NULL, error);
    return status;
}

static const struct pg_statement measure_streams = {
    .name = "dlq_measure",
    .sql = "SELECT stream, count(*), (extract(epoch FROM now() - min(failed_at)))::int8"
           " FROM dlq.entries WHERE status = 'dead' GROUP BY stream",
};

/* A stream without dead letters has 0 of them. */
static enum status measure(struct sweep *sweep, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(sweep->turns->pg, &measure_streams, NULL, &rows, error);
    for (int type = 0; type < EVENT_TYPE_COUNT && status == STATUS_OK; type++) {
        const char *stream = event_info((enum event_type)type)->stream;
        int row = 0;
        while (row < pg_rows(rows) && !slice_is(pg_get_slice(rows, row, 0), stream))
            row++;
        bool is_there = row < pg_rows(rows);
        int64_t age = is_there ? pg_get_int64(rows, row, 2) : 0;
        metric_set(&depth, metric_slot(&depth, stream), is_there ? pg_get_int64(rows, row, 1) : 0);
        metric_set(&oldest_seconds, metric_slot(&oldest_seconds, stream), age > 0 ? age : 0);
    }
    pg_result_free(&rows);
    return status;
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* While advisories wait to be read, few reports are without one: then it sweeps rarely. Where there
   is more to be swept, the next turn is at once. */
static enum status take_final(struct sweep *sweep, int64_t *nap_ms, struct error *error) {
    const struct examiner examiner = {sweep->turns->options->nats, sweep->turns->pg,
                                      sweep->turns->arena};
    const int64_t due_us = sweep->swept_us + BACKLOG_INTERVAL_MS * INT64_C(1000);
    struct consumer_progress advisories;
    struct notice notices[EXAMINER_MOST];
    size_t count = 0;
    enum status status =
        consumer_progress_read(examiner.nats, "ADVISORIES", "dlq", &advisories, error);
    if (status != STATUS_OK || (!advisories.is_idle && advisories.floor < advisories.last &&
                                clock_monotonic_us() < due_us))
        return status;
    status = find_notices(sweep, notices, &count, error);
    if (status == STATUS_OK)
        status = examiner_take(&examiner, notices, count, error);
    if (status == STATUS_OK && count == EXAMINER_MOST)
        *nap_ms = 0;
    sweep->swept_us = clock_monotonic_us();
    return status;
}

static enum status turn(struct turns *turns, void *context, int64_t *nap_ms, struct error *error) {
    struct sweep *sweep = context;
    sweep->turns = turns;
    *nap_ms = sweep->grace_ms / 4;
    if (*nap_ms < INTERVAL_LEAST_MS)
        *nap_ms = INTERVAL_LEAST_MS;
    if (*nap_ms > INTERVAL_MOST_MS)
        *nap_ms = INTERVAL_MOST_MS;
    enum status status = tidy(sweep, error);
    if (status == STATUS_OK)
        status = measure(sweep, error);
    return status == STATUS_OK ? take_final(sweep, nap_ms, error) : status;
}

void sweep_run(struct worker *worker) {
    static const struct turns_spec spec = {
        .name = "dlq/sweep",
        .is_for_all = true,
        .trouble = "the sweep failed; once more later",
        .turn = turn,
    };
    const struct dlq_settings *settings = worker_options(worker)->context;
    struct sweep sweep = {.grace_ms = settings->grace_ms};
    turns_run(worker, &spec, &sweep);
}

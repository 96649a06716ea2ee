#include "services/dlq/index/index.h"

#include "shared/contract/event.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <string.h>

/* --- what is known ------------------------------------------------------------------------------
 */

static const enum pg_array_type key_types[] = {PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64};

static void add_key(struct pg_columns *columns, const struct index_key *key) {
    pg_array_add_slice(&columns->arrays[0], key->stream);
    pg_array_add_slice(&columns->arrays[1], key->consumer);
    pg_array_add_int64(&columns->arrays[2], (int64_t)key->sequence);
}

static const struct pg_statement find_known = {
    "dlq_find_known",
    "SELECT greatest(f.failed_at, c.noted_at), r.report::text"
    " FROM unnest($1::text[], $2::text[], $3::int8[]) WITH ORDINALITY"
    "   k(stream, consumer, stream_sequence, nth)"
    " LEFT JOIN dlq.failures f USING (stream, consumer, stream_sequence)"
    " LEFT JOIN dlq.chances c USING (stream, consumer, stream_sequence)"
    " LEFT JOIN dlq.reports r USING (stream, consumer, stream_sequence)"
    " ORDER BY k.nth",
    3};

enum status index_find_known(struct pg *pg, const struct index_key *keys, size_t count,
                             struct arena *arena, struct index_known *known, struct error *error) {
    struct pg_columns columns;
    struct pg_result *result = NULL;
    pg_columns_init(&columns, key_types, 3);
    for (size_t i = 0; i < count; i++)
        add_key(&columns, &keys[i]);
    enum status status = pg_columns_query(&columns, pg, &find_known, &result, error);
    for (int i = 0; status == STATUS_OK && i < pg_rows(result); i++) {
        known[i] = (struct index_known){.is_known = !pg_is_null(result, i, 0)};
        if (known[i].is_known)
            known[i].failed_at_us = pg_get_time_us(result, i, 0);
        if (!pg_is_null(result, i, 1))
            known[i].report = arena_slice(arena, pg_get_slice(result, i, 1));
    }
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

enum { NTH_COLUMN = 20 }; /* after ENTRY_ROW_COLUMNS */

static const struct pg_statement find_entries = {
    "dlq_find_entries",
    "SELECT " ENTRY_ROW_COLUMNS ", k.nth FROM unnest($1::text[]) WITH ORDINALITY k(id, nth)"
    " JOIN dlq.entries e ON e.id = k.id",
    1};

enum status index_find_entries(struct pg *pg, const struct slice *ids, size_t count,
                               struct entry_row *rows, bool *found, struct pg_result **result,
                               struct error *error) {
    struct pg_columns columns;
    struct pg_result *read = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT}, 1);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_slice(&columns.arrays[0], ids[i]);
        found[i] = false;
    }
    enum status status = pg_columns_query(&columns, pg, &find_entries, &read, error);
    for (int i = 0; status == STATUS_OK && i < pg_rows(read); i++) {
        size_t nth = (size_t)pg_get_int64(read, i, NTH_COLUMN) - 1;
        status = entry_row_read(read, i, &rows[nth], error);
        found[nth] = true;
    }
    pg_columns_fini(&columns);
    if (status == STATUS_OK)
        *result = read;
    else
        pg_result_free(&read);
    return status;
}

/* --- entries and failures -----------------------------------------------------------------------
 */

/* What a job has replayed, and is dead again, counts for that job. */
static const struct pg_statement write_entries = {
    "dlq_write_entries",
    "WITH failing AS ("
    "  SELECT id, job_id FROM dlq.entries"
    "  WHERE id = ANY ($1::text[]) AND status IN ('replaying', 'replayed') AND job_id IS NOT NULL),"
    " written AS ("
    " INSERT INTO dlq.entries AS e (id, stream, consumer, event_id, order_id, type, subject,"
    "   stream_sequence, dlq_sequence, generation, status, reason, error_code, error, deliveries,"
    "   service, first_failed_at, failed_at)"
    " SELECT c.id, c.stream, c.consumer, c.event_id, c.order_id, c.type, c.subject,"
    "   c.stream_sequence, c.dlq_sequence, c.generation, 'dead', c.reason, c.error_code, c.error,"
    "   c.deliveries, c.service, c.at, c.at"
    " FROM (SELECT *, timestamptz 'epoch' + failed_us * interval '1 microsecond' AS at"
    "   FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
    "     $7::text[], $8::int8[], $9::int8[], $10::int8[], $11::text[], $12::text[], $13::text[],"
    "     $14::int8[], $15::text[], $16::int8[])"
    "     u(id, stream, consumer, event_id, order_id, type, subject, stream_sequence, dlq_sequence,"
    "       generation, reason, error_code, error, deliveries, service, failed_us)) c"
    " ORDER BY c.id"
    " ON CONFLICT (id) DO UPDATE SET subject = excluded.subject,"
    "   order_id = coalesce(excluded.order_id, e.order_id), type = excluded.type,"
    "   stream_sequence = excluded.stream_sequence, dlq_sequence = excluded.dlq_sequence,"
    "   generation = excluded.generation, status = 'dead', reason = excluded.reason,"
    "   error_code = excluded.error_code, error = excluded.error, deliveries = excluded.deliveries,"
    "   service = excluded.service, replay_sequence = NULL, failed_at = excluded.failed_at,"
    "   updated_at = now()"
    " WHERE excluded.generation > e.generation RETURNING e.id)"
    " UPDATE dlq.jobs j SET dead_again = j.dead_again + f.entries, updated_at = now() FROM ("
    "  SELECT job_id, count(*) AS entries FROM failing JOIN written USING (id) GROUP BY job_id) f"
    " WHERE j.id = f.job_id",
    16};

static const enum pg_array_type entry_types[] = {
    PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_TEXT,  PG_ARRAY_TEXT,  PG_ARRAY_TEXT, PG_ARRAY_TEXT,
    PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
    PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,  PG_ARRAY_INT64,
};

static void add_type(struct pg_array *array, struct slice subject) {
    enum event_type type;
    bool is_known = event_type_of_subject(subject, &type);
    pg_array_add_optional(array, slice_of(is_known ? event_info(type)->type : NULL));
}

static void add_entry(struct pg_columns *columns, const struct index_change *change) {
    const struct entry *entry = change->entry;
    struct pg_array *column = columns->arrays;
    pg_array_add_slice(column++, change->id);
    pg_array_add_slice(column++, entry->stream);
    pg_array_add_slice(column++, entry->consumer);
    pg_array_add_slice(column++, entry->event_id);
    pg_array_add_optional(column++, change->order_id);
    add_type(column++, entry->subject);
    pg_array_add_slice(column++, entry->subject);
    pg_array_add_int64(column++, (int64_t)entry->sequence);
    pg_array_add_int64(column++, (int64_t)change->dlq_sequence);
    pg_array_add_int64(column++, entry->generation);
    pg_array_add_slice(column++, slice_of(dead_reason_text(entry->reason)));
    pg_array_add_optional(column++, entry->error_code);
    pg_array_add_slice(column++, entry->error);
    pg_array_add_int64(column++, entry->deliveries);
    pg_array_add_optional(column++, entry->service);
    pg_array_add_int64(column++, entry->failed_at_us);
}

/* A row that is there already is of the same failure, or of a stream that is gone. */
static const struct pg_statement write_failures = {
    "dlq_write_failures",
    "INSERT INTO dlq.failures (stream, consumer, stream_sequence, entry_id, generation,"
    "   dlq_sequence, reason, error_code, error, deliveries, failed_at)"
    " SELECT stream, consumer, stream_sequence, entry_id, generation, dlq_sequence, reason,"
    "   error_code, error, deliveries, timestamptz 'epoch' + failed_us * interval '1 microsecond'"
    " FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[], $6::int8[],"
    "   $7::text[], $8::text[], $9::text[], $10::int8[], $11::int8[])"
    "   u(stream, consumer, stream_sequence, entry_id, generation, dlq_sequence, reason,"
    "     error_code, error, deliveries, failed_us)"
    " ORDER BY stream, consumer, stream_sequence"
    " ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET"
    "   entry_id = excluded.entry_id, generation = excluded.generation,"
    "   dlq_sequence = excluded.dlq_sequence, reason = excluded.reason,"
    "   error_code = excluded.error_code, error = excluded.error,"
    "   deliveries = excluded.deliveries, failed_at = excluded.failed_at",
    11};

static const enum pg_array_type failure_types[] = {
    PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,  PG_ARRAY_INT64, PG_ARRAY_INT64,
    PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_INT64, PG_ARRAY_INT64,
};

static void add_failure(struct pg_columns *columns, const struct index_change *change) {
    const struct entry *entry = change->entry;
    struct pg_array *column = columns->arrays;
    pg_array_add_slice(column++, entry->stream);
    pg_array_add_slice(column++, entry->consumer);
    pg_array_add_int64(column++, (int64_t)entry->sequence);
    pg_array_add_slice(column++, change->id);
    pg_array_add_int64(column++, entry->generation);
    pg_array_add_int64(column++, (int64_t)change->dlq_sequence);
    pg_array_add_slice(column++, slice_of(dead_reason_text(entry->reason)));
    pg_array_add_optional(column++, entry->error_code);
    pg_array_add_slice(column++, entry->error);
    pg_array_add_int64(column++, entry->deliveries);
    pg_array_add_int64(column++, entry->failed_at_us);
}

static const struct pg_statement drop_reports = {
    "dlq_drop_reports",
    "DELETE FROM dlq.reports r USING unnest($1::text[], $2::text[], $3::int8[])"
    "   k(stream, consumer, stream_sequence)"
    " WHERE (r.stream, r.consumer, r.stream_sequence) = (k.stream, k.consumer, k.stream_sequence)"
    "   AND r.outcome <> 'DONE'",
    3};

enum status index_write(struct pg *pg, const struct index_change *changes, size_t count,
                        const struct index_key *settled, size_t settled_count,
                        struct error *error) {
    struct pg_columns entries, failures, reports;
    pg_columns_init(&entries, entry_types, sizeof(entry_types) / sizeof(entry_types[0]));
    pg_columns_init(&failures, failure_types, sizeof(failure_types) / sizeof(failure_types[0]));
    pg_columns_init(&reports, key_types, 3);
    for (size_t i = 0; i < count; i++) {
        add_failure(&failures, &changes[i]);
        if (changes[i].is_entry)
            add_entry(&entries, &changes[i]);
    }
    for (size_t i = 0; i < settled_count; i++)
        add_key(&reports, &settled[i]);
    enum status status = pg_columns_queue(&entries, pg, &write_entries, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&failures, pg, &write_failures, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&reports, pg, &drop_reports, error);
    pg_columns_fini(&entries);
    pg_columns_fini(&failures);
    pg_columns_fini(&reports);
    return status;
}

/* --- reports ------------------------------------------------------------------------------------
 */

/* Reports may come twice and late: the later word counts. */
static const struct pg_statement note_reports = {
    "dlq_note_reports",
    "INSERT INTO dlq.reports AS r (stream, consumer, stream_sequence, outcome, attempt, report,"
    "   reported_at)"
    " SELECT stream, consumer, stream_sequence, outcome, attempt, report::jsonb,"
    "   timestamptz 'epoch' + reported_us * interval '1 microsecond'"
    " FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[], $6::text[],"
    "   $7::int8[]) u(stream, consumer, stream_sequence, outcome, attempt, report, reported_us)"
    " ORDER BY stream, consumer, stream_sequence"
    " ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET outcome = excluded.outcome,"
    "   attempt = excluded.attempt, report = excluded.report, reported_at = excluded.reported_at"
    " WHERE excluded.reported_at >= r.reported_at",
    7};

static const enum pg_array_type report_types[] = {
    PG_ARRAY_TEXT,  PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,
    PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_INT64,
};

static void add_report(struct pg_columns *columns, const struct report *report) {
    struct pg_array *column = columns->arrays;
    pg_array_add_slice(column++, report->stream);
    pg_array_add_slice(column++, report->consumer);
    pg_array_add_int64(column++, (int64_t)report->sequence);
    pg_array_add_slice(column++, slice_of(report_outcome_text(report->outcome)));
    pg_array_add_int64(column++, report->attempt);
    pg_array_add_slice(column++, report->json);
    pg_array_add_int64(column++, report->time_us);
}

/* Of the entries `closed`, for the jobs that replayed them. */
#define COUNT_RESOLVED_SQL                                                                         \
    " UPDATE dlq.jobs j SET resolved = j.resolved + c.entries, updated_at = now() FROM ("          \
    "  SELECT job_id, count(*) AS entries FROM closed GROUP BY job_id) c WHERE j.id = c.job_id"

/* A replay's DONE may come before the replay is noted as published; index_close_replays() finds
   it then. */
static const struct pg_statement close_replays_of = {
    "dlq_close_replays_of",
    "WITH closed AS ("
    " UPDATE dlq.entries e SET status = 'resolved', updated_at = now()"
    " FROM unnest($1::text[], $2::text[], $3::int8[]) k(stream, consumer, stream_sequence)"
    " WHERE e.status = 'replayed' AND e.stream = k.stream AND e.consumer = k.consumer"
    "   AND e.replay_sequence = k.stream_sequence RETURNING e.job_id)" COUNT_RESOLVED_SQL,
    3};

enum status index_note_reports(struct pg *pg, const struct report *reports, size_t count,
                               struct error *error) {
    struct pg_columns noted, done;
    pg_columns_init(&noted, report_types, sizeof(report_types) / sizeof(report_types[0]));
    pg_columns_init(&done, key_types, 3);
    for (size_t i = 0; i < count; i++) {
        const struct report *report = &reports[i];
        add_report(&noted, report);
        if (report->outcome == REPORT_DONE)
            add_key(&done, &(struct index_key){report->stream, report->consumer, report->sequence});
    }
    enum status status = pg_columns_queue(&noted, pg, &note_reports, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&done, pg, &close_replays_of, error);
    pg_columns_fini(&noted);
    pg_columns_fini(&done);
    return status;
}

static const struct pg_statement close_replays = {
    "dlq_close_replays",
    "WITH closed AS ("
    " UPDATE dlq.entries e SET status = 'resolved', updated_at = now() FROM dlq.reports r"
    " WHERE e.status = 'replayed' AND r.outcome = 'DONE' AND r.stream = e.stream"
    "   AND r.consumer = e.consumer AND r.stream_sequence = e.replay_sequence"
    " RETURNING e.job_id)" COUNT_RESOLVED_SQL,
    0};

enum status index_close_replays(struct pg *pg, struct error *error) {
    return pg_queue(pg, &close_replays, NULL, error);
}

static const struct pg_statement forget_reports = {
    "dlq_forget_reports", "DELETE FROM dlq.reports WHERE reported_at < now() - interval '8 days'",
    0};

enum status index_forget_reports(struct pg *pg, struct error *error) {
    return pg_queue(pg, &forget_reports, NULL, error);
}

/* --- the sweep ----------------------------------------------------------------------------------
 */

static const struct pg_statement find_reporters = {
    "dlq_find_reporters",
    "SELECT DISTINCT stream, consumer FROM dlq.reports"
    " WHERE reported_at < timestamptz 'epoch' + $1::int8 * interval '1 microsecond'"
    "   AND outcome <> 'DONE' LIMIT $2::int8",
    2};

enum status index_find_reporters(struct pg *pg, int64_t before_us, struct arena *arena,
                                 struct index_key *reporters, size_t most, size_t *count,
                                 struct error *error) {
    struct pg_param params[] = {pg_int64(before_us), pg_int64((int64_t)most)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_reporters, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = (size_t)pg_rows(result);
    for (int i = 0; i < pg_rows(result); i++) {
        reporters[i] = (struct index_key){
            .stream = arena_slice(arena, pg_get_slice(result, i, 0)),
            .consumer = arena_slice(arena, pg_get_slice(result, i, 1)),
        };
    }
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement find_final = {
    "dlq_find_final",
    "SELECT r.report::text FROM dlq.reports r"
    " JOIN unnest($3::text[], $4::text[], $5::int8[]) c(stream, consumer, max_deliver)"
    "   ON c.stream = r.stream AND c.consumer = r.consumer"
    " WHERE r.reported_at < timestamptz 'epoch' + $1::int8 * interval '1 microsecond'"
    "   AND (r.outcome = 'REJECT'"
    "     OR (r.outcome = 'RETRY' AND c.max_deliver > 0 AND r.attempt >= c.max_deliver))"
    " ORDER BY r.reported_at LIMIT $2::int8",
    5};

enum status index_find_final(struct pg *pg, int64_t before_us, const struct index_key *reporters,
                             const int64_t *max_deliver, size_t reporter_count, struct arena *arena,
                             struct slice *reports, size_t most, size_t *count,
                             struct error *error) {
    struct pg_array streams, consumers, limits;
    struct pg_result *result = NULL;
    pg_array_init(&streams, PG_ARRAY_TEXT);
    pg_array_init(&consumers, PG_ARRAY_TEXT);
    pg_array_init(&limits, PG_ARRAY_INT64);
    for (size_t i = 0; i < reporter_count; i++) {
        pg_array_add_slice(&streams, reporters[i].stream);
        pg_array_add_slice(&consumers, reporters[i].consumer);
        pg_array_add_int64(&limits, max_deliver[i]);
    }
    struct pg_param params[] = {pg_int64(before_us), pg_int64((int64_t)most), pg_array(&streams),
                                pg_array(&consumers), pg_array(&limits)};
    enum status status = pg_query(pg, &find_final, params, &result, error);
    *count = 0;
    for (int i = 0; status == STATUS_OK && i < pg_rows(result); i++)
        reports[(*count)++] = arena_slice(arena, pg_get_slice(result, i, 0));
    pg_result_free(&result);
    pg_array_fini(&streams);
    pg_array_fini(&consumers);
    pg_array_fini(&limits);
    return status;
}

/* --- figures ------------------------------------------------------------------------------------
 */

static const struct pg_statement measure = {
    "dlq_measure",
    "SELECT count(e.id), min(e.failed_at) FROM unnest($1::text[]) WITH ORDINALITY s(stream, nth)"
    " LEFT JOIN dlq.entries e ON e.stream = s.stream AND e.status = 'dead'"
    " GROUP BY s.nth ORDER BY s.nth",
    1};

enum status index_measure(struct pg *pg, struct index_depth *depths, size_t count,
                          struct error *error) {
    struct pg_columns columns;
    struct pg_result *result = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT}, 1);
    for (size_t i = 0; i < count; i++)
        pg_array_add_slice(&columns.arrays[0], depths[i].stream);
    enum status status = pg_columns_query(&columns, pg, &measure, &result, error);
    for (int i = 0; status == STATUS_OK && i < pg_rows(result); i++) {
        depths[i].dead = pg_get_int64(result, i, 0);
        depths[i].oldest_at_us = pg_is_null(result, i, 1) ? 0 : pg_get_time_us(result, i, 1);
    }
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

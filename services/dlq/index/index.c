#include "services/dlq/index/index.h"

#include "shared/contract/event.h"
#include "shared/pg/pg_result.h"

static void add_optional(struct pg_array *array, struct slice value) {
    if (value.len > 0)
        pg_array_add_slice(array, value);
    else
        pg_array_add_null(array);
}

static const enum pg_array_type key_types[KEYS] = {PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64};

void index_add_key(struct pg_columns *columns, const struct index_key *key) {
    pg_array_add_slice(&columns->arrays[KEY_STREAM], key->stream);
    pg_array_add_slice(&columns->arrays[KEY_CONSUMER], key->consumer);
    pg_array_add_int64(&columns->arrays[KEY_SEQUENCE], (int64_t)key->sequence);
}

/* --- what is known ---------------------------------------------------------------------------- */

static const struct pg_statement find_known = {
    .name = "dlq_find_known",
    .sql = "SELECT greatest(f.failed_at, c.noted_at), r.report::text"
           " FROM unnest($1::text[], $2::text[], $3::int8[]) WITH ORDINALITY"
           "   k(stream, consumer, stream_sequence, nth)"
           " LEFT JOIN dlq.failures f USING (stream, consumer, stream_sequence)"
           " LEFT JOIN dlq.chances c USING (stream, consumer, stream_sequence)"
           " LEFT JOIN dlq.reports r USING (stream, consumer, stream_sequence)"
           " ORDER BY k.nth",
    .param_count = KEYS,
};

enum status index_find_known(struct pg *pg, struct index_known *known, size_t count,
                             struct arena *arena, struct error *error) {
    enum { KNOWN_SINCE, KNOWN_REPORT };
    struct pg_columns columns;
    struct pg_result *rows = NULL;
    pg_columns_init(&columns, key_types, KEYS);
    for (size_t i = 0; i < count; i++)
        index_add_key(&columns, &known[i].key);
    enum status status = pg_columns_query(&columns, pg, &find_known, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++) {
        known[row].is_known = !pg_is_null(rows, row, KNOWN_SINCE);
        if (known[row].is_known)
            known[row].failed_at_us = pg_get_time_us(rows, row, KNOWN_SINCE);
        if (!pg_is_null(rows, row, KNOWN_REPORT))
            known[row].report = arena_slice(arena, pg_get_slice(rows, row, KNOWN_REPORT));
    }
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement find_entries = {
    .name = "dlq_find_entries",
    .sql = "SELECT k.nth, e.stream_sequence, e.dlq_sequence, e.generation, e.status, e.failed_at"
           " FROM unnest($1::text[]) WITH ORDINALITY k(id, nth) JOIN dlq.entries e ON e.id = k.id",
    .param_count = 1,
};

enum { FOUND_NTH, FOUND_SEQUENCE, FOUND_DLQ_SEQUENCE, FOUND_GENERATION, FOUND_STATUS, FOUND_AT };

static enum status take_found(const struct pg_result *rows, int row, struct index_found *found,
                              struct error *error) {
    found->is_there = true;
    found->row = (struct entry_row){
        .sequence = (uint64_t)pg_get_int64(rows, row, FOUND_SEQUENCE),
        .dlq_sequence = (uint64_t)pg_get_int64(rows, row, FOUND_DLQ_SEQUENCE),
        .generation = (int)pg_get_int64(rows, row, FOUND_GENERATION),
        .failed_at_us = pg_get_time_us(rows, row, FOUND_AT),
    };
    if (!entry_status_parse(pg_get_slice(rows, row, FOUND_STATUS), &found->row.status))
        return error_set(error, STATUS_INTERNAL, "an entry is of no status known");
    return STATUS_OK;
}

enum status index_find_entries(struct pg *pg, struct index_found *found, size_t count,
                               struct error *error) {
    struct pg_columns columns;
    struct pg_result *rows = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT}, 1);
    for (size_t i = 0; i < count; i++)
        pg_array_add_slice(&columns.arrays[0], found[i].id);
    enum status status = pg_columns_query(&columns, pg, &find_entries, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++)
        status = take_found(rows, row, &found[pg_get_int64(rows, row, FOUND_NTH) - 1], error);
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

/* --- entries and failures --------------------------------------------------------------------- */

/* An entry that a job has replayed, and that is dead again, counts for that job. A failure known
   is the same one, or of a stream that is gone. */
static const struct pg_statement write_changes = {
    .name = "dlq_write_changes",
    .sql =
        "WITH u AS MATERIALIZED ("
        " SELECT *, least(now(), timestamptz 'epoch' + failed_us * interval '1 microsecond') AS at"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
        "  $7::text[], $8::int8[], $9::int8[], $10::int8[], $11::text[], $12::text[], $13::text[],"
        "  $14::int8[], $15::text[], $16::int8[], $17::int8[])"
        "  x(id, stream, consumer, event_id, order_id, type, subject, stream_sequence,"
        "   dlq_sequence, generation, reason, error_code, error, deliveries, service, failed_us,"
        "   is_entry)),"
        " failing AS ("
        "  SELECT id, job_id FROM dlq.entries WHERE id = ANY ($1::text[])"
        "   AND status IN ('replaying', 'replayed') AND job_id IS NOT NULL),"
        " noted AS ("
        "  INSERT INTO dlq.failures (stream, consumer, stream_sequence, entry_id, generation,"
        "   dlq_sequence, reason, error_code, error, deliveries, failed_at)"
        "  SELECT stream, consumer, stream_sequence, id, generation, dlq_sequence, reason,"
        "   error_code, error, deliveries, at FROM u ORDER BY stream, consumer, stream_sequence"
        "  ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET"
        "   entry_id = excluded.entry_id, generation = excluded.generation,"
        "   dlq_sequence = excluded.dlq_sequence, reason = excluded.reason,"
        "   error_code = excluded.error_code, error = excluded.error,"
        "   deliveries = excluded.deliveries, failed_at = excluded.failed_at),"
        " written AS ("
        "  INSERT INTO dlq.entries AS e (id, stream, consumer, event_id, order_id, type, subject,"
        "   stream_sequence, dlq_sequence, generation, status, reason, error_code, error,"
        "   deliveries, service, first_failed_at, failed_at)"
        "  SELECT id, stream, consumer, event_id, order_id, type, subject, stream_sequence,"
        "   dlq_sequence, generation, 'dead', reason, error_code, error, deliveries, service, at,"
        "   at FROM u WHERE is_entry = 1 ORDER BY id"
        "  ON CONFLICT (id) DO UPDATE SET subject = excluded.subject,"
        "   order_id = coalesce(excluded.order_id, e.order_id), type = excluded.type,"
        "   stream_sequence = excluded.stream_sequence, dlq_sequence = excluded.dlq_sequence,"
        "   generation = excluded.generation, status = 'dead', reason = excluded.reason,"
        "   error_code = excluded.error_code, error = excluded.error,"
        "   deliveries = excluded.deliveries, service = excluded.service, replay_sequence = NULL,"
        "   failed_at = excluded.failed_at, updated_at = now()"
        "  WHERE excluded.generation > e.generation RETURNING e.id)"
        " UPDATE dlq.jobs j SET dead_again = j.dead_again + f.entries, updated_at = now() FROM ("
        "  SELECT job_id, count(*) AS entries FROM failing JOIN written USING (id)"
        "  GROUP BY job_id) f WHERE j.id = f.job_id",
    .param_count = 17,
};

enum {
    PUT_ID,
    PUT_STREAM,
    PUT_CONSUMER,
    PUT_EVENT_ID,
    PUT_ORDER_ID,
    PUT_TYPE,
    PUT_SUBJECT,
    PUT_SEQUENCE,
    PUT_DLQ_SEQUENCE,
    PUT_GENERATION,
    PUT_REASON,
    PUT_ERROR_CODE,
    PUT_ERROR,
    PUT_DELIVERIES,
    PUT_SERVICE,
    PUT_FAILED,
    PUT_IS_ENTRY,
    PUTS
};

static struct slice type_of(struct slice subject) {
    enum event_type type;
    return event_type_of_subject(subject, &type) ? slice_of(event_info(type)->type)
                                                 : SLICE_LITERAL("");
}

static void add_change(struct pg_array *column, const struct index_change *change) {
    const struct entry *entry = change->entry;
    pg_array_add_slice(&column[PUT_ID], change->id);
    pg_array_add_slice(&column[PUT_STREAM], entry->stream);
    pg_array_add_slice(&column[PUT_CONSUMER], entry->consumer);
    pg_array_add_slice(&column[PUT_EVENT_ID], entry->event_id);
    add_optional(&column[PUT_ORDER_ID], change->order_id);
    add_optional(&column[PUT_TYPE], type_of(entry->subject));
    pg_array_add_slice(&column[PUT_SUBJECT], entry->subject);
    pg_array_add_int64(&column[PUT_SEQUENCE], (int64_t)entry->sequence);
    pg_array_add_int64(&column[PUT_DLQ_SEQUENCE], (int64_t)change->dlq_sequence);
    pg_array_add_int64(&column[PUT_GENERATION], entry->generation);
    pg_array_add_slice(&column[PUT_REASON], slice_of(dead_reason_text(entry->reason)));
    add_optional(&column[PUT_ERROR_CODE], entry->error_code);
    pg_array_add_slice(&column[PUT_ERROR], entry->error);
    pg_array_add_int64(&column[PUT_DELIVERIES], entry->deliveries);
    add_optional(&column[PUT_SERVICE], entry->service);
    pg_array_add_int64(&column[PUT_FAILED], entry->failed_at_us);
    pg_array_add_int64(&column[PUT_IS_ENTRY], change->is_entry);
}

enum status index_write(struct pg *pg, const struct index_change *changes, size_t count,
                        struct error *error) {
    static const enum pg_array_type types[PUTS] = {
        [PUT_ID... PUT_SUBJECT] = PG_ARRAY_TEXT,
        [PUT_SEQUENCE] = PG_ARRAY_INT64,
        [PUT_DLQ_SEQUENCE] = PG_ARRAY_INT64,
        [PUT_GENERATION] = PG_ARRAY_INT64,
        [PUT_REASON] = PG_ARRAY_TEXT,
        [PUT_ERROR_CODE] = PG_ARRAY_TEXT,
        [PUT_ERROR] = PG_ARRAY_TEXT,
        [PUT_DELIVERIES] = PG_ARRAY_INT64,
        [PUT_SERVICE] = PG_ARRAY_TEXT,
        [PUT_FAILED] = PG_ARRAY_INT64,
        [PUT_IS_ENTRY] = PG_ARRAY_INT64,
    };
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, PUTS);
    for (size_t i = 0; i < count; i++)
        add_change(columns.arrays, &changes[i]);
    if (count > 0)
        status = pg_columns_queue(&columns, pg, &write_changes, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement drop_reports = {
    .name = "dlq_drop_reports",
    .sql = "DELETE FROM dlq.reports r USING unnest($1::text[], $2::text[], $3::int8[])"
           "   k(stream, consumer, stream_sequence)"
           " WHERE (r.stream, r.consumer, r.stream_sequence) ="
           "   (k.stream, k.consumer, k.stream_sequence) AND r.outcome <> 'DONE'",
    .param_count = KEYS,
};

enum status index_drop_reports(struct pg *pg, const struct index_key *keys, size_t count,
                               struct error *error) {
    struct pg_columns columns;
    pg_columns_init(&columns, key_types, KEYS);
    for (size_t i = 0; i < count; i++)
        index_add_key(&columns, &keys[i]);
    enum status status = pg_columns_queue(&columns, pg, &drop_reports, error);
    pg_columns_fini(&columns);
    return status;
}

/* --- reports ---------------------------------------------------------------------------------- */

/* Reports may come twice and late: the later word counts. */
static const struct pg_statement note_reports = {
    .name = "dlq_note_reports",
    .sql =
        "INSERT INTO dlq.reports AS r (stream, consumer, stream_sequence, outcome, attempt, report,"
        "   reported_at)"
        " SELECT stream, consumer, stream_sequence, outcome, attempt, report::jsonb,"
        "   least(now(), timestamptz 'epoch' + reported_us * interval '1 microsecond')"
        " FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[], $6::text[],"
        "   $7::int8[]) u(stream, consumer, stream_sequence, outcome, attempt, report, reported_us)"
        " ORDER BY stream, consumer, stream_sequence"
        " ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET outcome = excluded.outcome,"
        "   attempt = excluded.attempt, report = excluded.report,"
        "   reported_at = excluded.reported_at"
        " WHERE excluded.reported_at >= r.reported_at",
    .param_count = 7,
};

enum { NOTE_OUTCOME = KEYS, NOTE_ATTEMPT, NOTE_REPORT, NOTE_TIME, NOTES };

/* Of the entries `closed`, for the jobs that replayed them. */
#define COUNT_RESOLVED_SQL                                                                         \
    " UPDATE dlq.jobs j SET resolved = j.resolved + c.entries, updated_at = now() FROM ("          \
    "  SELECT job_id, count(*) AS entries FROM closed GROUP BY job_id) c WHERE j.id = c.job_id"

/* A replay's DONE may come before the replay is noted as published; index_close_replays() finds
   it then. */
static const struct pg_statement close_replays_of = {
    .name = "dlq_close_replays_of",
    .sql = "WITH closed AS ("
           " UPDATE dlq.entries e SET status = 'resolved', updated_at = now()"
           " FROM unnest($1::text[], $2::text[], $3::int8[]) k(stream, consumer, stream_sequence)"
           " WHERE e.status = 'replayed' AND e.stream = k.stream AND e.consumer = k.consumer"
           "   AND e.replay_sequence = k.stream_sequence RETURNING e.job_id)" COUNT_RESOLVED_SQL,
    .param_count = KEYS,
};

enum status index_note_reports(struct pg *pg, const struct report *reports, size_t count,
                               struct error *error) {
    static const enum pg_array_type types[NOTES] = {
        PG_ARRAY_TEXT,  PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,
        PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_INT64,
    };
    struct pg_columns noted, done;
    pg_columns_init(&noted, types, NOTES);
    pg_columns_init(&done, key_types, KEYS);
    for (size_t i = 0; i < count; i++) {
        const struct report *report = &reports[i];
        const struct index_key key = {report->stream, report->consumer, report->sequence};
        struct slice outcome = slice_of(report_outcome_text(report->outcome));
        index_add_key(&noted, &key);
        pg_array_add_slice(&noted.arrays[NOTE_OUTCOME], outcome);
        pg_array_add_int64(&noted.arrays[NOTE_ATTEMPT], report->attempt);
        pg_array_add_slice(&noted.arrays[NOTE_REPORT], report->json);
        pg_array_add_int64(&noted.arrays[NOTE_TIME], report->time_us);
        if (report->outcome == REPORT_DONE)
            index_add_key(&done, &key);
    }
    enum status status = pg_columns_queue(&noted, pg, &note_reports, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&done, pg, &close_replays_of, error);
    pg_columns_fini(&noted);
    pg_columns_fini(&done);
    return status;
}

static const struct pg_statement close_replays = {
    .name = "dlq_close_replays",
    .sql = "WITH closed AS ("
           " UPDATE dlq.entries e SET status = 'resolved', updated_at = now() FROM dlq.reports r"
           " WHERE e.status = 'replayed' AND r.outcome = 'DONE' AND r.stream = e.stream"
           "   AND r.consumer = e.consumer AND r.stream_sequence = e.replay_sequence"
           " RETURNING e.job_id)" COUNT_RESOLVED_SQL,
};

enum status index_close_replays(struct pg *pg, struct error *error) {
    return pg_queue(pg, &close_replays, NULL, error);
}

/* By more than a transaction lasts. */
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

enum status index_set_times_right(struct pg *pg, struct error *error) {
    return pg_queue(pg, &set_times_right, NULL, error);
}

static const struct pg_statement forget_reports = {
    .name = "dlq_forget_reports",
    .sql = "DELETE FROM dlq.reports WHERE reported_at < now() - interval '8 days'",
};

enum status index_forget_reports(struct pg *pg, struct error *error) {
    return pg_queue(pg, &forget_reports, NULL, error);
}

/* --- the sweep -------------------------------------------------------------------------------- */

static const struct pg_statement find_reporters = {
    .name = "dlq_find_reporters",
    .sql = "SELECT DISTINCT stream, consumer FROM dlq.reports"
           " WHERE reported_at < timestamptz 'epoch' + $1::int8 * interval '1 microsecond'"
           "   AND outcome <> 'DONE' LIMIT 256",
    .param_count = 1,
};

enum status index_find_reporters(struct pg *pg, struct index_reporters *reporters,
                                 struct arena *arena, struct error *error) {
    const struct pg_param param = pg_int64(reporters->before_us);
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &find_reporters, &param, &rows, error);
    if (status != STATUS_OK)
        return status;
    reporters->count = (size_t)pg_rows(rows);
    reporters->items = arena_alloc(arena, (reporters->count + 1) * sizeof(*reporters->items));
    for (int row = 0; row < pg_rows(rows); row++) {
        reporters->items[row].stream = arena_slice(arena, pg_get_slice(rows, row, KEY_STREAM));
        reporters->items[row].consumer = arena_slice(arena, pg_get_slice(rows, row, KEY_CONSUMER));
    }
    pg_result_free(&rows);
    return STATUS_OK;
}

static const struct pg_statement find_final = {
    .name = "dlq_find_final",
    .sql = "SELECT r.report::text FROM dlq.reports r"
           " JOIN unnest($1::text[], $2::text[], $3::int8[]) c(stream, consumer, max_deliver)"
           "   ON c.stream = r.stream AND c.consumer = r.consumer"
           " WHERE r.reported_at < timestamptz 'epoch' + $4::int8 * interval '1 microsecond'"
           "   AND (r.outcome = 'REJECT'"
           "     OR (r.outcome = 'RETRY' AND c.max_deliver > 0 AND r.attempt >= c.max_deliver))"
           " ORDER BY r.reported_at LIMIT $5::int8",
    .param_count = KEYS + 2,
};

enum status index_find_final(struct pg *pg, const struct index_reporters *reporters,
                             struct arena *arena, struct slice *reports, size_t *count,
                             struct error *error) {
    struct pg_columns columns;
    struct pg_result *rows = NULL;
    struct pg_array *column = columns.arrays;
    pg_columns_init(&columns, key_types, KEYS);
    for (size_t i = 0; i < reporters->count; i++) {
        pg_array_add_slice(&column[KEY_STREAM], reporters->items[i].stream);
        pg_array_add_slice(&column[KEY_CONSUMER], reporters->items[i].consumer);
        pg_array_add_int64(&column[KEY_SEQUENCE], reporters->items[i].max_deliver);
    }
    const struct pg_param params[] = {pg_array(&column[KEY_STREAM]),
                                      pg_array(&column[KEY_CONSUMER]),
                                      pg_array(&column[KEY_SEQUENCE]),
                                      pg_int64(reporters->before_us), pg_int64(INDEX_BATCH_MOST)};
    enum status status = pg_query(pg, &find_final, params, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++)
        reports[row] = arena_slice(arena, pg_get_slice(rows, row, 0));
    if (status == STATUS_OK)
        *count = (size_t)pg_rows(rows);
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

/* --- figures ---------------------------------------------------------------------------------- */

static const struct pg_statement measure = {
    .name = "dlq_measure",
    .sql = "SELECT count(e.id), min(e.failed_at)"
           " FROM unnest($1::text[]) WITH ORDINALITY s(stream, nth)"
           " LEFT JOIN dlq.entries e ON e.stream = s.stream AND e.status = 'dead'"
           " GROUP BY s.nth ORDER BY s.nth",
    .param_count = 1,
};

enum status index_measure(struct pg *pg, struct index_depth *depths, size_t count,
                          struct error *error) {
    enum { MEASURED_DEAD, MEASURED_OLDEST };
    struct pg_columns columns;
    struct pg_result *rows = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT}, 1);
    for (size_t i = 0; i < count; i++)
        pg_array_add_slice(&columns.arrays[0], depths[i].stream);
    enum status status = pg_columns_query(&columns, pg, &measure, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++) {
        bool is_none = pg_is_null(rows, row, MEASURED_OLDEST);
        depths[row].dead = pg_get_int64(rows, row, MEASURED_DEAD);
        depths[row].oldest_at_us = is_none ? 0 : pg_get_time_us(rows, row, MEASURED_OLDEST);
    }
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

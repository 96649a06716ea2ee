#include "services/dlq/collect/examiner_index.h"

#include "shared/contract/event.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* Runs a statement whose parameter is the items as an array of objects, which `put` fills. */
static enum status query(struct pg *pg, const struct pg_statement *statement,
                         void (*put)(struct json_writer *w, const struct item *item),
                         struct item *const *items, size_t count, struct pg_result **rows,
                         struct error *error) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&w);
        json_put_int(&w, "nth", (int64_t)i);
        put(&w, items[i]);
        json_end_object(&w);
    }
    json_end_array(&w);
    const struct pg_param param = pg_text(buf_slice(&text));
    enum status status = pg_query(pg, statement, &param, rows, error);
    buf_fini(&text);
    return status;
}

/* --- what is known ---------------------------------------------------------------------------- */

static void put_key(struct json_writer *w, const struct item *item) {
    json_put_string(w, "stream", item->notice.stream);
    json_put_string(w, "consumer", item->notice.consumer);
    json_put_int(w, "stream_sequence", (int64_t)item->notice.sequence);
    json_put_int(w, "created_us", item->facts->created_us);
}

enum status examiner_index_find_known(struct pg *pg, struct item *const *items, size_t count,
                                      struct arena *arena, struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_find_known",
        .sql = "SELECT k.nth, coalesce(greatest(f.failed_at, c.noted_at) >="
               "   timestamptz 'epoch' + k.created_us * interval '1 microsecond', false),"
               "   coalesce(r.report::text, '')"
               " FROM jsonb_to_recordset($1::jsonb) k(nth int, stream text, consumer text,"
               "   stream_sequence int8, created_us int8)"
               " LEFT JOIN dlq.failures f USING (stream, consumer, stream_sequence)"
               " LEFT JOIN dlq.chances c USING (stream, consumer, stream_sequence)"
               " LEFT JOIN dlq.reports r USING (stream, consumer, stream_sequence)",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    enum status status = query(pg, &find, put_key, items, count, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++) {
        struct item *item = items[pg_get_int64(rows, row, 0)];
        item->is_settled = pg_get_bool(rows, row, 1);
        status = item_join_report(item, pg_get_slice(rows, row, 2), arena, error);
    }
    pg_result_free(&rows);
    return status;
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void put_id(struct json_writer *w, const struct item *item) {
    json_put_string(w, "id", item->id);
}

enum status examiner_index_decide(struct pg *pg, struct item *const *items, size_t count,
                                  struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_find_entries",
        .sql = "SELECT k.nth, e.stream_sequence, e.dlq_sequence, e.generation, e.failed_at,"
               "   e.status = 'dead'"
               " FROM jsonb_to_recordset($1::jsonb) k(nth int, id text)"
               " LEFT JOIN dlq.entries e USING (id)",
        .param_count = 1,
    };
    struct pg_result *rows = NULL;
    enum status status = query(pg, &find, put_id, items, count, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++) {
        struct item *item = items[pg_get_int64(rows, row, 0)];
        const struct entry_row found = {
            .sequence = (uint64_t)pg_get_int64(rows, row, 1),
            .dlq_sequence = (uint64_t)pg_get_int64(rows, row, 2),
            .generation = pg_get_int64(rows, row, 3),
            .failed_at_us = pg_get_time_us(rows, row, 4),
            .is_dead = pg_get_bool(rows, row, 5),
        };
        item_judge(item, pg_is_null(rows, row, 1) ? NULL : &found);
    }
    pg_result_free(&rows);
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* An entry that a job has replayed, and that is dead again, counts for that job. A failure or a
   chance that is there already is the same one, or of a stream that is gone. */
static const struct pg_statement write = {
    .name = "dlq_write",
    .sql =
        "WITH u AS MATERIALIZED ("
        " SELECT *, least(now(), timestamptz 'epoch' + failed_us * interval '1 microsecond') AS at"
        " FROM jsonb_to_recordset($1::jsonb) x(stream text, consumer text, stream_sequence int8,"
        "  created_us int8, is_settled bool, is_put_off bool, is_new_entry bool, id text,"
        "  event_id text, order_id text, type text, subject text, failed_sequence int8,"
        "  dlq_sequence int8, generation int, reason text, error_code text, error text,"
        "  deliveries int, service text, failed_us int8)),"
        " dropped AS ("
        "  DELETE FROM dlq.reports r USING u WHERE r.outcome <> 'DONE' AND u.is_settled"
        "   AND (r.stream, r.consumer, r.stream_sequence) ="
        "    (u.stream, u.consumer, u.stream_sequence)),"
        " superseded AS (" /* a chance that has another */
        "  UPDATE dlq.chances c SET state = 'expired', ended_at = now() FROM u"
        "  WHERE u.is_put_off AND c.state = 'given' AND (c.stream, c.consumer, c.chance_sequence) ="
        "    (u.stream, u.consumer, u.stream_sequence)),"
        " put_off AS ("
        "  INSERT INTO dlq.chances AS c (stream, consumer, stream_sequence, entry_id)"
        "  SELECT stream, consumer, stream_sequence, id FROM u WHERE is_put_off ORDER BY 1, 2, 3"
        "  ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET state = 'waiting',"
        "   entry_id = excluded.entry_id, chance_sequence = NULL, noted_at = now(),"
        "   given_at = NULL, ended_at = NULL"
        "  WHERE c.noted_at < (SELECT timestamptz 'epoch' + u.created_us"
        "    * interval '1 microsecond' FROM u WHERE is_put_off AND"
        "    (c.stream, c.consumer, c.stream_sequence) ="
        "     (u.stream, u.consumer, u.stream_sequence))),"
        " failing AS ("
        "  SELECT e.id, e.job_id FROM dlq.entries e JOIN u USING (id)"
        "  WHERE u.is_new_entry AND e.status IN ('replaying', 'replayed') AND e.job_id IS NOT "
        "NULL),"
        " noted AS ("
        "  INSERT INTO dlq.failures (stream, consumer, stream_sequence, entry_id, generation,"
        "   dlq_sequence, reason, error_code, error, deliveries, failed_at)"
        "  SELECT stream, consumer, failed_sequence, id, generation, dlq_sequence, reason,"
        "   error_code, error, deliveries, at FROM u WHERE failed_sequence IS NOT NULL"
        "   ORDER BY 1, 2, 3"
        "  ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET"
        "   entry_id = excluded.entry_id, generation = excluded.generation,"
        "   dlq_sequence = excluded.dlq_sequence, reason = excluded.reason,"
        "   error_code = excluded.error_code, error = excluded.error,"
        "   deliveries = excluded.deliveries, failed_at = excluded.failed_at),"
        " written AS ("
        "  INSERT INTO dlq.entries AS e (id, stream, consumer, event_id, order_id, type, subject,"
        "   stream_sequence, dlq_sequence, generation, status, reason, error_code, error,"
        "   deliveries, service, first_failed_at, failed_at)"
        "  SELECT id, stream, consumer, event_id, order_id, type, subject, failed_sequence,"
        "   dlq_sequence, generation, 'dead', reason, error_code, error, deliveries, service, at,"
        "   at FROM u WHERE is_new_entry ORDER BY id"
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
    .param_count = 1,
};

static void put_optional(struct json_writer *w, const char *key, struct slice text) {
    if (text.len > 0)
        json_put_string(w, key, text);
}

static void put_failure(struct json_writer *w, const struct item *item) {
    const struct entry *failure = item->failure;
    enum event_type type;
    json_put_int(w, "dlq_sequence", (int64_t)item->failure_sequence);
    json_put_bool(w, "is_new_entry", item->is_new_entry);
    json_put_string(w, "event_id", failure->event_id);
    put_optional(w, "order_id", item_order_id(item));
    if (event_type_of_subject(failure->subject, &type))
        json_put_text(w, "type", event_info(type)->type);
    json_put_string(w, "subject", failure->subject);
    json_put_int(w, "failed_sequence", (int64_t)failure->sequence);
    json_put_int(w, "generation", failure->generation);
    json_put_string(w, "reason", failure->reason);
    put_optional(w, "error_code", failure->error_code);
    json_put_string(w, "error", failure->error);
    json_put_int(w, "deliveries", failure->deliveries);
    put_optional(w, "service", failure->service);
    json_put_int(w, "failed_us", failure->failed_at_us);
}

static void put_item(struct json_writer *w, const struct item *item) {
    put_key(w, item);
    put_id(w, item);
    json_put_bool(w, "is_settled", item->is_settled);
    json_put_bool(w, "is_put_off", item->is_put_off);
    if (item->failure != NULL)
        put_failure(w, item);
}

enum status examiner_index_write(struct pg *pg, struct item *const *items, size_t count,
                                 struct error *error) {
    return query(pg, &write, put_item, items, count, NULL, error);
}

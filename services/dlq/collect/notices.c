#include "services/dlq/collect/notices.h"

#include "services/dlq/collect/examiner.h"
#include "services/dlq/index/notice.h"
#include "shared/pg/pg_param.h"

/* --- reports ---------------------------------------------------------------------------------- */

/* Of several about one message the last one counts, and of those that come late the later word. One
   that says DONE of a replay closes it; it may come before the replay is noted as published: then
   the sweep closes it. */
static const struct pg_statement note = {
    .name = "dlq_note_reports",
    .sql = "WITH u AS MATERIALIZED ("
           "  SELECT DISTINCT ON (1, 2, 3) r->>'stream' AS stream, r->>'consumer' AS consumer,"
           "   (r->>'streamSequence')::int8 AS stream_sequence, r->>'outcome' AS outcome,"
           "   (r->>'attempt')::int AS attempt, r,"
           "   least(now(), timestamptz 'epoch' + us * interval '1 microsecond') AS at"
           "  FROM jsonb_to_recordset($1::jsonb) x(r jsonb, us int8, n int8)"
           "  ORDER BY 1, 2, 3, n DESC),"
           " noted AS ("
           "  INSERT INTO dlq.reports AS r (stream, consumer, stream_sequence, outcome, attempt,"
           "   report, reported_at)"
           "  SELECT stream, consumer, stream_sequence, outcome, attempt, r, at FROM u"
           "  ORDER BY 1, 2, 3"
           "  ON CONFLICT (stream, consumer, stream_sequence) DO UPDATE SET"
           "   outcome = excluded.outcome, attempt = excluded.attempt, report = excluded.report,"
           "   reported_at = excluded.reported_at"
           "  WHERE excluded.reported_at >= r.reported_at),"
           " closed AS ("
           "  UPDATE dlq.entries e SET status = 'resolved', updated_at = now() FROM u"
           "  WHERE u.outcome = 'DONE' AND e.status = 'replayed' AND e.stream = u.stream"
           "   AND e.consumer = u.consumer AND e.replay_sequence = u.stream_sequence"
           "  RETURNING e.job_id)" REPORTS_COUNT_RESOLVED_SQL,
    .param_count = 1,
};

enum status reports_take(struct batch *batch, struct error *error) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    json_begin_array(&w);
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        struct report report;
        struct error why = {0};
        if (report_is_mark(delivery->subject)) /* looked for when it matters */
            continue;
        if (report_parse(delivery->subject, delivery->payload, batch->arena, &report, &why) !=
            STATUS_OK) {
            examiner_refuse("malformed_report", &why);
            continue;
        }
        json_begin_object(&w);
        json_put_raw(&w, "r", report.json);
        json_put_int(&w, "us", report.time_us);
        json_put_int(&w, "n", (int64_t)i);
        json_end_object(&w);
    }
    json_end_array(&w);
    const struct pg_param param = pg_text(buf_slice(&text));
    enum status status = pg_query(batch->pg, &note, &param, NULL, error);
    buf_fini(&text);
    return status;
}

/* --- advisories ------------------------------------------------------------------------------- */

/* The broker terminates a delivery whose message was replaced meanwhile, as reports are. */
static bool is_of_a_replaced_report(const struct notice *notice) {
    return notice->kind == NOTICE_TERMINATED && slice_is(notice->stream, "FAILURES");
}

enum status advisories_take(struct batch *batch, struct error *error) {
    const struct examiner examiner = {batch->nats, batch->pg, batch->arena};
    struct notice notices[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        struct error why = {0};
        if (notice_parse_advisory(delivery->subject, delivery->payload, batch->arena,
                                  &notices[count], &why) != STATUS_OK)
            examiner_refuse("malformed", &why);
        else if (!is_of_a_replaced_report(&notices[count]))
            count++;
    }
    return examiner_take(&examiner, notices, count, error);
}

#include "services/dlq/collect/second_chances.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/replay/replay.h"
#include "services/dlq/replay/turns.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

METRIC_COUNTER(
    chances_total, "ordermesh_dlq_chances_total", "result",
    "Messages that left no word and are sent once more: given, passed, failed, expired.");
METRIC_STARTS(chances_total, "given", "passed", "failed", "expired");

enum {
    BUSY_POLL_MS = 10,
    BUSY_MS = 2000, /* what is healthy is done by then */
    IDLE_POLL_MS = 200,
    OVERDUE_POLL_MS = 1000,
    MARGIN_MS = 60000, /* for the way of a report or an advisory here */
};

struct giver {
    struct turns *turns;
    int64_t overdue_due_us;
    int64_t busy_until_us; /* an answer is soon to come */
};

static void count(const char *result, int64_t number) {
    if (number > 0)
        metric_add(&chances_total, metric_slot(&chances_total, result), number);
}

/* --- giving ---------------------------------------------------------------------------------- */

#define OF_KEY_SQL " WHERE stream = $1::text AND consumer = $2::text AND stream_sequence = $3::int8"

/* Runs a statement about a chance, whose fourth parameter is the message that it was sent as. */
static enum status change(struct giver *giver, const struct pg_statement *statement,
                          const struct replay *chance, struct error *error) {
    const struct pg_param params[] = {pg_text(chance->stream), pg_text(chance->consumer),
                                      pg_int64((int64_t)chance->sequence),
                                      pg_int64((int64_t)chance->published_sequence)};
    return pg_query(giver->turns->pg, statement, params, NULL, error);
}

/* A chance that expired no longer holds up the next; should it fail later, it is a dead letter all
   the same. */
static enum status expire(struct giver *giver, const struct replay *chance, const char *why,
                          struct error *error) {
    static const struct pg_statement statement = {
        .name = "dlq_chance_expire",
        .sql = "UPDATE dlq.chances SET state = 'expired', ended_at = now()" OF_KEY_SQL
               " AND state IN ('waiting', 'given')",
        .param_count = 3,
    };
    count("expired", 1);
    log_warn("nobody says what became of a second chance", LOG_SLICE("stream", chance->stream),
             LOG_SLICE("consumer", chance->consumer),
             LOG_INT("streamSequence", (int64_t)chance->sequence), LOG_TEXT("why", why));
    return change(giver, &statement, chance, error);
}

/* A message that the stream no longer holds, or that the broker refuses, has no chance. The replay
   of an entry goes by the new message from here on. */
static enum status note_given(struct giver *giver, const struct replay *chance,
                              struct error *error) {
    static const struct pg_statement give = {
        .name = "dlq_chance_give",
        .sql = "WITH given AS ("
               "  UPDATE dlq.chances SET state = 'given', chance_sequence = $4::int8,"
               "    given_at = now()" OF_KEY_SQL " AND state = 'waiting' RETURNING entry_id)"
               " UPDATE dlq.entries e SET replay_sequence = $4::int8, updated_at = now()"
               " FROM given WHERE e.id = given.entry_id AND e.status = 'replayed'"
               "   AND e.replay_sequence = $3::int8",
        .param_count = 4,
    };
    if (chance->end == REPLAY_UNKNOWN)
        return STATUS_OK;
    if (chance->end == REPLAY_REFUSED)
        return expire(giver, chance, chance->detail, error);
    count("given", 1);
    log_info("sent once more: it left no word", LOG_SLICE("entry", chance->id),
             LOG_INT("streamSequence", (int64_t)chance->sequence),
             LOG_INT("chanceSequence", (int64_t)chance->published_sequence));
    return change(giver, &give, chance, error);
}

/* Of each service that has none out, the first. Published first, then written down: who is killed
   in between publishes it again under its id. */
static enum status give_next(struct giver *giver, size_t *given, struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_chance_next",
        .sql = "SELECT DISTINCT ON (w.service)"
               "   w.entry_id, w.stream, w.consumer, '', w.stream, w.stream_sequence,"
               "   0::int8, NULL::text, NULL::text"
               " FROM dlq.chances w WHERE w.state = 'waiting' AND NOT EXISTS ("
               "   SELECT FROM dlq.chances g WHERE g.state = 'given' AND g.service = w.service)"
               " ORDER BY w.service, w.noted_at, w.stream, w.stream_sequence LIMIT 64",
    };
    struct replays next = {0};
    enum status status =
        store_query_replays(giver->turns->pg, &find, NULL, giver->turns->arena, &next, error);
    if (status != STATUS_OK || next.count == 0)
        return status;
    for (size_t i = 0; i < next.count; i++)
        next.items[i].is_chance = true;
    status = replay_publish(giver->turns->requests, &next, error);
    failpoint("dlq.after_chance");
    for (size_t i = 0; i < next.count && status == STATUS_OK; i++)
        status = note_given(giver, &next.items[i], error);
    *given = next.count;
    return status;
}

/* --- waiting for the end ---------------------------------------------------------------------- */

/* Ends those that a report or a dead letter speaks of. What was sent first may be done after all,
   in slow hands, and its report takes the place of the other. A report of a stream that is gone may
   bear the same number; clocks may differ by a little. */
static enum status end_answered(struct giver *giver, struct error *error) {
    static const struct pg_statement end = {
        .name = "dlq_chance_end",
        .sql = "WITH ended AS ("
               "  UPDATE dlq.chances c SET ended_at = now(),"
               "    state = CASE WHEN w.is_done THEN 'passed' ELSE 'failed' END"
               "  FROM (SELECT g.stream, g.consumer, g.stream_sequence,"
               "      coalesce(r.outcome = 'DONE', false) AS is_done"
               "    FROM dlq.chances g"
               "    LEFT JOIN dlq.reports r ON r.stream = g.stream AND r.consumer = g.consumer"
               "      AND (r.stream_sequence = g.chance_sequence"
               "        OR r.stream_sequence = g.stream_sequence AND r.outcome = 'DONE')"
               "      AND r.reported_at > g.noted_at - interval '1 minute'"
               "    LEFT JOIN dlq.failures f ON f.stream = g.stream AND f.consumer = g.consumer"
               "      AND f.stream_sequence = g.chance_sequence"
               "    WHERE g.state = 'given'"
               "      AND (r.outcome IN ('DONE', 'REJECT') OR f.entry_id IS NOT NULL)) w"
               "  WHERE c.stream = w.stream AND c.consumer = w.consumer"
               "    AND c.stream_sequence = w.stream_sequence AND c.state = 'given'"
               "  RETURNING c.state)"
               " SELECT count(*) FILTER (WHERE state = 'passed'),"
               "   count(*) FILTER (WHERE state = 'failed') FROM ended",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(giver->turns->pg, &end, NULL, &rows, error);
    if (status == STATUS_OK) {
        count("passed", pg_get_int64(rows, 0, 0));
        count("failed", pg_get_int64(rows, 0, 1));
    }
    pg_result_free(&rows);
    return status;
}

/* The time of one that the consumer has not been sent yet, because it is down or far behind, or
   that it still has in hand, because it is slow or held, has not begun. */
static enum status judge(struct giver *giver, const struct replay *given, int64_t age_us,
                         struct error *error) {
    static const struct pg_statement renew = {
        .name = "dlq_chance_renew",
        .sql = "UPDATE dlq.chances SET given_at = now()" OF_KEY_SQL " AND state = 'given'",
        .param_count = 3,
    };
    struct consumer_facts facts = {.stream = given->stream, .consumer = given->consumer};
    enum status status =
        consumer_facts_read(giver->turns->requests, giver->turns->arena, &facts, 1, error);
    if (status != STATUS_OK)
        return status;
    if (facts.exists && facts.settled < given->published_sequence)
        return change(giver, &renew, given, error);
    if (facts.exists && age_us < MARGIN_MS * 1000)
        return STATUS_OK;
    return expire(giver, given, facts.exists ? "no report" : "no consumer", error);
}

static enum status expire_overdue(struct giver *giver, size_t *out, struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_chance_given",
        .sql = "SELECT stream, consumer, stream_sequence, chance_sequence,"
               "   (extract(epoch FROM now() - given_at) * 1000000)::int8"
               " FROM dlq.chances WHERE state = 'given' LIMIT 64",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(giver->turns->pg, &find, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    *out = (size_t)pg_rows(rows);
    bool is_due = *out > 0 && clock_monotonic_us() >= giver->overdue_due_us;
    for (int row = 0; is_due && row < pg_rows(rows) && status == STATUS_OK; row++) {
        const struct replay given = {.stream = pg_get_slice(rows, row, 0),
                                     .consumer = pg_get_slice(rows, row, 1),
                                     .sequence = (uint64_t)pg_get_int64(rows, row, 2),
                                     .published_sequence = (uint64_t)pg_get_int64(rows, row, 3)};
        status = judge(giver, &given, pg_get_int64(rows, row, 4), error);
    }
    if (is_due)
        giver->overdue_due_us = clock_monotonic_us() + OVERDUE_POLL_MS * 1000;
    pg_result_free(&rows);
    return status;
}

static enum status turn(struct turns *turns, void *context, int64_t *nap_ms, struct error *error) {
    struct giver *giver = context;
    size_t given = 0, out = 0;
    giver->turns = turns;
    enum status status = end_answered(giver, error);
    if (status == STATUS_OK)
        status = give_next(giver, &given, error);
    if (status == STATUS_OK)
        status = expire_overdue(giver, &out, error);
    int64_t now_us = clock_monotonic_us();
    if (given > 0)
        giver->busy_until_us = now_us + BUSY_MS * 1000;
    *nap_ms = out > 0 && now_us < giver->busy_until_us ? BUSY_POLL_MS : IDLE_POLL_MS;
    return status;
}

void chances_run(struct worker *worker) {
    static const struct turns_spec spec = {
        .name = "om.dlq.chances",
        .trouble = "second chances wait for a dependency",
        .turn = turn,
    };
    struct giver giver = {0};
    turns_run(worker, &spec, &giver);
}

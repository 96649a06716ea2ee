#include "services/dlq/index/store_chance.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- waiting --------------------------------------------------------------------------------- */

enum status store_chance_note(struct pg *pg, const struct chance *chances, size_t count,
                              struct error *error) {
    static const struct pg_statement note = {
        .name = "dlq_chance_note",
        .sql = "INSERT INTO dlq.chances AS c (stream, consumer, stream_sequence, entry_id)"
               " SELECT u.stream, u.consumer, u.stream_sequence, u.entry_id"
               " FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[])"
               "   u(stream, consumer, stream_sequence, entry_id, created_us)"
               " ORDER BY 1, 2, 3"
               " ON CONFLICT (stream, consumer, stream_sequence) DO NOTHING",
        .param_count = 5,
    };
    static const struct pg_statement forget = {
        .name = "dlq_chance_forget",
        .sql = "DELETE FROM dlq.chances c USING unnest($1::text[], $2::text[], $3::int8[],"
               "   $4::text[], $5::int8[]) u(stream, consumer, stream_sequence, entry_id,"
               "   created_us)"
               " WHERE (c.stream, c.consumer, c.stream_sequence) ="
               "   (u.stream, u.consumer, u.stream_sequence)"
               "   AND c.noted_at < timestamptz 'epoch' + created_us * interval '1 microsecond'",
        .param_count = 5,
    };
    enum { NOTE_ENTRY = KEYS, NOTE_CREATED, NOTES };
    static const enum pg_array_type types[NOTES] = {PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64,
                                                    PG_ARRAY_TEXT, PG_ARRAY_INT64};
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, NOTES);
    for (size_t i = 0; i < count; i++) {
        index_add_key(&columns, &chances[i].key);
        pg_array_add_slice(&columns.arrays[NOTE_ENTRY], chances[i].entry_id);
        pg_array_add_int64(&columns.arrays[NOTE_CREATED], chances[i].created_us);
    }
    enum status status = pg_columns_queue(&columns, pg, &forget, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&columns, pg, &note, error);
    pg_columns_fini(&columns);
    return status;
}

enum status store_chance_next(struct pg *pg, struct arena *arena, struct replays *next,
                              struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_chance_next",
        .sql = "SELECT DISTINCT ON (w.service)"
               "   w.entry_id, w.stream, w.consumer, '', w.stream_sequence, 0::int8"
               " FROM dlq.chances w WHERE w.state = 'waiting' AND NOT EXISTS ("
               "   SELECT FROM dlq.chances g WHERE g.state = 'given' AND g.service = w.service)"
               " ORDER BY w.service, w.noted_at, w.stream, w.stream_sequence LIMIT 64",
    };
    enum status status = store_query_replays(pg, &find, NULL, arena, next, error);
    for (size_t i = 0; status == STATUS_OK && i < next->count; i++)
        next->items[i].is_chance = true;
    return status;
}

/* --- given ----------------------------------------------------------------------------------- */

enum status store_chance_give(struct pg *pg, const struct replay *chance, uint64_t sequence,
                              struct error *error) {
    static const struct pg_statement give = {
        .name = "dlq_chance_give",
        .sql = "WITH given AS ("
               "  UPDATE dlq.chances SET state = 'given', chance_sequence = $4::int8,"
               "    given_at = now()"
               "  WHERE stream = $1::text AND consumer = $2::text AND stream_sequence = $3::int8"
               "    AND state = 'waiting' RETURNING entry_id)"
               " UPDATE dlq.entries e SET replay_sequence = $4::int8, updated_at = now()"
               " FROM given WHERE e.id = given.entry_id AND e.status = 'replayed'"
               "   AND e.replay_sequence = $3::int8",
        .param_count = 4,
    };
    const struct pg_param params[] = {pg_text(chance->stream), pg_text(chance->consumer),
                                      pg_int64((int64_t)chance->sequence),
                                      pg_int64((int64_t)sequence)};
    return pg_query(pg, &give, params, NULL, error);
}

/* A report of a stream that is gone may bear the same number; clocks may differ by a little. */
enum status store_chance_end(struct pg *pg, struct chance_ends *ends, struct error *error) {
    static const struct pg_statement end = {
        .name = "dlq_chance_end",
        .sql = "WITH ended AS ("
               "  UPDATE dlq.chances c SET ended_at = now(),"
               "    state = CASE WHEN w.is_done THEN 'passed' ELSE 'failed' END"
               "  FROM (SELECT g.stream, g.consumer, g.stream_sequence,"
               "      coalesce(r.outcome = 'DONE', false) AS is_done"
               "    FROM dlq.chances g"
               "    LEFT JOIN dlq.reports r ON r.stream = g.stream AND r.consumer = g.consumer"
               "      AND r.stream_sequence = g.chance_sequence"
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
        .param_count = 0,
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &end, NULL, &rows, error);
    if (status == STATUS_OK)
        *ends = (struct chance_ends){pg_get_int64(rows, 0, 0), pg_get_int64(rows, 0, 1)};
    pg_result_free(&rows);
    return status;
}

enum status store_chance_given(struct pg *pg, struct arena *arena, struct given_chances *given,
                               struct error *error) {
    enum { GIVEN_SENT = KEYS, GIVEN_AGE };
    static const struct pg_statement find = {
        .name = "dlq_chance_given",
        .sql = "SELECT stream, consumer, stream_sequence, chance_sequence,"
               "   (extract(epoch FROM now() - given_at) * 1000000)::int8"
               " FROM dlq.chances WHERE state = 'given' LIMIT 64",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &find, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    given->count = (size_t)pg_rows(rows);
    given->items = arena_alloc(arena, (given->count + 1) * sizeof(*given->items));
    for (int row = 0; row < pg_rows(rows); row++)
        given->items[row] = (struct given_chance){
            .key = {arena_slice(arena, pg_get_slice(rows, row, KEY_STREAM)),
                    arena_slice(arena, pg_get_slice(rows, row, KEY_CONSUMER)),
                    (uint64_t)pg_get_int64(rows, row, KEY_SEQUENCE)},
            .sequence = (uint64_t)pg_get_int64(rows, row, GIVEN_SENT),
            .age_us = pg_get_int64(rows, row, GIVEN_AGE),
        };
    pg_result_free(&rows);
    return STATUS_OK;
}

static enum status run_on(struct pg *pg, const struct pg_statement *statement,
                          const struct index_key *key, struct error *error) {
    const struct pg_param params[] = {pg_text(key->stream), pg_text(key->consumer),
                                      pg_int64((int64_t)key->sequence)};
    return pg_query(pg, statement, params, NULL, error);
}

#define OF_KEY_SQL " WHERE stream = $1::text AND consumer = $2::text AND stream_sequence = $3::int8"

enum status store_chance_renew(struct pg *pg, const struct index_key *key, struct error *error) {
    static const struct pg_statement renew = {
        .name = "dlq_chance_renew",
        .sql = "UPDATE dlq.chances SET given_at = now()" OF_KEY_SQL " AND state = 'given'",
        .param_count = KEYS,
    };
    return run_on(pg, &renew, key, error);
}

enum status store_chance_expire(struct pg *pg, const struct index_key *key, struct error *error) {
    static const struct pg_statement expire = {
        .name = "dlq_chance_expire",
        .sql = "UPDATE dlq.chances SET state = 'expired', ended_at = now()" OF_KEY_SQL
               " AND state IN ('waiting', 'given')",
        .param_count = KEYS,
    };
    return run_on(pg, &expire, key, error);
}

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
    static const enum pg_array_type types[] = {PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64,
                                               PG_ARRAY_TEXT, PG_ARRAY_INT64};
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, 5);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_slice(&columns.arrays[0], chances[i].key.stream);
        pg_array_add_slice(&columns.arrays[1], chances[i].key.consumer);
        pg_array_add_int64(&columns.arrays[2], (int64_t)chances[i].key.sequence);
        pg_array_add_slice(&columns.arrays[3], chances[i].entry_id);
        pg_array_add_int64(&columns.arrays[4], chances[i].created_us);
    }
    enum status status = pg_columns_queue(&columns, pg, &forget, error);
    if (status == STATUS_OK)
        status = pg_columns_queue(&columns, pg, &note, error);
    pg_columns_fini(&columns);
    return status;
}

static struct index_key read_key(const struct pg_result *rows, int row, struct arena *arena) {
    return (struct index_key){
        .stream = arena_slice(arena, pg_get_slice(rows, row, 0)),
        .consumer = arena_slice(arena, pg_get_slice(rows, row, 1)),
        .sequence = (uint64_t)pg_get_int64(rows, row, 2),
    };
}

enum status store_chance_next(struct pg *pg, struct arena *arena, struct chance *chances,
                              size_t most, size_t *count, struct error *error) {
    static const struct pg_statement next = {
        .name = "dlq_chance_next",
        .sql = "SELECT DISTINCT ON (w.service)"
               "   w.stream, w.consumer, w.stream_sequence, w.entry_id"
               " FROM dlq.chances w WHERE w.state = 'waiting' AND NOT EXISTS ("
               "   SELECT FROM dlq.chances g WHERE g.state = 'given' AND g.service = w.service)"
               " ORDER BY w.service, w.noted_at, w.stream, w.stream_sequence LIMIT $1::int8",
        .param_count = 1,
    };
    const struct pg_param param = pg_int64((int64_t)most);
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &next, &param, &rows, error);
    if (status != STATUS_OK)
        return status;
    *count = (size_t)pg_rows(rows);
    for (int row = 0; row < pg_rows(rows); row++)
        chances[row] = (struct chance){
            .key = read_key(rows, row, arena),
            .entry_id = arena_slice(arena, pg_get_slice(rows, row, 3)),
        };
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- given ----------------------------------------------------------------------------------- */

static enum status run(struct pg *pg, const struct pg_statement *statement,
                       const struct pg_param *params, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, statement, params, &rows, error);
    pg_result_free(&rows);
    return status;
}

enum status store_chance_give(struct pg *pg, const struct index_key *key, uint64_t sequence,
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
    const struct pg_param params[] = {pg_text(key->stream), pg_text(key->consumer),
                                      pg_int64((int64_t)key->sequence),
                                      pg_int64((int64_t)sequence)};
    return run(pg, &give, params, error);
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

enum status store_chance_given(struct pg *pg, struct arena *arena, struct given_chance *given,
                               size_t most, size_t *count, struct error *error) {
    static const struct pg_statement find = {
        .name = "dlq_chance_given",
        .sql = "SELECT stream, consumer, stream_sequence, chance_sequence,"
               "   (extract(epoch FROM now() - given_at) * 1000000)::int8"
               " FROM dlq.chances WHERE state = 'given' LIMIT $1::int8",
        .param_count = 1,
    };
    const struct pg_param param = pg_int64((int64_t)most);
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &find, &param, &rows, error);
    if (status != STATUS_OK)
        return status;
    *count = (size_t)pg_rows(rows);
    for (int row = 0; row < pg_rows(rows); row++)
        given[row] = (struct given_chance){
            .key = read_key(rows, row, arena),
            .sequence = (uint64_t)pg_get_int64(rows, row, 3),
            .age_us = pg_get_int64(rows, row, 4),
        };
    pg_result_free(&rows);
    return STATUS_OK;
}

enum status store_chance_renew(struct pg *pg, const struct index_key *key, struct error *error) {
    static const struct pg_statement renew = {
        .name = "dlq_chance_renew",
        .sql = "UPDATE dlq.chances SET given_at = now() WHERE stream = $1::text"
               " AND consumer = $2::text AND stream_sequence = $3::int8 AND state = 'given'",
        .param_count = 3,
    };
    const struct pg_param params[] = {pg_text(key->stream), pg_text(key->consumer),
                                      pg_int64((int64_t)key->sequence)};
    return run(pg, &renew, params, error);
}

enum status store_chance_expire(struct pg *pg, const struct index_key *key, struct error *error) {
    static const struct pg_statement expire = {
        .name = "dlq_chance_expire",
        .sql = "UPDATE dlq.chances SET state = 'expired', ended_at = now()"
               " WHERE stream = $1::text AND consumer = $2::text AND stream_sequence = $3::int8"
               "   AND state IN ('waiting', 'given')",
        .param_count = 3,
    };
    const struct pg_param params[] = {pg_text(key->stream), pg_text(key->consumer),
                                      pg_int64((int64_t)key->sequence)};
    return run(pg, &expire, params, error);
}

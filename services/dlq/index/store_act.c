#include "services/dlq/index/store_act.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

enum {
    COLUMN_ID,
    COLUMN_STREAM,
    COLUMN_CONSUMER,
    COLUMN_SUBJECT,
    COLUMN_SEQUENCE,
    COLUMN_GENERATION
};

enum status store_query_replays(struct pg *pg, const struct pg_statement *statement,
                                const struct pg_param *params, struct arena *arena,
                                struct replays *replays, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, statement, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    size_t count = (size_t)pg_rows(rows);
    struct replay *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    for (int row = 0; row < (int)count; row++)
        items[row] = (struct replay){
            .id = arena_slice(arena, pg_get_slice(rows, row, COLUMN_ID)),
            .stream = arena_slice(arena, pg_get_slice(rows, row, COLUMN_STREAM)),
            .consumer = arena_slice(arena, pg_get_slice(rows, row, COLUMN_CONSUMER)),
            .subject = arena_slice(arena, pg_get_slice(rows, row, COLUMN_SUBJECT)),
            .sequence = (uint64_t)pg_get_int64(rows, row, COLUMN_SEQUENCE),
            .generation = pg_get_int64(rows, row, COLUMN_GENERATION),
        };
    *replays = (struct replays){items, count};
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- one entry -------------------------------------------------------------------------------- */

enum status store_take(struct pg *pg, struct slice id, struct slice actor, struct arena *arena,
                       struct replays *taken, struct error *error) {
    static const struct pg_statement take = {
        .name = "dlq_take",
        .sql = "WITH taken AS ("
               "  UPDATE dlq.entries e SET status = 'replaying', job_id = NULL, updated_at = now()"
               "  WHERE e.id = $1::text AND e.status = 'dead' RETURNING" REPLAY_COLUMNS "),"
               " noted AS ("
               "  INSERT INTO dlq.actions (actor, action, entry_id, generation)"
               "  SELECT $2::text, 'replay', id, generation FROM taken)"
               " SELECT * FROM taken",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_text(id), pg_text(actor)};
    return store_query_replays(pg, &take, params, arena, taken, error);
}

enum status store_unsettled(struct pg *pg, int64_t age_ms, int64_t limit, struct arena *arena,
                            struct replays *found, struct error *error) {
    static const struct pg_statement unsettled = {
        .name = "dlq_unsettled",
        .sql = "SELECT" REPLAY_COLUMNS " FROM dlq.entries e WHERE e.status = 'replaying'"
               " AND e.updated_at <= now() - $1::int8 * interval '1 millisecond'"
               " ORDER BY e.updated_at, e.id LIMIT $2::int8",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_int64(age_ms), pg_int64(limit)};
    return store_query_replays(pg, &unsettled, params, arena, found, error);
}

/* The entry may have gone on meanwhile: be resolved, or have failed again. Then that counts. */
static const struct pg_statement settle_published = {
    .name = "dlq_settle_published",
    .sql = "UPDATE dlq.entries e SET status = 'replayed', replay_sequence = d.sequence,"
           " updated_at = now()"
           " FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[])"
           "  AS d(id, generation, sequence, detail)"
           " WHERE e.id = d.id AND e.generation = d.generation AND e.status = 'replaying'",
    .param_count = 4,
};

/* A job counts all that it takes as replayed; an entry that was refused is taken off again. */
static const struct pg_statement settle_refused = {
    .name = "dlq_settle_refused",
    .sql = "WITH back AS ("
           "  UPDATE dlq.entries e SET status = 'dead', updated_at = now()"
           "  FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[])"
           "   AS d(id, generation, sequence, detail)"
           "  WHERE e.id = d.id AND e.generation = d.generation AND e.status = 'replaying'"
           "  RETURNING e.id, e.generation, d.detail),"
           " noted AS ("
           "  INSERT INTO dlq.actions (actor, action, entry_id, generation, detail)"
           "  SELECT 'dlq', 'replay_refused', id, generation, detail FROM back),"
           " blamed AS ("
           "  SELECT a.job_id, count(*) AS entries FROM back CROSS JOIN LATERAL ("
           "    SELECT job_id FROM dlq.actions WHERE entry_id = back.id"
           "    AND generation = back.generation AND action = 'replay'"
           "    ORDER BY id DESC LIMIT 1) a"
           "  WHERE a.job_id IS NOT NULL GROUP BY a.job_id)"
           " UPDATE dlq.jobs j SET replayed = j.replayed - blamed.entries,"
           "  failed = j.failed + blamed.entries, updated_at = now()"
           " FROM blamed WHERE j.id = blamed.job_id",
    .param_count = 4,
};

enum { SETTLE_ID, SETTLE_GENERATION, SETTLE_SEQUENCE, SETTLE_DETAIL, SETTLES };

/* Those that ended so. */
static enum status settle(struct pg *pg, const struct replays *replays,
                          const struct replay_result *results, enum replay_end end,
                          struct error *error) {
    static const enum pg_array_type types[SETTLES] = {PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64,
                                                      PG_ARRAY_TEXT};
    struct pg_columns columns;
    struct pg_result *rows = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, SETTLES);
    for (size_t i = 0; i < replays->count; i++) {
        if (results[i].end != end)
            continue;
        pg_array_add_slice(&columns.arrays[SETTLE_ID], replays->items[i].id);
        pg_array_add_int64(&columns.arrays[SETTLE_GENERATION], replays->items[i].generation);
        pg_array_add_int64(&columns.arrays[SETTLE_SEQUENCE], (int64_t)results[i].sequence);
        pg_array_add_slice(&columns.arrays[SETTLE_DETAIL], slice_of(results[i].detail));
    }
    if (columns.arrays[SETTLE_ID].count > 0)
        status = pg_columns_query(&columns, pg,
                                  end == REPLAY_PUBLISHED ? &settle_published : &settle_refused,
                                  &rows, error);
    pg_result_free(&rows);
    pg_columns_fini(&columns);
    return status;
}

enum status store_settle(struct pg *pg, const struct replays *replays,
                         const struct replay_result *results, struct error *error) {
    enum status status = settle(pg, replays, results, REPLAY_PUBLISHED, error);
    return status == STATUS_OK ? settle(pg, replays, results, REPLAY_REFUSED, error) : status;
}

enum status store_discard(struct pg *pg, struct slice id, struct slice reason, struct slice actor,
                          bool *is_done, struct error *error) {
    static const struct pg_statement discard = {
        .name = "dlq_discard",
        .sql = "WITH gone AS ("
               "  UPDATE dlq.entries SET status = 'discarded', updated_at = now()"
               "  WHERE id = $1::text AND status = 'dead' RETURNING id, generation)"
               " INSERT INTO dlq.actions (actor, action, entry_id, generation, detail)"
               " SELECT $2::text, 'discard', id, generation, $3::text FROM gone RETURNING id",
        .param_count = 3,
    };
    const struct pg_param params[] = {pg_text(id), pg_text(actor), pg_text(reason)};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &discard, params, &rows, error);
    if (status == STATUS_OK)
        *is_done = pg_rows(rows) > 0;
    pg_result_free(&rows);
    return status;
}

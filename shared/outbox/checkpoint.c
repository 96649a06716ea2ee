#include "shared/outbox/checkpoint.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- writing ---------------------------------------------------------------------------------- */

/* Outboxes keep their rows as long (partitions.c). */
static const struct pg_statement drop_old = {
    "checkpoint_drop",
    "DELETE FROM outbox_checkpoints WHERE stream = $1::text AND taken_at < now() - interval '8 d'",
    1};

static const struct pg_statement insert = {
    "checkpoint_insert",
    "INSERT INTO outbox_checkpoints (stream, sequence, event_id, floor, next_xid, holes) "
    "VALUES ($1::text, $2::int8, $3::uuid, $4::int8, $5::text::xid8, $6::text::xid8[])",
    6};

static enum status insert_at(struct pg *pg, const struct stream_mark *mark, struct slice next_xid,
                             struct slice holes, struct error *error) {
    const struct pg_param params[] = {
        pg_text(slice_of(mark->stream)),
        pg_int64((int64_t)mark->sequence),
        mark->has_event ? pg_uuid(&mark->event_id) : pg_null(),
        pg_int64((int64_t)mark->floor),
        pg_text(next_xid),
        pg_text(holes),
    };
    return pg_query(pg, &insert, params, NULL, error);
}

enum status checkpoint_write(struct pg *pg, const struct stream_mark *mark,
                             const struct relay_cursor *cursor, struct error *error) {
    struct buf holes = {0};
    char next[24];
    relay_cursor_format_holes(cursor, &holes);
    snprintf(next, sizeof(next), "%" PRIu64, cursor->next_xid);
    enum status status = insert_at(pg, mark, slice_of(next), buf_slice(&holes), error);
    buf_fini(&holes);
    const struct pg_param params[] = {pg_text(slice_of(mark->stream))};
    return status == STATUS_OK ? pg_query(pg, &drop_old, params, NULL, error) : status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct pg_statement read_floors = {
    "checkpoint_floors",
    "SELECT stream, max(floor),"
    " (extract(epoch FROM clock_timestamp() - max(taken_at)) * 1000000)::int8 "
    "FROM outbox_checkpoints GROUP BY stream",
    0};

enum status checkpoint_read_floors(struct pg *pg, struct stream_marks *marks, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &read_floors, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < pg_rows(rows); i++) {
        char stream[STREAM_NAME_SIZE];
        snprintf(stream, sizeof(stream), "%.*s", SLICE_ARG(pg_get_slice(rows, i, 0)));
        struct stream_mark *mark = stream_marks_find(marks, stream);
        if (mark == NULL)
            continue;
        if ((uint64_t)pg_get_int64(rows, i, 1) > mark->floor)
            mark->floor = (uint64_t)pg_get_int64(rows, i, 1);
        mark->checkpointed_us = clock_monotonic_us() - pg_get_int64(rows, i, 2);
    }
    pg_result_free(&rows);
    return STATUS_OK;
}

static const struct pg_statement list = {
    "checkpoint_list",
    "SELECT taken_at::text, sequence, event_id FROM outbox_checkpoints "
    "WHERE stream = $1::text AND sequence <= $2::int8 ORDER BY taken_at DESC",
    2};

enum status checkpoint_list(struct pg *pg, const char *stream, uint64_t last_sequence,
                            struct pg_result **rows, struct error *error) {
    const struct pg_param params[] = {pg_text(slice_of(stream)), pg_int64((int64_t)last_sequence)};
    return pg_query(pg, &list, params, rows, error);
}

/* What came before the stream began anew for us was dealt with then. */
static const struct pg_statement was_young_sql = {
    "checkpoint_was_young",
    "WITH anew AS (SELECT coalesce(max(sequence), 0) AS at FROM outbox_checkpoints "
    "  WHERE stream = $1::text AND event_id IS NULL), "
    "below AS (SELECT greatest(max(taken_at), to_timestamp(nullif($4::int8, 0) / 1000000.0)) AS at "
    "  FROM outbox_checkpoints WHERE stream = $1::text AND sequence < $2::int8 "
    "  AND event_id IS NOT NULL AND sequence > (SELECT at FROM anew)) "
    "SELECT at IS NOT NULL AND ($3::int8 = 0 OR at > now() - $3::int8 / 2 * interval '1 us') "
    "FROM below",
    4};

enum status checkpoint_was_young(struct pg *pg, const struct stream_mark *mark,
                                 const struct stream_facts *facts, bool *was_young,
                                 struct error *error) {
    const struct pg_param params[] = {
        pg_text(slice_of(mark->stream)),
        pg_int64((int64_t)facts->first_sequence),
        pg_int64(facts->max_age_us),
        pg_int64(stream_mark_stored_below(mark, facts->first_sequence)),
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &was_young_sql, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    *was_young = pg_get_bool(rows, 0, 0);
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- going back ------------------------------------------------------------------------------- */

/* The newest checkpoint that nobody waits for anything below of, or history_s earlier; or the one
   that holds, where it is newer. */
static const struct pg_statement choose = {
    "checkpoint_choose",
    "WITH kept AS (SELECT * FROM outbox_checkpoints WHERE stream = $1::text), "
    "done AS (SELECT coalesce((SELECT max(taken_at) FROM kept WHERE sequence <= $2::int8),"
    "  (SELECT min(taken_at) FROM kept)) - $3::int8 * interval '1 second' AS at) "
    "SELECT kept.taken_at::text, sequence, event_id, next_xid::text, holes::text,"
    "  kept.taken_at IS NOT DISTINCT FROM nullif($4::text, '')::timestamptz "
    "FROM kept, done WHERE kept.taken_at >= greatest(done.at, nullif($4::text, '')::timestamptz) "
    "ORDER BY kept.taken_at LIMIT 1",
    4};

enum { CHOSEN_TAKEN_AT, CHOSEN_SEQUENCE, CHOSEN_EVENT_ID, CHOSEN_XID, CHOSEN_HOLES, CHOSEN_HOLDS };

/* Whatever was committed until now may be known to the stream under its own id. */
static const struct pg_statement move_cursor = {
    "checkpoint_move",
    "UPDATE outbox_cursor SET next_xid = $1::text::xid8, holes = $2::text::xid8[],"
    "  acknowledged = $3::text, updated_at = now(),"
    "  repeats_until = CASE WHEN $4::int8 = 1 THEN pg_snapshot_xmax(pg_current_snapshot())"
    "    ELSE repeats_until END,"
    "  repeat_generation = repeat_generation + $4::int8::int "
    "WHERE next_xid = $5::text::xid8 AND pg_backend_pid() = $6::int8 RETURNING true",
    6};

static const struct pg_statement forget = {
    "checkpoint_forget",
    "DELETE FROM outbox_checkpoints WHERE stream = $1::text"
    " AND ($2::text = '' OR taken_at > $2::text::timestamptz)",
    2};

static const struct pg_statement spare = {"checkpoint_spare",
                                          "SELECT om.keep_own_discarded($1::text)", 1};

static enum status choose_target(struct pg *pg, const struct rewind *rewind,
                                 struct pg_result **chosen, struct error *error) {
    const struct pg_param params[] = {
        pg_text(slice_of(rewind->mark->stream)),
        pg_int64((int64_t)rewind->mark->floor),
        pg_int64(rewind->history_s),
        pg_text(rewind->survivor),
    };
    enum status status = pg_query(pg, &choose, params, chosen, error);
    if (status != STATUS_OK || pg_rows(*chosen) > 0)
        return status;
    pg_result_free(chosen);
    return error_set(error, STATUS_NOT_FOUND, "there is no checkpoint of the stream %s",
                     rewind->mark->stream);
}

/* What the stream has, as far as we know it. Without a checkpoint that holds, all numbers of a
   stream that was set back have got another meaning. */
static struct stream_mark mark_after(const struct rewind *rewind, const struct pg_result *chosen) {
    struct stream_mark after = *rewind->mark;
    bool holds = pg_get_bool(chosen, 0, CHOSEN_HOLDS);
    after.seen = (struct stream_sight){0};
    after.is_latest = false;
    after.sequence =
        holds ? (uint64_t)pg_get_int64(chosen, 0, CHOSEN_SEQUENCE) : rewind->last_sequence;
    after.has_event = holds && !pg_is_null(chosen, 0, CHOSEN_EVENT_ID);
    if (after.has_event)
        after.event_id = pg_get_uuid(chosen, 0, CHOSEN_EVENT_ID);
    if (!holds && !rewind->is_purged)
        after.floor = 0;
    if (after.floor > after.sequence)
        after.floor = after.sequence;
    return after;
}

static enum status move(struct pg *pg, const struct rewind *rewind, const struct pg_result *chosen,
                        const struct stream_mark *after, struct error *error) {
    struct stream_marks marks = *rewind->marks;
    struct buf acknowledged = {0};
    char saved[24];
    *stream_marks_find(&marks, after->stream) = *after;
    stream_marks_format(&marks, &acknowledged);
    snprintf(saved, sizeof(saved), "%" PRIu64, rewind->saved_next_xid);
    const struct pg_param params[] = {
        pg_text(pg_get_slice(chosen, 0, CHOSEN_XID)),
        pg_text(pg_get_slice(chosen, 0, CHOSEN_HOLES)),
        pg_text(buf_slice(&acknowledged)),
        pg_int64(rewind->is_purged ? 1 : 0),
        pg_text(slice_of(saved)),
        pg_int64(rewind->session),
    };
    struct pg_result *moved = NULL;
    enum status status = pg_query(pg, &move_cursor, params, &moved, error);
    if (status == STATUS_OK && pg_rows(moved) == 0)
        status = error_set(error, STATUS_CONFLICT, "somebody else has moved the cursor");
    pg_result_free(&moved);
    buf_fini(&acknowledged);
    return status;
}

/* Those after the cursor hold no longer, since what they count on is published again. */
static enum status forget_later(struct pg *pg, const struct pg_result *chosen,
                                const struct stream_mark *after, struct error *error) {
    bool holds = pg_get_bool(chosen, 0, CHOSEN_HOLDS);
    const struct pg_param params[] = {
        pg_text(slice_of(after->stream)),
        pg_text(holds ? pg_get_slice(chosen, 0, CHOSEN_TAKEN_AT) : slice_of("")),
    };
    enum status status = pg_query(pg, &forget, params, NULL, error);
    if (status != STATUS_OK || holds)
        return status;
    return insert_at(pg, after, pg_get_slice(chosen, 0, CHOSEN_XID),
                     pg_get_slice(chosen, 0, CHOSEN_HOLES), error);
}

enum status checkpoint_rewind(struct pg *pg, const struct rewind *rewind, char *since,
                              struct error *error) {
    const struct pg_param schema[] = {pg_text(slice_of(rewind->schema))};
    struct pg_result *chosen = NULL;
    struct stream_mark after = *rewind->mark;
    enum status status = pg_begin(pg, error);
    if (status != STATUS_OK)
        return status;
    status = choose_target(pg, rewind, &chosen, error);
    if (status == STATUS_OK) {
        after = mark_after(rewind, chosen);
        snprintf(since, CHECKPOINT_TIME_SIZE, "%.*s",
                 SLICE_ARG(pg_get_slice(chosen, 0, CHOSEN_TAKEN_AT)));
        status = move(pg, rewind, chosen, &after, error);
    }
    if (status == STATUS_OK)
        status = forget_later(pg, chosen, &after, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &spare, schema, NULL, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status == STATUS_OK)
        *rewind->mark = after;
    else
        pg_rollback(pg);
    pg_result_free(&chosen);
    return status;
}

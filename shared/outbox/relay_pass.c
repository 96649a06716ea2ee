#include "shared/outbox/relay_pass.h"

#include "shared/base/memory.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two index ranges, never OR: with OR the planner filters the whole index. WITH TIES keeps a
   transaction whole, so a cut always falls between two. */
const char relay_read_sql[] =
    "WITH seen AS MATERIALIZED (SELECT pg_current_snapshot()::text AS snapshot, "
    "  (SELECT next_xid::text::int8 FROM outbox_cursor) AS saved) "
    "SELECT seen.snapshot, seen.saved, pg_backend_pid(), r.id, r.xid::text::int8, r.event_id, "
    "  r.subject, r.traceparent, r.payload "
    "FROM seen LEFT JOIN ("
    "  (SELECT xid, id, event_id, subject, traceparent, payload FROM outbox "
    "     WHERE xid = ANY ($1::xid8[]) AND xid <> ALL ($4::xid8[])) "
    "  UNION ALL "
    "  (SELECT xid, id, event_id, subject, traceparent, payload FROM outbox "
    "     WHERE xid >= $2::xid8 AND xid <> ALL ($4::xid8[]) "
    "     ORDER BY xid FETCH FIRST ($3::int8) ROWS WITH TIES)"
    ") r ON true ORDER BY r.id";

static const struct pg_statement read_rows = {"relay_read", relay_read_sql, 4};

void relay_ahead_format(const struct relay_ahead *ahead, struct buf *out) {
    buf_append_char(out, '{');
    for (size_t i = 0; i < ahead->count; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", ahead->xids[i]);
    buf_append_char(out, '}');
}

void relay_pass_fini(struct relay_pass *pass) {
    free(pass->rows);
    pg_result_free(&pass->result);
    handover_destroy_all(&pass->handed);
    relay_cursor_fini(&pass->after);
    *pass = (struct relay_pass){0};
}

struct relay_row relay_row_of(const struct pg_result *rows, int row) {
    return (struct relay_row){
        .id = pg_get_int64(rows, row, RELAY_READ_ID),
        .xid = (uint64_t)pg_get_int64(rows, row, RELAY_READ_XID),
        .event_id = pg_get_uuid(rows, row, RELAY_READ_EVENT_ID),
        .subject = pg_get_slice(rows, row, RELAY_READ_SUBJECT),
        .traceparent = pg_get_slice(rows, row, RELAY_READ_TRACEPARENT),
        .payload = pg_get_slice(rows, row, RELAY_READ_PAYLOAD),
    };
}

/* After these rows the cursor stands past the last transaction that was read whole, or past all
   that the snapshot knew; those that it still saw running below that are holes. */
static void set_after(struct relay_pass *pass, const struct relay_cursor *from, int64_t limit) {
    uint64_t xmax, last = 0;
    struct slice running;
    int64_t ranged = 0;
    relay_snapshot_split(pg_get_slice(pass->result, 0, RELAY_READ_SNAPSHOT), &xmax, &running);
    for (size_t i = 0; i < pass->row_count; i++) {
        uint64_t xid = pass->rows[i].xid;
        if (xid < from->next_xid)
            continue; /* of a hole */
        ranged++;
        if (xid > last)
            last = xid;
    }
    pass->was_cut = ranged >= limit;
    pass->after.next_xid = pass->was_cut ? last + 1 : xmax;
    if (pass->after.next_xid < from->next_xid)
        pass->after.next_xid = from->next_xid;
    relay_cursor_add_listed(&pass->after, running, pass->after.next_xid);
}

static enum status query(struct pg *pg, const struct relay_reading *reading,
                         struct pg_result **result, struct error *error) {
    struct buf holes = {0}, left_out = {0};
    char next[24];
    relay_cursor_format_holes(reading->from, &holes);
    relay_ahead_format(reading->ahead, &left_out);
    snprintf(next, sizeof(next), "%" PRIu64, reading->from->next_xid);
    const struct pg_param params[] = {pg_text(buf_slice(&holes)), pg_text(slice_of(next)),
                                      pg_int64(reading->limit), pg_text(buf_slice(&left_out))};
    enum status status = pg_query(pg, &read_rows, params, result, error);
    buf_fini(&holes);
    buf_fini(&left_out);
    return status;
}

enum status relay_pass_read(struct pg *pg, const struct relay_reading *reading,
                            struct relay_pass *pass, struct error *error) {
    struct relay_pass made = {0};
    enum status status = query(pg, reading, &made.result, error);
    if (status != STATUS_OK)
        return status;
    if (pg_get_int64(made.result, 0, RELAY_READ_SESSION) != reading->session) {
        relay_pass_fini(&made);
        return error_set(error, STATUS_UNAVAILABLE, "the session that held the lock was lost");
    }
    int count = pg_rows(made.result);
    if (count == 1 && pg_is_null(made.result, 0, RELAY_READ_XID))
        count = 0;
    made.rows = mem_alloc(((size_t)count + 1) * sizeof(*made.rows));
    while (made.row_count < (size_t)count) {
        made.rows[made.row_count] = relay_row_of(made.result, (int)made.row_count);
        made.row_count++;
    }
    made.saved_xid = (uint64_t)pg_get_int64(made.result, 0, RELAY_READ_SAVED);
    set_after(&made, reading->from, reading->limit);
    *pass = made;
    return STATUS_OK;
}

static int by_id(const void *a, const void *b) {
    const struct relay_row *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

void relay_pass_take(struct relay_pass *pass, struct handover **handed) {
    size_t count = pass->row_count;
    pass->handed = *handed;
    *handed = NULL;
    for (const struct handover *one = pass->handed; one != NULL; one = one->next)
        count += one->row_count;
    struct relay_row *rows = mem_alloc((count + 1) * sizeof(*rows));
    if (pass->row_count > 0)
        memcpy(rows, pass->rows, pass->row_count * sizeof(*rows));
    for (const struct handover *one = pass->handed; one != NULL; one = one->next) {
        memcpy(rows + pass->row_count, one->rows, one->row_count * sizeof(*rows));
        pass->row_count += one->row_count;
    }
    qsort(rows, count, sizeof(*rows), by_id);
    free(pass->rows);
    pass->rows = rows;
}

#include "shared/outbox/outbox_backlog.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>

static const struct pg_statement read_backlog = {
    .name = "outbox_backlog",
    .sql = "SELECT count(*), greatest(extract(epoch FROM now() - min(created_at)), 0)::int8 FROM ("
           "  (SELECT created_at FROM outbox WHERE xid = ANY ($1::xid8[])"
           "     AND xid <> ALL ($4::xid8[]))"
           "  UNION ALL"
           "  (SELECT created_at FROM outbox WHERE xid >= $2::xid8"
           "     AND xid <> ALL ($4::xid8[]) ORDER BY xid LIMIT $3::int8)"
           ") waiting",
    .param_count = 4,
};

enum status outbox_backlog_read(struct pg *pg, const struct relay_cursor *cursor,
                                const struct relay_ahead *ahead, struct outbox_backlog *backlog,
                                struct error *error) {
    struct buf holes = {0}, left_out = {0};
    char next[24];
    relay_cursor_format_holes(cursor, &holes);
    relay_ahead_format(ahead, &left_out);
    snprintf(next, sizeof(next), "%" PRIu64, cursor->next_xid);
    const struct pg_param params[] = {pg_text(buf_slice(&holes)), pg_text(slice_of(next)),
                                      pg_int64(OUTBOX_BACKLOG_MOST), pg_text(buf_slice(&left_out))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &read_backlog, params, &rows, error);
    buf_fini(&holes);
    buf_fini(&left_out);
    if (status != STATUS_OK)
        return status;
    *backlog = (struct outbox_backlog){pg_get_int64(rows, 0, 0), pg_get_int64(rows, 0, 1)};
    pg_result_free(&rows);
    return STATUS_OK;
}

#include "shared/outbox/relay_cursor.h"

#include <inttypes.h>
#include <stdlib.h>

void relay_cursor_fini(struct relay_cursor *cursor) {
    free(cursor->holes);
    *cursor = (struct relay_cursor){0};
}

static void add_hole(struct relay_cursor *cursor, uint64_t xid) {
    uint64_t *grown = realloc(cursor->holes, (cursor->hole_count + 1) * sizeof(*grown));
    if (grown == NULL)
        abort();
    cursor->holes = grown;
    cursor->holes[cursor->hole_count++] = xid;
}

void relay_cursor_add_listed(struct relay_cursor *cursor, struct slice list, uint64_t below) {
    while (list.len > 0) {
        uint64_t xid;
        struct slice item = slice_take_until(&list, ',');
        slice_take_prefix(&item, "{");
        if (slice_parse_uint(slice_take_digits(&item), UINT64_MAX, &xid) && xid < below)
            add_hole(cursor, xid);
    }
}

bool relay_cursor_is_past(const struct relay_cursor *cursor, uint64_t xid) {
    for (size_t i = 0; i < cursor->hole_count; i++) {
        if (cursor->holes[i] == xid)
            return false;
    }
    return xid < cursor->next_xid;
}

uint64_t relay_cursor_lowest_hole(const struct relay_cursor *cursor) {
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < cursor->hole_count; i++) {
        if (cursor->holes[i] < lowest)
            lowest = cursor->holes[i];
    }
    return lowest;
}

void relay_cursor_format_holes(const struct relay_cursor *cursor, struct buf *out) {
    buf_append_char(out, '{');
    for (size_t i = 0; i < cursor->hole_count; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", cursor->holes[i]);
    buf_append_char(out, '}');
}

void relay_snapshot_split(struct slice text, uint64_t *xmax, struct slice *running) {
    (void)slice_take_until(&text, ':');
    (void)slice_parse_uint(slice_take_until(&text, ':'), UINT64_MAX, xmax);
    *running = text;
}

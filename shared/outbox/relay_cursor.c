#include "shared/outbox/relay_cursor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
    uint64_t xid = 0;
    bool has_digit = false;
    for (size_t i = 0; i <= list.len; i++) {
        char c = i < list.len ? list.ptr[i] : ',';
        if (c >= '0' && c <= '9') {
            xid = xid * 10 + (uint64_t)(c - '0');
            has_digit = true;
        } else {
            if (has_digit && xid < below)
                add_hole(cursor, xid);
            xid = 0;
            has_digit = false;
        }
    }
}

void relay_cursor_format_holes(const struct relay_cursor *cursor, struct buf *out) {
    buf_append_char(out, '{');
    for (size_t i = 0; i < cursor->hole_count; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", cursor->holes[i]);
    buf_append_char(out, '}');
}

void relay_snapshot_split(struct slice text, uint64_t *xmax, struct slice *running) {
    const char *end = text.ptr + text.len;
    const char *first = memchr(text.ptr, ':', text.len);
    const char *second = memchr(first + 1, ':', (size_t)(end - first - 1));
    *xmax = strtoull(first + 1, NULL, 10);
    *running = (struct slice){second + 1, (size_t)(end - second - 1)};
}

#include "services/dlq/index/page_cursor.h"

#include "shared/contract/cursor.h"

#include <string.h>

/* The listing that a cursor belongs to. */
static void write_scope(const struct dlq_filter *filter, struct buf *scope) {
    buf_append_text(scope, "dlq.list ");
    struct json_writer w = json_writer(scope);
    json_begin_object(&w);
    dlq_filter_write(filter, &w);
    json_end_object(&w);
}

/* The position is the time's bytes and, behind them, the id. */
void page_cursor_encode(const struct page_cursor *cursor, const struct dlq_filter *filter,
                        struct buf *out) {
    struct buf scope = {0}, position = {0};
    write_scope(filter, &scope);
    buf_append(&position, &cursor->failed_at_us, sizeof(cursor->failed_at_us));
    buf_append_slice(&position, cursor->id);
    cursor_seal(buf_slice(&scope), buf_slice(&position), out);
    buf_fini(&scope);
    buf_fini(&position);
}

enum status page_cursor_decode(struct slice text, const struct dlq_filter *filter,
                               struct arena *arena, struct page_cursor *cursor,
                               struct error *error) {
    struct buf scope = {0}, position = {0};
    struct page_cursor decoded = {0};
    write_scope(filter, &scope);
    bool is_ours = cursor_open(buf_slice(&scope), text, &position) &&
                   position.len > sizeof(decoded.failed_at_us);
    if (is_ours) {
        size_t head = sizeof(decoded.failed_at_us);
        memcpy(&decoded.failed_at_us, position.ptr, head);
        decoded.id = arena_slice(arena, (struct slice){position.ptr + head, position.len - head});
        *cursor = decoded;
    }
    buf_fini(&scope);
    buf_fini(&position);
    return is_ours ? STATUS_OK
                   : error_set(error, STATUS_INVALID,
                               "cursor: not one that a page of this filter ended with");
}

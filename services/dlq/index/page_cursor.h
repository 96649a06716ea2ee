/*
 * Where a page of dead letters ended. A cursor goes on only with the filter it was made for. Pure.
 */
#ifndef OM_SERVICES_DLQ_INDEX_PAGE_CURSOR_H
#define OM_SERVICES_DLQ_INDEX_PAGE_CURSOR_H

#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/dlq_filter.h"

struct page_cursor {
    int64_t failed_at_us; /* of the page's last entry */
    struct slice id;      /* empty: the first page */
};

/* Appends the text. */
void page_cursor_encode(const struct page_cursor *cursor, const struct dlq_filter *filter,
                        struct buf *out);
/* INVALID when it is none of ours, or of another filter. The id is in `arena`. */
enum status page_cursor_decode(struct slice text, const struct dlq_filter *filter,
                               struct arena *arena, struct page_cursor *cursor,
                               struct error *error) MUST_CHECK;

#endif

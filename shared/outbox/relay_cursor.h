/*
 * The place up to which a relay has read its outbox: all transactions below next_xid, but for the
 * holes, which were still running then. Plain values; nothing blocks.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_CURSOR_H
#define OM_SHARED_OUTBOX_RELAY_CURSOR_H

#include "shared/base/buf.h"

struct relay_cursor {
    uint64_t next_xid;
    uint64_t *holes; /* owned */
    size_t hole_count;
};

void relay_cursor_fini(struct relay_cursor *cursor);
/* Adds as holes the comma-separated xids of `list`, as in snapshots and arrays, below `below`. */
void relay_cursor_add_listed(struct relay_cursor *cursor, struct slice list, uint64_t below);
/* Whether the transaction has been read, if it wrote anything. */
bool relay_cursor_is_past(const struct relay_cursor *cursor, uint64_t xid);
/* UINT64_MAX for none. */
uint64_t relay_cursor_lowest_hole(const struct relay_cursor *cursor);
/* Appends the holes as an array's text. */
void relay_cursor_format_holes(const struct relay_cursor *cursor, struct buf *out);
/* A snapshot's text is xmin:xmax:xip,xip,... (pg_snapshot). */
void relay_snapshot_split(struct slice text, uint64_t *xmax, struct slice *running);

#endif

/*
 * The rows of an outbox that a relay has not published yet, for those who watch it. One statement
 * by index; blocks for it.
 */
#ifndef OM_SHARED_OUTBOX_OUTBOX_BACKLOG_H
#define OM_SHARED_OUTBOX_OUTBOX_BACKLOG_H

#include "shared/outbox/relay_pass.h"
#include "shared/pg/pg.h"

#define OUTBOX_BACKLOG_MOST 10000 /* rows that are counted */

struct outbox_backlog {
    int64_t rows;
    int64_t oldest_s; /* age of the oldest; 0 for none */
};

enum status outbox_backlog_read(struct pg *pg, const struct relay_cursor *cursor,
                                const struct relay_ahead *ahead, struct outbox_backlog *backlog,
                                struct error *error) MUST_CHECK;

#endif

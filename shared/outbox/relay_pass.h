/*
 * A pass of a relay: rows that are published together, and where the cursor stands after them. They
 * are read from the outbox, or were handed over by those who committed them.
 *
 * What was published from memory lies ahead of the cursor until a read goes past it.
 *
 * One thread. Reading blocks for a statement.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_PASS_H
#define OM_SHARED_OUTBOX_RELAY_PASS_H

#include "shared/outbox/outbox.h"
#include "shared/outbox/relay_cursor.h"
#include "shared/pg/pg.h"

#define RELAY_AHEAD_MOST 64

/* Transactions whose rows were published from memory. */
struct relay_ahead {
    uint64_t xids[RELAY_AHEAD_MOST];
    size_t count;
};

void relay_ahead_format(const struct relay_ahead *ahead, struct buf *out); /* as an array's text */

struct relay_pass {
    struct relay_row *rows;
    size_t row_count;
    struct pg_result *result; /* what was read; NULL: the rows were handed over */
    struct handover *handed;  /* whose rows the pass has as well */
    /* Of what was read: */
    bool was_cut;         /* the limit was reached: there is more */
    bool goes_past_ahead; /* and past what was published from memory */
    uint64_t saved_xid;   /* as the cursor stood in the table */
    struct relay_cursor after;
};

void relay_pass_fini(struct relay_pass *pass);

struct relay_reading {
    const struct relay_cursor *from;
    const struct relay_ahead *ahead; /* left out */
    int64_t limit;                   /* of rows; a transaction is never split */
    int64_t session;                 /* holds the relay's lock */
    uint64_t saved_xid;              /* as the cursor stands in the table, as far as is known */
};
/* UNAVAILABLE: the session is another. */
enum status relay_pass_read(struct pg *pg, const struct relay_reading *reading,
                            struct relay_pass *pass, struct error *error) MUST_CHECK;
/* Takes the list over, whose rows join those that the pass has, all by their ids. The pass is zero,
   or was read without them. */
void relay_pass_take(struct relay_pass *pass, struct handover **handed);

/* Reads what relay_read_sql gives; borrows from `rows`. */
struct relay_row relay_row_of(const struct pg_result *rows, int row);

/* The SQL of one reading, for tests and benches: parameters $1 holes, $2 next_xid, $3 limit, $4
   transactions that are left out. */
extern const char relay_read_sql[];
enum relay_read_column {
    RELAY_READ_SNAPSHOT,
    RELAY_READ_SAVED,
    RELAY_READ_SESSION,
    RELAY_READ_ID,
    RELAY_READ_XID,
    RELAY_READ_EVENT_ID,
    RELAY_READ_SUBJECT,
    RELAY_READ_TRACEPARENT,
    RELAY_READ_PAYLOAD
};

#endif

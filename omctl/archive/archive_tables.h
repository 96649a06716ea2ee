/*
 * What `omctl archive` moves: the tables that have rows of one order alone, by the schema they are
 * in, and the SQL by which a schema says that an order is still in use there.
 *
 * Sums over orders (stock, balances, counts) are none of these rows and stay. Values only; nothing
 * blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_TABLES_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_TABLES_H

#include "shared/pg/pg.h"

#include <stddef.h>

/* Why an order is left where it is: id, the name in SQL, for people. */
#define ARCHIVE_LEFT_TABLE(X)                                                                      \
    X(UNFINISHED, "unfinished", "have not ended")                                                  \
    X(LATER, "later", "ended, or changed, since then")                                             \
    X(RETURN, "return", "have an open return, or pieces to be cancelled")                          \
    X(PAYMENT, "payment", "have an open payment, or one that could not be taken")                  \
    X(REFUND, "refund", "have an open refund")                                                     \
    X(STOCK, "stock", "hold stock")                                                                \
    X(PARCEL, "parcel", "have parcels to be sent")                                                 \
    X(NOTICE, "notice", "have notices to be sent")                                                 \
    X(DEAD_LETTER, "dead_letter", "have a dead letter")                                            \
    X(BUSY, "busy", "were in use just now")

enum archive_left {
#define ARCHIVE_LEFT_ENUM(id, name, text) ARCHIVE_LEFT_##id,
    ARCHIVE_LEFT_TABLE(ARCHIVE_LEFT_ENUM)
#undef ARCHIVE_LEFT_ENUM
        ARCHIVE_LEFT_COUNT
};

extern const char *const archive_left_names[ARCHIVE_LEFT_COUNT];
extern const char *const archive_left_texts[ARCHIVE_LEFT_COUNT];

/* Rows that refer to others stand behind them. */
struct archive_table {
    const char *name; /* schema.table, as in the files */
    /* $1 ids of orders -> order id and the row as JSON, locked, by order. Of orders.orders $2 is
       the moment, in microseconds, and rows that somebody holds are passed over. */
    struct pg_statement read;
    struct pg_statement remove; /* $1 ids of orders */
    /* Those of the temporary table archived_orders that it has rows of, some of them, as text. */
    struct pg_statement known;
};

#define ARCHIVE_TABLES_MOST 6 /* of a schema */

/* `open`: $1 ids of orders, $2 the moment, $3 those of them that ended badly, as far as it has
   parameters -> order id and the name of an archive_left. NULL sql: nothing is asked. */
struct archive_part {
    const char *schema;
    struct pg_statement open;
    struct archive_table tables[ARCHIVE_TABLES_MOST];
    size_t table_count;
};

/* In the order in which a batch is committed; the orders are first. */
#define ARCHIVE_PARTS 8
enum { ARCHIVE_ORDERS = 0 };
extern const struct archive_part archive_parts[ARCHIVE_PARTS];

/* All tables together are no more. */
#define ARCHIVE_TABLES (ARCHIVE_PARTS * ARCHIVE_TABLES_MOST)

#endif

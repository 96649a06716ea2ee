/*
 * Counts on their way to the table of buckets: the counts of orders are added and taken away, and
 * one row a bucket is left, sorted, so that concurrent batches lock rows in one order.
 *
 * Rows live in the arena given; labels are borrowed. One thread; nothing blocks.
 */
#ifndef OM_SERVICES_ANALYTICS_TALLY_H
#define OM_SERVICES_ANALYTICS_TALLY_H

#include "shared/base/arena.h"
#include "shared/contract/period.h"

/* name, what its label says, and at which moment it counts */
#define MEASURE_TABLE(X)                                                                           \
    X(CAPTURED, "captured") /* currency; minor units, when captured */                             \
    X(FACT, "fact")         /* fact's name; when it happened */                                    \
    X(LATENCY, "latency")   /* stage; with a bin; when the stage ended */                          \
    X(REASON, "reason")     /* reason code; when the order failed or was cancelled */              \
    X(REFUNDED, "refunded") /* currency; minor units, when refunded */                             \
    X(STATUS, "status")     /* of the order now; when it was created, or else refused */

enum measure {
#define MEASURE_ENUM(id, name) MEASURE_##id,
    MEASURE_TABLE(MEASURE_ENUM)
#undef MEASURE_ENUM
        MEASURE_COUNT
};

const char *measure_name(enum measure measure);
bool measure_parse(struct slice text, enum measure *measure);

struct tally_row {
    enum granularity granularity;
    int64_t at_us; /* of the bucket's start */
    enum measure measure;
    struct slice label;
    int bin;
    int64_t value; /* to be added; may be negative */
};

/* Begins with its arena and zeros. */
struct tally {
    struct arena *arena;
    struct tally_row *rows;
    size_t count, capacity;
    size_t *index; /* of tally_add() alone: by hash, a row's place and 1; 2 * capacity of them */
};

/* Adds `value` to the minute, and by tally_settle() to the hour and the day, of `at_us`. */
void tally_add(struct tally *tally, enum measure measure, struct slice label, int bin,
               int64_t at_us, int64_t value);
/* Once, after all was added: adds hours and days, sorts, makes one row of equal ones and drops
   those that came to nothing. */
void tally_settle(struct tally *tally);

#endif

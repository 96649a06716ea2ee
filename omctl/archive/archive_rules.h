/*
 * The promises that archived orders are checked for, each an SQL statement that finds offenders.
 * Values only; nothing blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_RULES_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_RULES_H

#include "shared/pg/pg.h"

#include <stddef.h>

struct archive_rule {
    const char *schema; /* whose database is asked */
    const char *promise;
    struct pg_statement offenders; /* one column of text */
};

/* Of a file: $1 its orders' lines as a JSON array. */
extern const struct archive_rule archive_file_rules[];
extern const size_t archive_file_rule_count;

/* Of all files and the tables: what `archive_note_sums` have noted is in temporary tables. */
extern const struct archive_rule archive_whole_rules[];
extern const size_t archive_whole_rule_count;

/* What a schema's whole rules need: made once, and noted for each file ($1 as above). */
struct archive_sum {
    const char *schema;
    const char *make;
    struct pg_statement note;
};

extern const struct archive_sum archive_sums[];
extern const size_t archive_sum_count;

#endif

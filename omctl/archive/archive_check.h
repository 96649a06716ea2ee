/*
 * Whether an archive is whole and right: each file that the database knows of is there and as it
 * was written, each of its orders keeps the promises that it kept in the tables, none of them is in
 * the tables as well, and the sums that stay (stock, points, counts) are those of the orders in the
 * tables and in the files together. Reads all of it; orders may flow meanwhile. Blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_CHECK_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_CHECK_H

#include "omctl/archive/archive_store.h"

#include <stdio.h>

struct archive_verdict {
    int64_t files, orders, faults;
};

/* A line on `out` for each fault. An error: it could not be found out. */
enum status archive_check(struct archive_store *store, const char *dir, FILE *out,
                          struct archive_verdict *verdict, struct error *error) MUST_CHECK;

#endif

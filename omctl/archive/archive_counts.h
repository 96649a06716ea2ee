/*
 * What analytics keeps of orders that are archived: their part of the counts, in
 * analytics.archived_counts, from which `omctl rebuild analytics` starts, since the facts that it
 * counts are gone. Blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_COUNTS_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_COUNTS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/pg/pg_param.h"

struct pg;

/* In the open transaction, before it removes the facts of `ids`: counts those that are there, and
   removes the terms by which the orders of the lines of `body` were found. CONFLICT: a rebuild is
   at work. */
enum status archive_counts_keep(struct pg *pg, struct pg_array *ids, struct slice body,
                                struct error *error) MUST_CHECK;

#endif

/*
 * What each SQL statement of the system costs, as PostgreSQL counts it (pg_stat_statements): calls,
 * time, and pages touched, which do not depend on how busy the machine is. Blocks; what cannot be
 * done ends the program. Main thread only.
 */
#ifndef OM_BENCH_PARTS_STATEMENTS_H
#define OM_BENCH_PARTS_STATEMENTS_H

#include "shared/base/buf.h"
#include "tests/support/servers/servers.h"

struct statement {
    struct buf name; /* its role and the beginning of its text */
    struct buf text; /* with the role before it, what tells it from others */
    int64_t calls;
    double ms, pages; /* a call */
};

/* Zero-initialize. */
struct statements {
    struct statement *items;
    size_t count;
};

/* Restarts PostgreSQL so that it counts from then on; nothing may be connected. */
void statements_count(struct servers *servers);
/* Begins again at nothing. */
void statements_forget(struct servers *servers);
/* Those of the services' roles since then. */
struct statements statements_read(struct servers *servers);
void statements_fini(struct statements *statements);
/* NULL: it is not among them. */
const struct statement *statements_find(const struct statements *statements, const char *text);

#endif

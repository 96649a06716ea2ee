/*
 * The CLIENT span of a transaction, or of a query outside of any, below the current trace of its
 * thread (trace_current()), as OpenTelemetry's conventions for PostgreSQL have it
 * (https://opentelemetry.io/docs/specs/semconv/db/postgresql/). Its name and summary are those of
 * the statements, which are constants: no parameter is told of, and so no personal data.
 *
 * Work that no request or event asked for, such as polling, has no current trace and leaves no
 * spans. A plain value of one thread; nothing blocks. For pg.c only.
 */
#ifndef OM_SHARED_PG_PG_SPAN_H
#define OM_SHARED_PG_PG_SPAN_H

#include "shared/observe/span.h"
#include "shared/pg/pg_internal.h"

#define PG_SPAN_NAMES_MOST 12 /* different statements that a summary names */

struct pg_span {
    bool is_open;
    struct span span;
    int64_t statement_count;
    const struct pg_statement *statements[PG_SPAN_NAMES_MOST]; /* each once */
    size_t named_count;
};

/* Begins it, unless it is open or its thread's trace is not recorded. */
void pg_span_begin(struct pg_span *span);
/* Begins it, too. */
void pg_span_add(struct pg_span *span, const struct pg_statement *statement);
/* Ends it if it is open. `conn`: NULL without a connection; `cause`: NULL when nothing failed. */
void pg_span_end(struct pg_span *span, const PGconn *conn, const struct error *cause);

#endif

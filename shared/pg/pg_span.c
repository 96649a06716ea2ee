#include "shared/pg/pg_span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM "postgresql"
#define SUMMARY_SIZE 256 /* the conventions' limit, and a terminator */
#define LEFT_OUT SPAN_TEXT("", NULL)

void pg_span_begin(struct pg_span *span) {
    if (span->is_open || !span_is_recorded(trace_current()))
        return;
    span->is_open = true;
    span->span = span_start(SPAN_CLIENT, trace_current());
    span->statement_count = 0;
    span->named_count = 0;
}

void pg_span_add(struct pg_span *span, const struct pg_statement *statement) {
    pg_span_begin(span);
    if (!span->is_open)
        return;
    span->statement_count++;
    for (size_t i = 0; i < span->named_count; i++) {
        if (span->statements[i] == statement)
            return;
    }
    if (span->named_count < PG_SPAN_NAMES_MOST)
        span->statements[span->named_count++] = statement;
}

/* As many names as fit in whole. */
static void write_summary(const struct pg_span *span, char *summary) {
    size_t used = 0;
    summary[0] = '\0';
    for (size_t i = 0; i < span->named_count; i++) {
        const char *name = span->statements[i]->name;
        if (used + strlen(name) + 2 > SUMMARY_SIZE)
            return;
        used +=
            (size_t)snprintf(summary + used, SUMMARY_SIZE - used, "%s%s", i > 0 ? " " : "", name);
    }
}

static const char *error_type(const struct error *cause) {
    return cause->sqlstate[0] != '\0' ? cause->sqlstate : status_name(cause->status);
}

void pg_span_end(struct pg_span *span, const PGconn *conn, const struct error *cause) {
    static const struct error none;
    char summary[SUMMARY_SIZE];
    if (!span->is_open)
        return;
    const struct error *error = cause != NULL ? cause : &none;
    span->is_open = false;
    write_summary(span, summary);
    span_end(&span->span, summary[0] != '\0' ? summary : SYSTEM,
             SPAN_TEXT("db.system.name", SYSTEM), SPAN_TEXT("db.query.summary", summary),
             SPAN_TEXT("db.namespace", PQdb(conn)), SPAN_TEXT("server.address", PQhost(conn)),
             conn != NULL ? SPAN_INT("server.port", strtol(PQport(conn), NULL, 10)) : LEFT_OUT,
             span->statement_count > 1 ? SPAN_INT("db.operation.batch.size", span->statement_count)
                                       : LEFT_OUT,
             SPAN_TEXT("db.response.status_code", error->sqlstate),
             SPAN_TEXT("error.type", cause != NULL ? error_type(cause) : NULL),
             SPAN_ERROR(error->text));
}

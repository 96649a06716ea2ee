/*
 * Spans: the work of a process for a trace, with its beginning and end, as OpenTelemetry has them
 * (https://opentelemetry.io/docs/specs/otel/trace/api/). A span is a plain value; ending it hands a
 * copy to the process's sink (an exporter), and one that is never ended leaves nothing behind.
 *
 *     struct span span = span_start(SPAN_CLIENT, &parent);
 *     ... span.trace goes to the one that is called ...
 *     span_end(&span, "charge", SPAN_TEXT("error.type", code));
 *
 * Without a sink, and in traces that are not sampled, a span costs a branch and its id. Thread
 * safe; nothing blocks.
 */
#ifndef OM_SHARED_OBSERVE_SPAN_H
#define OM_SHARED_OBSERVE_SPAN_H

#include "shared/base/buf.h"
#include "shared/observe/trace.h"

/* The numbers are OTLP's. */
enum span_kind {
    SPAN_INTERNAL = 1,
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
    SPAN_PRODUCER = 4,
    SPAN_CONSUMER = 5,
};

struct span {
    enum span_kind kind;
    struct trace trace;   /* its own ids; the parent of what happens within */
    uint8_t parent_id[8]; /* zeros: it begins its trace */
    int64_t started_us;
};

/* An attribute, a link or an error, known at the end. Borrowed until span_end() returns. */
struct span_field {
    enum { SPAN_FIELD_TEXT, SPAN_FIELD_INT, SPAN_FIELD_LINK, SPAN_FIELD_ERROR } kind;
    const char *key;
    struct slice text; /* TEXT, or of ERROR; TEXT is left out when empty */
    int64_t number;
    const struct trace *link;
};

#define SPAN_TEXT(k, v)                                                                            \
    ((struct span_field){.kind = SPAN_FIELD_TEXT, .key = (k), .text = slice_of(v)})
#define SPAN_SLICE(k, v) ((struct span_field){.kind = SPAN_FIELD_TEXT, .key = (k), .text = (v)})
#define SPAN_INT(k, v) ((struct span_field){.kind = SPAN_FIELD_INT, .key = (k), .number = (v)})
/* To a span of this or another trace that has to do with it; of a trace that is sampled. */
#define SPAN_LINK(to) ((struct span_field){.kind = SPAN_FIELD_LINK, .link = (to)})
/* It failed, and why; NULL or "": it did not. */
#define SPAN_ERROR(v) ((struct span_field){.kind = SPAN_FIELD_ERROR, .text = slice_of(v)})

/* Takes what it needs of a span that is recorded and has ended; copies, and never blocks. */
typedef void (*span_sink_fn)(const struct span *span, const char *name, int64_t ended_us,
                             const struct span_field *fields, size_t count);

/* Where spans go; NULL: nowhere. Set before threads start, and read-only while they run. */
extern span_sink_fn span_sink;

static inline bool span_is_recorded(const struct trace *trace) {
    return span_sink != NULL && (trace->flags & TRACE_SAMPLED) != 0;
}

/* A span of the parent's trace that begins now. */
struct span span_start(enum span_kind kind, const struct trace *parent);
/* The first of a trace. */
struct span span_start_root(enum span_kind kind);

/* Ends it now. `name` is low in number: no ids. */
void span_end_fields(const struct span *span, const char *name, const struct span_field *fields,
                     size_t count);
#define span_end(span, name, ...)                                                                  \
    do {                                                                                           \
        const struct span_field span_fields[] = {{0}, ##__VA_ARGS__};                              \
        span_end_fields((span), (name), span_fields + 1,                                           \
                        sizeof(span_fields) / sizeof(span_fields[0]) - 1);                         \
    } while (0)

/* Appends the span as OTLP's JSON has it (https://opentelemetry.io/docs/specs/otlp/). */
void span_write(const struct span *span, const char *name, int64_t ended_us,
                const struct span_field *fields, size_t count, struct buf *out);

#endif

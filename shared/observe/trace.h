/*
 * W3C trace context (https://www.w3.org/TR/trace-context/, version 00): one `traceparent` through
 * HTTP, NATS headers and the outbox. Plain values; thread safe.
 */
#ifndef OM_SHARED_OBSERVE_TRACE_H
#define OM_SHARED_OBSERVE_TRACE_H

#include "shared/base/slice.h"

#include <stdint.h>

#define TRACEPARENT_LEN 55
#define TRACEPARENT_SIZE (TRACEPARENT_LEN + 1)
#define TRACE_SAMPLED 1 /* the flag: spans of this trace are recorded */

struct trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags; /* TRACE_SAMPLED, and what is unknown to us */
};

struct trace trace_start(void);                             /* a new trace, sampled */
struct trace trace_child(const struct trace *parent);       /* same trace, new span */
bool trace_parse(struct slice header, struct trace *trace); /* false: malformed, start anew */
void trace_format(const struct trace *trace, char *text);   /* TRACEPARENT_SIZE bytes */
/* The 32 hex digits of the trace id, for logs. `text` has 33 bytes. */
void trace_format_id(const struct trace *trace, char *text);

/* Sets the trace that this thread works for, until the next call: its log lines name it, and its
   SQL has spans below it (pg_span.h). NULL or a trace without an id: nothing. Copied. */
void trace_set_current(const struct trace *trace);
const struct trace *trace_current(void); /* never NULL; zeros: nothing */

#endif

/*
 * The spans that a collector was sent, as OTLP in JSON
 * (https://github.com/open-telemetry/opentelemetry-proto), which is what http_sink_body() keeps.
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_OTLP_SPANS_H
#define OM_TESTS_SUPPORT_NETWORK_OTLP_SPANS_H

#include "shared/base/slice.h"

#include <json-c/json.h>
#include <stdint.h>

/* Texts are borrowed from the documents. */
struct otlp_span {
    const char *service, *name, *trace_id, *id, *parent_id; /* parent_id: NULL for none */
    int kind;
    int64_t started_us, ended_us; /* since 1970 */
};

/* Zero-initialize; end with otlp_spans_fini(). */
struct otlp_spans {
    struct json_object **documents;
    struct otlp_span *items;
    size_t document_count, count;
};

/* Appends those of a trace, or all for NULL, from lines of one request each. */
void otlp_spans_read(struct otlp_spans *spans, struct slice lines, const char *trace_id);
/* NULL when it has none, or none that was read. */
const struct otlp_span *otlp_spans_parent(const struct otlp_spans *spans,
                                          const struct otlp_span *span);
void otlp_spans_fini(struct otlp_spans *spans);

#endif

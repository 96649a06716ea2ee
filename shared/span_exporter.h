/*
 * Sends ended spans to an OpenTelemetry collector: OTLP over HTTP, in JSON
 * (https://opentelemetry.io/docs/specs/otlp/#otlphttp), by one background thread a process.
 *
 * Spans wait in a queue of at most SPAN_QUEUE_BYTES. What does not fit in, and what the collector
 * does not take at the first try, is dropped and counted (ordermesh_spans_total): nobody ever waits
 * for a collector. Start before and stop after all other threads.
 */
#ifndef OM_SHARED_SPAN_EXPORTER_H
#define OM_SHARED_SPAN_EXPORTER_H

#include "shared/span.h"
#include "shared/status.h"

#define SPAN_QUEUE_BYTES ((size_t)4 << 20)
#define SPAN_EXPORT_INTERVAL_MS 1000

struct span_exporter_options {
    const char *url; /* the collector's, without /v1/traces; "": none, and nothing starts */
    const char *service, *instance, *version;
};

/* Strings are borrowed until stop. */
enum status span_exporter_start(const struct span_exporter_options *options,
                                struct error *error) MUST_CHECK;
/* Sends what waits, trying once. */
void span_exporter_stop(void);

/* For span_end(): takes a span that is recorded. */
void span_exporter_take(const struct span *span, const char *name, int64_t ended_us,
                        const struct span_field *fields, size_t count);

#endif

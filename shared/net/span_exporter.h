/*
 * Sends ended spans to an OpenTelemetry collector: OTLP over HTTP, in JSON
 * (https://opentelemetry.io/docs/specs/otlp/#otlphttp), by one background thread a process.
 *
 * Spans wait in a queue of at most SPAN_QUEUE_BYTES. Those that the collector cannot take for now
 * (no answer, 429, 502, 503, 504) are sent again, SPAN_TRIES times in all within about a minute,
 * and not before it says (Retry-After, of at most a minute). Spans that it refuses otherwise, or
 * still does not take then, and those that do not fit into the queue are dropped and counted
 * (ordermesh_spans_total): nothing ever waits for a collector. Start before and stop after all
 * other threads.
 */
#ifndef OM_SHARED_NET_SPAN_EXPORTER_H
#define OM_SHARED_NET_SPAN_EXPORTER_H

#include "shared/base/status.h"
#include "shared/observe/span.h"

#define SPAN_QUEUE_BYTES ((size_t)4 << 20)
#define SPAN_EXPORT_INTERVAL_MS 1000
#define SPAN_TRIES 7
#define SPAN_RETRY_MS 1000

struct span_exporter_options {
    const char *url; /* the collector's, without /v1/traces; "": none, and nothing starts */
    const char *service, *instance, *version;
    int64_t retry_ms; /* before the second try, doubled with each; 0: SPAN_RETRY_MS */
};

/* Strings are borrowed until stop. */
enum status span_exporter_start(const struct span_exporter_options *options,
                                struct error *error) MUST_CHECK;
/* Sends the spans that wait, trying once: two time-outs of an export, 4 s, at the longest. */
void span_exporter_stop(void);

#endif

/*
 * Spans of a consumer's work, named as OpenTelemetry's conventions for messaging have it
 * (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
 *
 * An event's traceparent names the span that decided on it: the request, or the processing of its
 * cause. Each consumer's work on it is a CONSUMER span below that, whose id goes on with the events
 * that come of it. So one trace holds all that one order caused. A batch of several has a span of
 * its own, in a trace of its own, linked with the spans of its events both ways.
 */
#ifndef OM_SHARED_CONSUME_BATCH_SPAN_H
#define OM_SHARED_CONSUME_BATCH_SPAN_H

#include "shared/consume/intake.h"
#include "shared/observe/span.h"

/* A consumer's current work. */
struct batch_span {
    struct span span; /* of the batch; unused for one event */
    size_t event_count;
};

/* Gives each event of the batch that a handler gets a span, which is from here on its trace. */
void batch_span_start(struct batch_span *started, const struct message_list *batch);
/* Ends what batch_span_start() began, with each delivery's outcome. */
void batch_span_end(const struct batch_span *started, const struct message_list *batch,
                    const char *stream, const char *durable);

#endif

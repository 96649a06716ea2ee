/*
 * A message's way into its stream as a span, named as OpenTelemetry's conventions for messaging
 * have it (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/): a PRODUCER span
 * below the one that decided on the message. consume/batch_span.h has the spans of those that
 * consume it. Thread safe; nothing blocks.
 */
#ifndef OM_SHARED_NATS_MESSAGING_SPAN_H
#define OM_SHARED_NATS_MESSAGING_SPAN_H

#include "shared/observe/span.h"

/* Ends the PRODUCER span of a message to `subject`; `error` is NULL once it is stored. */
void messaging_span_sent(const struct span *span, const char *subject, const char *message_id,
                         const char *error);

#endif

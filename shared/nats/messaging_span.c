#include "shared/nats/messaging_span.h"

#include <stdio.h>

void messaging_span_sent(const struct span *span, const char *subject, const char *message_id,
                         const char *error) {
    char name[160];
    if (!span_is_recorded(&span->trace))
        return;
    snprintf(name, sizeof(name), "send %s", subject);
    span_end(span, name, SPAN_TEXT("messaging.system", "nats"),
             SPAN_TEXT("messaging.operation.name", "publish"),
             SPAN_TEXT("messaging.operation.type", "send"),
             SPAN_TEXT("messaging.destination.name", subject),
             SPAN_TEXT("messaging.message.id", message_id), SPAN_ERROR(error));
}

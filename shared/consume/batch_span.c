#include "shared/consume/batch_span.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM SPAN_TEXT("messaging.system", "nats")

void batch_span_start(struct batch_span *started, const struct message_list *batch) {
    bool is_recorded = false;
    *started = (struct batch_span){0};
    for (size_t i = 0; i < batch->count; i++) {
        struct message *message = batch->items[i];
        if (message->is_settled)
            continue;
        message->span = span_start(SPAN_CONSUMER, &message->delivery.event.trace);
        message->delivery.event.trace = message->span.trace;
        is_recorded = is_recorded || span_is_recorded(&message->span.trace);
        started->event_count++;
    }
    if (is_recorded && started->event_count > 1)
        started->span = span_start_root(SPAN_CONSUMER);
}

static const char *outcome_of(const struct message *message) {
    static const char *const names[] = {[OUTCOME_DONE] = "done",
                                        [OUTCOME_EARLY] = "early",
                                        [OUTCOME_RETRY] = "retry",
                                        [OUTCOME_REJECT] = "reject"};
    return message->delivery.is_duplicate ? "duplicate" : names[message->delivery.outcome];
}

static void end_event(const struct batch_span *started, const struct message *message,
                      const char *durable) {
    const struct event *event = &message->delivery.event;
    const char *subject = event_info(event->type)->subject;
    char name[160], id[UUID_TEXT_SIZE];
    if (!span_is_recorded(&message->span.trace))
        return;
    snprintf(name, sizeof(name), "process %s", subject);
    uuid_format(&event->id, id);
    span_end(&message->span, name, SYSTEM, SPAN_TEXT("messaging.operation.name", "process"),
             SPAN_TEXT("messaging.operation.type", "process"),
             SPAN_TEXT("messaging.destination.name", subject),
             SPAN_TEXT("messaging.consumer.group.name", durable),
             SPAN_TEXT("messaging.message.id", id),
             SPAN_SLICE("messaging.message.conversation_id", event->correlation_id),
             SPAN_TEXT("ordermesh.outcome", outcome_of(message)),
             SPAN_INT("ordermesh.attempt", message->delivery.attempt),
             started->event_count > 1 ? SPAN_LINK(&started->span.trace) : SPAN_TEXT("", NULL),
             SPAN_ERROR(message->delivery.error.text));
}

/* The spans that the events of the batch came with, to link to. */
static size_t list_links(const struct message_list *batch, struct trace *traces,
                         struct span_field *links) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct message *message = batch->items[i];
        if (message->is_settled || !span_is_recorded(&message->span.trace))
            continue;
        traces[count] = message->span.trace;
        memcpy(traces[count].span_id, message->span.parent_id, sizeof(traces[count].span_id));
        links[count] = SPAN_LINK(&traces[count]);
        count++;
    }
    return count;
}

static void end_batch(const struct batch_span *started, const struct message_list *batch,
                      const char *stream, const char *durable) {
    enum { OWN_FIELDS = 5 };
    const struct span_field own[OWN_FIELDS] = {
        SYSTEM,
        SPAN_TEXT("messaging.operation.name", "process"),
        SPAN_TEXT("messaging.operation.type", "process"),
        SPAN_TEXT("messaging.consumer.group.name", durable),
        SPAN_INT("messaging.batch.message_count", (int64_t)started->event_count),
    };
    char name[160];
    struct trace *traces = mem_alloc(batch->count * sizeof(*traces));
    struct span_field *fields = mem_alloc((OWN_FIELDS + batch->count) * sizeof(*fields));
    memcpy(fields, own, sizeof(own));
    size_t count = OWN_FIELDS + list_links(batch, traces, fields + OWN_FIELDS);
    snprintf(name, sizeof(name), "process %s", stream);
    span_end_fields(&started->span, name, fields, count);
    free(fields);
    free(traces);
}

void batch_span_end(const struct batch_span *started, const struct message_list *batch,
                    const char *stream, const char *durable) {
    if (span_sink == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->items[i]->is_settled)
            end_event(started, batch->items[i], durable);
    }
    if (started->event_count > 1 && span_is_recorded(&started->span.trace))
        end_batch(started, batch, stream, durable);
}

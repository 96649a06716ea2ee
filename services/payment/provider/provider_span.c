#include "services/payment/provider/provider_span.h"

#include "shared/base/memory.h"
#include "shared/observe/span.h"

#include <stdio.h>
#include <stdlib.h>

/* The error of an answer, or NULL; a card that is declined is none. */
static const char *error_of(const struct provider_request *request) {
    switch (request->answer) {
    case PROVIDER_REFUSED:
    case PROVIDER_TRANSIENT:
    case PROVIDER_OUTAGE:
        return request->code;
    default:
        return NULL;
    }
}

static void end_span(const struct provider *provider, const char *verb, const struct span *span,
                     const struct provider_request *request) {
    char name[80];
    if (!span_is_recorded(&span->trace))
        return;
    snprintf(name, sizeof(name), "%s %s", verb, provider->name);
    span_end(span, name, SPAN_TEXT("peer.service", provider->name),
             SPAN_INT("ordermesh.attempt", request->attempt),
             SPAN_TEXT("ordermesh.payment.code", request->code),
             SPAN_TEXT("error.type", error_of(request)), SPAN_ERROR(error_of(request)));
}

void provider_call(const struct provider *provider, const char *verb, provider_fn operation,
                   const struct request_list *requests) {
    if (span_sink == NULL) {
        operation(provider, requests->items, requests->count);
        return;
    }
    struct span *spans = mem_alloc(requests->count * sizeof(*spans));
    for (size_t i = 0; i < requests->count; i++)
        spans[i] = span_start(SPAN_CLIENT, &requests->items[i]->trace);
    operation(provider, requests->items, requests->count);
    for (size_t i = 0; i < requests->count; i++)
        end_span(provider, verb, &spans[i], requests->items[i]);
    free(spans);
}

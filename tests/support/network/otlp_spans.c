#include "tests/support/network/otlp_spans.h"

#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "tests/support/base/process.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

/* An array with room for one more. */
static void *grow(void *items, size_t count, size_t size) {
    void *grown = realloc(items, (count + 1) * size);
    if (grown == NULL)
        mem_exhausted((count + 1) * size);
    return grown;
}

/* 64-bit numbers are texts there. */
static int64_t us_of(struct json_object *span, const char *key) {
    return json_object_get_int64(json_object_object_get(span, key)) / 1000;
}

static const char *service_of(struct json_object *resource) {
    struct json_object *attributes = json_object_object_get(resource, "attributes");
    for (size_t i = 0; i < json_object_array_length(attributes); i++) {
        struct json_object *attribute = json_object_array_get_idx(attributes, i);
        if (strcmp(text_of(attribute, "key"), "service.name") == 0)
            return text_of(json_object_object_get(attribute, "value"), "stringValue");
    }
    return "";
}

static void take_spans(struct otlp_spans *spans, const char *service, struct json_object *array,
                       const char *trace_id) {
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *span = json_object_array_get_idx(array, i);
        if (trace_id != NULL && strcmp(text_of(span, "traceId"), trace_id) != 0)
            continue;
        spans->items = grow(spans->items, spans->count, sizeof(*spans->items));
        spans->items[spans->count++] = (struct otlp_span){
            .service = service,
            .name = text_of(span, "name"),
            .trace_id = text_of(span, "traceId"),
            .id = text_of(span, "spanId"),
            .parent_id = text_of(span, "parentSpanId"),
            .kind = json_object_get_int(json_object_object_get(span, "kind")),
            .started_us = us_of(span, "startTimeUnixNano"),
            .ended_us = us_of(span, "endTimeUnixNano"),
        };
    }
}

/* Ours have one resource and one scope each. */
static void take_document(struct otlp_spans *spans, struct slice line, const char *trace_id) {
    struct error error = {0};
    struct json_object *root = NULL;
    if (json_parse(line, &root, &error) != STATUS_OK)
        fixture_fail("the collector was sent what is no JSON: %s", error.text);
    spans->documents =
        grow((void *)spans->documents, spans->document_count, sizeof(struct json_object *));
    spans->documents[spans->document_count++] = root;
    struct json_object *resource =
        json_object_array_get_idx(json_object_object_get(root, "resourceSpans"), 0);
    struct json_object *scope =
        json_object_array_get_idx(json_object_object_get(resource, "scopeSpans"), 0);
    take_spans(spans, service_of(json_object_object_get(resource, "resource")),
               json_object_object_get(scope, "spans"), trace_id);
}

void otlp_spans_read(struct otlp_spans *spans, struct slice lines, const char *trace_id) {
    while (lines.len > 0) {
        struct slice line = slice_take_until(&lines, '\n');
        if (line.len > 0)
            take_document(spans, line, trace_id);
    }
}

const struct otlp_span *otlp_spans_parent(const struct otlp_spans *spans,
                                          const struct otlp_span *span) {
    for (size_t i = 0; i < spans->count && span->parent_id != NULL; i++) {
        if (strcmp(spans->items[i].id, span->parent_id) == 0)
            return &spans->items[i];
    }
    return NULL;
}

void otlp_spans_fini(struct otlp_spans *spans) {
    for (size_t i = 0; i < spans->document_count; i++)
        json_object_put(spans->documents[i]);
    free((void *)spans->documents);
    free(spans->items);
    *spans = (struct otlp_spans){0};
}

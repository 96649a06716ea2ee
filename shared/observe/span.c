#include "shared/observe/span.h"

#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATUS_CODE_ERROR 2

span_sink_fn span_sink;

struct span span_start(enum span_kind kind, const struct trace *parent) {
    struct span span = {.kind = kind, .trace = trace_child(parent)};
    memcpy(span.parent_id, parent->span_id, sizeof(span.parent_id));
    if (span_is_recorded(parent))
        span.started_us = clock_now_us();
    return span;
}

struct span span_start_root(enum span_kind kind) {
    return (struct span){.kind = kind, .trace = trace_start(), .started_us = clock_now_us()};
}

void span_end_fields(const struct span *span, const char *name, const struct span_field *fields,
                     size_t count) {
    if (span_is_recorded(&span->trace))
        span_sink(span, name, clock_now_us(), fields, count);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void put_ids(struct json_writer *w, const struct trace *trace) {
    char trace_id[33], span_id[17];
    hex_encode(trace->trace_id, sizeof(trace->trace_id), trace_id);
    hex_encode(trace->span_id, sizeof(trace->span_id), span_id);
    json_put_text(w, "traceId", trace_id);
    json_put_text(w, "spanId", span_id);
}

/* 64-bit numbers are strings in Protocol Buffers' JSON. */
static void put_int64(struct json_writer *w, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    json_put_text(w, key, text);
}

static void put_parent(struct json_writer *w, const struct span *span) {
    static const uint8_t none[8];
    char id[17];
    if (memcmp(span->parent_id, none, sizeof(none)) == 0)
        return;
    hex_encode(span->parent_id, sizeof(span->parent_id), id);
    json_put_text(w, "parentSpanId", id);
}

static void put_attribute(struct json_writer *w, const struct span_field *field) {
    if (field->kind == SPAN_FIELD_TEXT && field->text.len == 0)
        return;
    json_begin_object(w);
    json_put_text(w, "key", field->key);
    json_key(w, "value");
    json_begin_object(w);
    if (field->kind == SPAN_FIELD_TEXT)
        json_put_string(w, "stringValue", field->text);
    else
        put_int64(w, "intValue", field->number);
    json_end_object(w);
    json_end_object(w);
}

static void put_attributes(struct json_writer *w, const struct span_field *fields, size_t count) {
    json_key(w, "attributes");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind == SPAN_FIELD_TEXT || fields[i].kind == SPAN_FIELD_INT)
            put_attribute(w, &fields[i]);
    }
    json_end_array(w);
}

static void put_links(struct json_writer *w, const struct span_field *fields, size_t count) {
    json_key(w, "links");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != SPAN_FIELD_LINK)
            continue;
        json_begin_object(w);
        put_ids(w, fields[i].link);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_status(struct json_writer *w, const struct span_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != SPAN_FIELD_ERROR || fields[i].text.len == 0)
            continue;
        json_key(w, "status");
        json_begin_object(w);
        json_put_int(w, "code", STATUS_CODE_ERROR);
        json_put_string(w, "message", fields[i].text);
        json_end_object(w);
        return;
    }
}

void span_write(const struct span *span, const char *name, int64_t ended_us,
                const struct span_field *fields, size_t count, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_ids(&w, &span->trace);
    put_parent(&w, span);
    json_put_text(&w, "name", name);
    json_put_int(&w, "kind", span->kind);
    json_put_int(&w, "flags", span->trace.flags);
    put_int64(&w, "startTimeUnixNano", span->started_us * 1000);
    put_int64(&w, "endTimeUnixNano", ended_us * 1000);
    put_attributes(&w, fields, count);
    put_links(&w, fields, count);
    put_status(&w, fields, count);
    json_end_object(&w);
}

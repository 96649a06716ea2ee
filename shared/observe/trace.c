#include "shared/observe/trace.h"

#include "shared/base/hex.h"
#include "shared/base/random.h"

enum { VERSION_INVALID = 0xff };

static bool is_zero(const uint8_t *bytes, size_t len) {
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

/* Ids of zeros mean "none", so they are drawn again. */
static void draw_id(uint8_t *id, size_t len) {
    do
        random_bytes(id, len);
    while (is_zero(id, len));
}

struct trace trace_start(void) {
    struct trace trace = {.flags = TRACE_SAMPLED};
    draw_id(trace.trace_id, sizeof(trace.trace_id));
    draw_id(trace.span_id, sizeof(trace.span_id));
    return trace;
}

struct trace trace_child(const struct trace *parent) {
    struct trace child = *parent;
    draw_id(child.span_id, sizeof(child.span_id));
    return child;
}

/* The standard wants lower case. */
static int lower_hex_value(char c) {
    return c >= 'A' && c <= 'F' ? -1 : hex_value(c);
}

static bool take_hex(const char **at, uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        int high = lower_hex_value((*at)[0]), low = lower_hex_value((*at)[1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
        *at += 2;
    }
    return true;
}

static bool take_dash(const char **at) {
    return *(*at)++ == '-';
}

/* A version above 00 may carry more fields, after another dash; the fields of 00 are read from it.
 */
static bool length_fits(struct slice header, uint8_t version) {
    if (header.len == TRACEPARENT_LEN)
        return true;
    return version > 0 && header.ptr[TRACEPARENT_LEN] == '-';
}

bool trace_parse(struct slice header, struct trace *trace) {
    if (header.len < TRACEPARENT_LEN)
        return false;
    uint8_t version;
    struct trace parsed;
    const char *at = header.ptr;
    if (!take_hex(&at, &version, 1) || version == VERSION_INVALID || !length_fits(header, version))
        return false;
    if (!take_dash(&at) || !take_hex(&at, parsed.trace_id, sizeof(parsed.trace_id)) ||
        !take_dash(&at) || !take_hex(&at, parsed.span_id, sizeof(parsed.span_id)) ||
        !take_dash(&at) || !take_hex(&at, &parsed.flags, 1))
        return false;
    if (is_zero(parsed.trace_id, sizeof(parsed.trace_id)) ||
        is_zero(parsed.span_id, sizeof(parsed.span_id)))
        return false;
    *trace = parsed;
    return true;
}

/* Returns where the digits end. */
static char *put_hex(char *at, const uint8_t *bytes, size_t len) {
    hex_encode(bytes, len, at);
    return at + 2 * len;
}

void trace_format(const struct trace *trace, char *text) {
    static const uint8_t version;
    char *at = put_hex(text, &version, 1);
    *at++ = '-';
    at = put_hex(at, trace->trace_id, sizeof(trace->trace_id));
    *at++ = '-';
    at = put_hex(at, trace->span_id, sizeof(trace->span_id));
    *at++ = '-';
    put_hex(at, &trace->flags, 1);
}

void trace_format_id(const struct trace *trace, char *text) {
    hex_encode(trace->trace_id, sizeof(trace->trace_id), text);
}

static _Thread_local struct trace current;

void trace_set_current(const struct trace *trace) {
    current = trace != NULL ? *trace : (struct trace){0};
}

const struct trace *trace_current(void) {
    return &current;
}

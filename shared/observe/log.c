#include "shared/observe/log.h"

#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/json/json.h"
#include "shared/observe/trace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Set once by log_init() before threads start, read-only after. */
static struct {
    const char *service, *instance;
    enum log_level least;
} settings = {.service = "", .instance = "", .least = LOG_LEVEL_INFO};

void log_init(const char *service, const char *instance, enum log_level least) {
    settings.service = service;
    settings.instance = instance;
    settings.least = least;
}

static void put_trace(struct json_writer *w) {
    static const struct trace none;
    const struct trace *current = trace_current();
    char trace_id[33], span_id[17];
    if (memcmp(current->trace_id, none.trace_id, sizeof(none.trace_id)) == 0)
        return;
    trace_format_id(current, trace_id);
    hex_encode(current->span_id, sizeof(current->span_id), span_id);
    json_put_text(w, "traceId", trace_id);
    json_put_text(w, "spanId", span_id);
}

bool log_level_parse(const char *text, enum log_level *level) {
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void put_field(struct json_writer *w, const struct log_field *field) {
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        json_put_string(w, field->key, field->text);
        break;
    case LOG_FIELD_INT:
        json_put_int(w, field->key, field->number);
        break;
    case LOG_FIELD_ERROR:
        json_put_text(w, field->key, field->error->text);
        json_put_text(w, "errorStatus", status_name(field->error->status));
        if (field->error->sqlstate[0] != '\0')
            json_put_text(w, "sqlstate", field->error->sqlstate);
        break;
    }
}

/* One call, so that lines of several threads and processes do not mix. A log that cannot be written
   has nowhere to complain. */
static void write_line(struct slice line) {
    while (write(STDERR_FILENO, line.ptr, line.len) < 0 && errno == EINTR)
        continue;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count) {
    if (level < settings.least)
        return;
    char time[RFC3339_SIZE];
    clock_format(clock_now_us(), time);

    struct buf line = {0};
    buf_reserve(&line, 512);
    struct json_writer w = json_writer(&line);
    json_begin_object(&w);
    json_put_text(&w, "time", time);
    json_put_text(&w, "level", level_names[level]);
    json_put_text(&w, "service", settings.service);
    json_put_text(&w, "instance", settings.instance);
    json_put_text(&w, "msg", message);
    put_trace(&w);
    for (size_t i = 0; i < count; i++)
        put_field(&w, &fields[i]);
    json_end_object(&w);
    buf_append_char(&line, '\n');
    write_line(buf_slice(&line));
    buf_fini(&line);
}

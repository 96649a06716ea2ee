#include "shared/observe/log.h"

#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/json/json.h"
#include "shared/observe/trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Set once by log_init() before threads start, read-only after. */
static struct {
    const char *service, *instance;
    enum log_level least;
} settings = {.service = "", .instance = "", .least = LOG_LEVEL_INFO};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all sites */
static struct log_site *holding;                          /* those that hold lines back */

static void tell_all(void) {
    log_tell_held(INT64_MAX);
}

void log_init(const char *service, const char *instance, enum log_level least) {
    if (settings.service[0] == '\0')
        atexit(tell_all);
    settings.service = service;
    settings.instance = instance;
    settings.least = least;
}

bool log_takes(enum log_level level) {
    return level >= settings.least;
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

static void write_fields(enum log_level level, const char *message, const struct log_field *fields,
                         size_t count) {
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

/* --- what is repeated ------------------------------------------------------------------------- */

/* FNV-1a of the error's text; that of nothing without one. */
static uint32_t hash_error(const struct log_field *fields, size_t count) {
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < count; i++)
        for (const char *at = fields[i].kind == LOG_FIELD_ERROR ? fields[i].error->text : "";
             *at != '\0'; at++)
            hash = (hash ^ (unsigned char)*at) * 16777619U;
    return hash;
}

static bool is_new_error(struct log_site *site, uint32_t hash) {
    for (size_t i = 0; i < site->error_count; i++)
        if (site->errors[i] == hash)
            return false;
    if (site->error_count == LOG_SITE_ERRORS)
        return false;
    site->errors[site->error_count++] = hash;
    return true;
}

/* False: it is held back. */
static bool take_turn(struct log_site *site, uint32_t hash, int64_t now_us) {
    if (site->since_us == 0 || now_us >= site->since_us + LOG_INTERVAL_US) {
        site->since_us = now_us;
        site->written = 0;
        site->error_count = 0;
    }
    bool is_new = is_new_error(site, hash);
    if (is_new || site->written < LOG_BURST) {
        site->written++;
        return true;
    }
    if (site->held++ == 0) {
        site->next = holding;
        holding = site;
    }
    return false;
}

static void tell_ended(int64_t now_us) {
    for (struct log_site **link = &holding; *link != NULL;) {
        struct log_site *site = *link;
        if (now_us < site->since_us + LOG_INTERVAL_US) {
            link = &site->next;
            continue;
        }
        *link = site->next;
        const struct log_field held = LOG_INT("heldBack", site->held);
        write_fields(site->level, site->message, &held, 1);
        site->held = 0;
        site->since_us = 0;
    }
}

void log_tell_held(int64_t now_us) {
    pthread_mutex_lock(&mutex);
    tell_ended(now_us);
    pthread_mutex_unlock(&mutex);
}

void log_write(struct log_site *site, enum log_level level, const char *message,
               const struct log_field *fields, size_t count) {
    bool is_written = true;
    if (level != LOG_LEVEL_DEBUG) {
        int64_t now_us = clock_monotonic_us();
        pthread_mutex_lock(&mutex);
        tell_ended(now_us);
        site->message = message;
        site->level = level;
        is_written = take_turn(site, hash_error(fields, count), now_us);
        pthread_mutex_unlock(&mutex);
    }
    if (is_written)
        write_fields(level, message, fields, count);
}

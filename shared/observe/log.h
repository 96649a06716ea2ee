/*
 * JSON logs, one object a line on stderr: time, level, service, instance, msg and the fields given.
 * A line also carries the ids of the trace that its thread works for (trace_set_current()).
 * Personal data and secrets are never fields. Thread safe; a line is one write(2).
 *
 *     log_info("order accepted", LOG_TEXT("orderId", id), LOG_INT("items", n));
 *     log_error("relay stopped", LOG_ERROR(&error));
 */
#ifndef OM_SHARED_OBSERVE_LOG_H
#define OM_SHARED_OBSERVE_LOG_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
    const char *key;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_ERROR } kind;
    struct slice text;
    int64_t number;
    const struct error *error;
};

#define LOG_TEXT(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = slice_of(v)})
#define LOG_SLICE(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .number = (v)})
#define LOG_ERROR(e) ((struct log_field){.key = "error", .kind = LOG_FIELD_ERROR, .error = (e)})

/* `service` and `instance` are borrowed for the life of the process. */
void log_init(const char *service, const char *instance, enum log_level least);
bool log_level_parse(const char *text, enum log_level *level); /* debug info warn error */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

#define LOG_AT(level, message, ...)                                                                \
    do {                                                                                           \
        const struct log_field log_fields[] = {{0}, ##__VA_ARGS__};                                \
        log_write((level), (message), log_fields + 1,                                              \
                  sizeof(log_fields) / sizeof(log_fields[0]) - 1);                                 \
    } while (0)
#define log_debug(message, ...) LOG_AT(LOG_LEVEL_DEBUG, message, ##__VA_ARGS__)
#define log_info(message, ...) LOG_AT(LOG_LEVEL_INFO, message, ##__VA_ARGS__)
#define log_warn(message, ...) LOG_AT(LOG_LEVEL_WARN, message, ##__VA_ARGS__)
#define log_error(message, ...) LOG_AT(LOG_LEVEL_ERROR, message, ##__VA_ARGS__)

#endif

/*
 * JSON logs, one object a line on stderr: time, level, service, instance, msg and the fields given.
 * A line also carries the ids of the trace that its thread works for (trace_set_current()).
 * Personal data and secrets are never fields. Thread safe; a line is one write(2).
 *
 * Each place in the source may write LOG_BURST lines within LOG_INTERVAL_US, and the first line
 * with an error's text besides; further ones are held back, and when the interval ends one line
 * says how many (`heldBack`). Debug lines are not held back.
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

#define LOG_BURST 10
#define LOG_INTERVAL_US (INT64_C(10) * 1000000)
#define LOG_SITE_ERRORS 8

/* What a place in the source wrote in its interval. Static and zeroed; log.c's. */
struct log_site {
    const char *message;
    enum log_level level;
    int64_t since_us; /* monotonic; 0: no interval has begun */
    unsigned written;
    int64_t held;
    uint32_t errors[LOG_SITE_ERRORS]; /* hashes of the texts written */
    size_t error_count;
    struct log_site *next; /* in the list of those that hold lines back */
};

/* `service` and `instance` are borrowed for the life of the process. */
void log_init(const char *service, const char *instance, enum log_level least);
bool log_level_parse(const char *text, enum log_level *level); /* debug info warn error */
bool log_takes(enum log_level level);
/* `message` is a literal. */
void log_write(struct log_site *site, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);
/* Says what was held back in intervals that have ended at the monotonic time. Each line does so,
   and the admin port's thread, for a process that falls silent. */
void log_tell_held(int64_t now_us);

#define LOG_AT(level, message, ...)                                                                \
    do {                                                                                           \
        static struct log_site log_site;                                                           \
        if (!log_takes(level))                                                                     \
            break;                                                                                 \
        const struct log_field log_fields[] = {{0}, ##__VA_ARGS__};                                \
        log_write(&log_site, (level), (message), log_fields + 1,                                   \
                  sizeof(log_fields) / sizeof(log_fields[0]) - 1);                                 \
    } while (0)
#define log_debug(message, ...) LOG_AT(LOG_LEVEL_DEBUG, message, ##__VA_ARGS__)
#define log_info(message, ...) LOG_AT(LOG_LEVEL_INFO, message, ##__VA_ARGS__)
#define log_warn(message, ...) LOG_AT(LOG_LEVEL_WARN, message, ##__VA_ARGS__)
#define log_error(message, ...) LOG_AT(LOG_LEVEL_ERROR, message, ##__VA_ARGS__)

#endif

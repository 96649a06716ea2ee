#include "shared/base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *text;
    bool retryable;
} statuses[] = {
#define STATUS_ROW(id, can_retry, words) {.name = #id, .text = (words), .retryable = (can_retry)},
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static const size_t status_count = sizeof(statuses) / sizeof(statuses[0]);

const char *status_name(enum status status) {
    return (size_t)status < status_count ? statuses[status].name : "UNKNOWN";
}

const char *status_text(enum status status) {
    return (size_t)status < status_count ? statuses[status].text : "unknown status";
}

bool status_is_retryable(enum status status) {
    return (size_t)status < status_count && statuses[status].retryable;
}

enum status error_fill(struct error *error, enum status status, const char *format, ...) {
    if (error == NULL)
        return status;
    error->status = status;
    error->sqlstate[0] = '\0';
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return status;
}

#include "shared/consume/delivery.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark(struct delivery *delivery, enum outcome outcome, enum status status,
                 const char *format, va_list args) {
    delivery->outcome = outcome;
    char text[sizeof(delivery->error.text)];
    vsnprintf(text, sizeof(text), format, args);
    error_set(&delivery->error, status, "%s", text);
}

void delivery_reject(struct delivery *delivery, enum status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    mark(delivery, OUTCOME_REJECT, status, format, args);
    va_end(args);
}

void delivery_retry(struct delivery *delivery, enum status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    mark(delivery, OUTCOME_RETRY, status, format, args);
    va_end(args);
}

void delivery_fail(struct delivery *delivery, enum status status, const struct error *error) {
    delivery_retry(delivery, status, "%s", error->text);
    memcpy(delivery->error.sqlstate, error->sqlstate, sizeof(error->sqlstate));
}

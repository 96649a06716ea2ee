#include "shared/consume/delivery.h"

#include "shared/base/backoff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void delivery_mark(struct delivery *delivery, enum outcome outcome, enum status status,
                   const char *format, ...) {
    char text[sizeof(delivery->error.text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    delivery->outcome = outcome;
    error_set(&delivery->error, status, "%s", text);
}

void delivery_fail(struct delivery *delivery, enum status status, const struct error *error) {
    delivery_retry(delivery, status, "%s", error->text);
    memcpy(delivery->error.sqlstate, error->sqlstate, sizeof(error->sqlstate));
}

int64_t delivery_retry_ms(int attempt, bool is_last) {
    static const struct backoff delays = {.least_ms = 1000, .most_ms = 64000};
    return backoff_after(&delays, is_last ? 1 : attempt);
}

#include "shared/nats/service_error.h"

#include "shared/base/slice.h"

int service_error_code(enum status status) {
    switch (status) {
    case STATUS_INVALID:
    case STATUS_UNSUPPORTED:
        return 400;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_CONFLICT:
        return 409;
    default:
        return status_is_retryable(status) ? 503 : 500;
    }
}

enum status service_error_status(const char *code) {
    uint64_t number = 0;
    (void)slice_parse_uint(slice_of(code), 999, &number);
    switch (number) {
    case 400:
        return STATUS_INVALID;
    case 404:
        return STATUS_NOT_FOUND;
    case 409:
        return STATUS_CONFLICT;
    case 503:
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_INTERNAL;
    }
}

/*
 * Status codes of every fallible call, and the detail that travels beside them.
 *
 * One table makes the enum, its text and whether trying again can help. A function that can fail
 * returns `enum status` and writes detail into the caller's `struct error`; out-parameters are
 * written on success only. Errors are logged once, where they are handled.
 */
#ifndef OM_SHARED_BASE_STATUS_H
#define OM_SHARED_BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* name, retryable, text */
#define STATUS_TABLE(X)                                                                            \
    X(OK, false, "ok")                                                                             \
    X(INVALID, false, "invalid input")                                                             \
    X(UNSUPPORTED, false, "unsupported version or type")                                           \
    X(NOT_FOUND, false, "not found")                                                               \
    X(CONFLICT, false, "conflicts with what is there")                                             \
    X(DATA, false, "the database refused the data")                                                \
    X(SERIALIZATION, true, "deadlock or serialization failure")                                    \
    X(TIMEOUT, true, "timed out")                                                                  \
    X(UNAVAILABLE, true, "a dependency is unavailable")                                            \
    X(OVERLOADED, true, "over capacity")                                                           \
    X(NO_MEMORY, true, "out of memory")                                                            \
    X(CLOSED, false, "closed or draining")                                                         \
    X(INTERNAL, false, "internal error")

enum status {
#define STATUS_ENUM(name, retryable, text) STATUS_##name,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Detail of one failure. Plain value; `text` is always terminated. Holds no personal data. */
struct error {
    enum status status;
    char sqlstate[6]; /* set when PostgreSQL said it, else "" */
    char text[250];
};

const char *status_name(enum status status); /* "NOT_FOUND" */
const char *status_text(enum status status); /* "not found" */
bool status_is_retryable(enum status status);

/* Fills *error (may be NULL) and returns `status`, so that `return error_set(...)` reads well.
   `status` is a failure; OK would be a bug of ours and becomes INTERNAL. */
#define error_set(...) status_of_failure(error_fill(__VA_ARGS__))
enum status error_fill(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Inline, so that compilers see that out-parameters were written after a success. */
static inline enum status status_of_failure(enum status status) {
    return status == STATUS_OK ? STATUS_INTERNAL : status;
}

#endif

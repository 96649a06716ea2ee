/*
 * Errors as the client sees them: RFC 9457 problem+json. One table gives each problem its type
 * name, status and title; a handler adds a detail or the list of fields at fault.
 *
 * problem_write() is pure. The senders run on the request's loop thread; what they are given is
 * copied before they return.
 */
#ifndef OM_GATEWAY_PROBLEM_H
#define OM_GATEWAY_PROBLEM_H

#include "shared/buf.h"
#include "shared/status.h"

#include <h2o.h>

/* id, type (after PROBLEM_TYPE_PREFIX), HTTP status, Retry-After in seconds (0: none), title */
#define PROBLEM_TABLE(X)                                                                           \
    X(MALFORMED_REQUEST, "malformed-request", 400, 0, "The request is malformed")                  \
    X(INVALID_JSON, "invalid-json", 400, 0, "The body is not one strict JSON object")              \
    X(INVALID_KEY, "invalid-idempotency-key", 400, 0, "The Idempotency-Key is malformed")          \
    X(MISSING_KEY, "missing-idempotency-key", 400, 0, "An Idempotency-Key is required")            \
    X(INVALID_QUERY, "invalid-query", 400, 0, "The query has invalid parameters")                  \
    X(FORBIDDEN, "forbidden", 403, 0, "This is not allowed")                                       \
    X(NOT_FOUND, "not-found", 404, 0, "There is nothing here")                                     \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, 0, "The method is not allowed here")          \
    X(KEY_IN_FLIGHT, "idempotency-key-in-flight", 409, 1,                                          \
      "A request with this Idempotency-Key is still in flight")                                    \
    X(VERSION_CONFLICT, "version-conflict", 409, 0, "The product is at another version")           \
    X(INSUFFICIENT_STOCK, "insufficient-stock", 409, 0, "The stock cannot be changed by so much")  \
    X(PRECONDITION_FAILED, "precondition-failed", 412, 0, "The product is at another version")     \
    X(NOT_CANCELLABLE, "not-cancellable", 409, 0, "The order has ended and cannot be cancelled")   \
    X(BODY_TOO_LARGE, "body-too-large", 413, 0, "The body is too large")                           \
    X(URI_TOO_LONG, "uri-too-long", 414, 0, "The request target is too long")                      \
    X(UNSUPPORTED_MEDIA, "unsupported-media-type", 415, 0,                                         \
      "The body must be sent once as plain application/json")                                      \
    X(EXPECTATION_FAILED, "expectation-failed", 417, 0, "The expectation cannot be met")           \
    X(INVALID_ORDER, "invalid-order", 422, 0, "The order has invalid fields")                      \
    X(INVALID_PRODUCT, "invalid-product", 422, 0, "The product has invalid fields")                \
    X(INVALID_ADJUSTMENT, "invalid-adjustment", 422, 0, "The adjustment has invalid fields")       \
    X(KEY_REUSED, "idempotency-key-reused", 422, 0,                                                \
      "The Idempotency-Key was used with another body")                                            \
    X(HEADERS_TOO_LARGE, "headers-too-large", 431, 0, "The request's headers are too large")       \
    X(INTERNAL, "internal", 500, 0, "The request could not be answered")                           \
    X(UNAVAILABLE, "unavailable", 503, 1, "A part of the system is away; please try again")        \
    X(OVERLOADED, "overloaded", 503, 1, "Too many requests are in flight; please try again")       \
    X(NOT_CONFIRMED, "not-confirmed", 503, 1, "The answer did not come in time; please try again")

enum problem {
#define PROBLEM_ENUM(id, type, status, retry_after_s, title) PROBLEM_##id,
    PROBLEM_TABLE(PROBLEM_ENUM)
#undef PROBLEM_ENUM
        PROBLEM_COUNT
};

#define PROBLEM_TYPE_PREFIX "urn:ordermesh:problem:"

/* What is wrong with one field; `field` is a path such as items[2].sku. */
struct field_error {
    struct slice field;
    const char *message;
};

#define FIELD_ERRORS_MAX 100 /* further ones are dropped: the answer stays bounded */

/* Grows in the arena it is given; zero-initialize the rest. */
struct field_errors {
    struct arena *arena;
    struct field_error *entries;
    size_t count;
};

/* `field` and `message` are borrowed: give literals or text of the same arena. */
void field_error_add(struct field_errors *errors, struct slice field, const char *message);

int problem_status(enum problem problem);
/* What a failed call to the broker is to the client. */
enum problem problem_of(enum status status);
/* Appends the document. `detail` and `errors` may be NULL. */
void problem_write(enum problem problem, const char *detail, const struct field_errors *errors,
                   struct buf *out);

void problem_send(h2o_req_t *req, enum problem problem, const char *detail);
void problem_send_fields(h2o_req_t *req, enum problem problem, const struct field_errors *errors);

/* Turns the plain-text errors that h2o itself answers (413, 400, 417) into problems. */
void problem_filter_register(h2o_pathconf_t *pathconf);

#endif

/*
 * Errors as the client sees them: RFC 9457 problem+json. problem_table.h gives each problem its
 * type, status and title; a handler adds a detail or the list of fields at fault.
 *
 * problem_write() is pure. The senders run on the request's loop thread; what they are given is
 * copied before they return.
 */
#ifndef OM_GATEWAY_REPLY_PROBLEM_H
#define OM_GATEWAY_REPLY_PROBLEM_H

#include "gateway/reply/problem_table.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/status.h"

#include "shared/loop/loop.h"

enum problem {
#define PROBLEM_ENUM(id, name, status, retry_after_s, title, happened, remedy) PROBLEM_##id,
    PROBLEM_TABLE(PROBLEM_ENUM)
#undef PROBLEM_ENUM
        PROBLEM_COUNT
};

/* A type is a relative reference (RFC 9457 section 3.1.1): following it leads to a page that
   explains the problem. */
#define PROBLEM_TYPE_PREFIX "/problems/"

/* One field's fault; `field` is a path such as items[2].sku. */
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
/* A member's name as it is shown: one that the client made up may be too long. */
struct slice field_shown(struct slice name);

int problem_status(enum problem problem);
/* The problem that the client is told of when a call to the broker failed. */
enum problem problem_of(enum status status);
/* Appends the document. `detail` and `errors` may be NULL. */
void problem_write(enum problem problem, const char *detail, const struct field_errors *errors,
                   struct buf *out);

void problem_send(h2o_req_t *req, enum problem problem, const char *detail);
void problem_send_fields(h2o_req_t *req, enum problem problem, const struct field_errors *errors);

#endif

/*
 * Reading a query, `a=1&b=2`: each parameter at most once, percent-encoded (RFC 3986 section 2.1);
 * `+` stands for itself, as in a time's offset. Unknown parameters are faults. Pure.
 */
#ifndef OM_GATEWAY_REPLY_QUERY_H
#define OM_GATEWAY_REPLY_QUERY_H

#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/base/status.h"

#include "shared/loop/loop.h"

struct query_parameter {
    const char *name;
    size_t most;        /* bytes of its decoded value */
    struct slice value; /* out: decoded, in the arena; empty when it was not given */
};

/* The part of the request's target behind its `?`; borrows from it. */
struct slice query_of(const h2o_req_t *req);
/* Fills the values in. INVALID says which parameter is wrong and why; then some may be filled in. A
   parameter without a value is malformed. */
enum status query_parse(struct slice query, struct query_parameter *parameters, size_t count,
                        struct arena *arena, struct error *error) MUST_CHECK;
/* How much of a list is wanted: 1 to `most`, in digits without leading zeros. */
bool query_limit(struct slice text, int64_t most, int64_t *limit);
/* Appends `name=value` to a query under construction, percent-encoded, with an `&` unless a `?`
   stands before it. */
void query_append(struct buf *out, const char *name, struct slice value);

#endif

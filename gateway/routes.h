/*
 * The HTTP API as one table: method, path, handler, and who may call it how often. Paths are
 * matched as sent, byte by byte and without decoding, so that %2e or %2f are neither dots nor
 * slashes. `{id}` stands for one segment, which is percent-decoded, once, for its handler; where a
 * path matches several patterns, the first of them counts.
 */
#ifndef OM_GATEWAY_ROUTES_H
#define OM_GATEWAY_ROUTES_H

#include "gateway/admit/rate_limit.h"
#include "gateway/http/http_head.h"
#include "gateway/lane/caller.h"
#include "gateway/reply/problem.h"
#include "shared/base/buf.h"

#include <h2o.h>

struct route {
    const char *method; /* GET answers HEAD too */
    const char *pattern;
    /* Answers now, or later on the loop's thread. `id` is empty where the pattern has none, and
       lives as long as the request. */
    void (*handle)(h2o_req_t *req, struct slice id);
    enum scope scope; /* what the caller must be allowed to */
    enum rate_class rate_class;
};

extern const struct route routes[];
extern const size_t route_count;

#define ROUTE_ALLOW_SIZE 64

/* The route of method and path; `*id` is as sent. Otherwise NULL, and `allow` (ROUTE_ALLOW_SIZE
   bytes) lists the methods that the path has: empty when there is no such path. Pure. */
const struct route *route_find(struct slice method, struct slice path, struct slice *id,
                               char *allow);

/* Whether the body of a request, whose head has come, is wanted: there is such a route, and the
   token opens it. False: the request, handed on as it is, will be refused. */
bool routes_await_body(h2o_req_t *req, const struct http_head *head);

/* Answers, and counts, a request that could not be read. `detail` may be NULL. */
void routes_refuse(h2o_req_t *req, enum problem problem, const char *detail);

/* Hands every request of `pathconf` to its route, and measures it. */
void routes_register(h2o_pathconf_t *pathconf);

#endif

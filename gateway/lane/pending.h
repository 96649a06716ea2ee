/*
 * A request whose answer comes later. Its client may vanish meanwhile, which ends the h2o_req_t but
 * not the work: the code that continues looks at `req` first.
 *
 * Embed it as the first member. Two hold it: the request, until h2o disposes of it, and the
 * handler, until it answers, refuses or releases it. Loop thread only.
 */
#ifndef OM_GATEWAY_LANE_PENDING_H
#define OM_GATEWAY_LANE_PENDING_H

#include "gateway/lane/caller.h"
#include "gateway/lane/lane.h"
#include "gateway/reply/problem.h"
#include "shared/base/slice.h"
#include "shared/observe/trace.h"

struct pending {
    h2o_req_t *req; /* NULL once the client is gone */
    struct lane *lane;
    struct caller caller;
    struct trace trace; /* read it with pending_trace() */
};

/* `bytes` zeroed bytes that begin with a struct pending; `dispose` (may be NULL) runs at the end.
 */
void *pending_create(h2o_req_t *req, size_t bytes, void (*dispose)(void *pending));
void pending_release(void *pending);

/* Each ends the work: it answers, unless the client is gone, with JSON, a resource (resource.h) or
   a problem (`detail` may be NULL), and releases. */
void pending_answer(void *pending, int status, struct slice json);
void pending_answer_resource(void *pending, struct slice json);
void pending_refuse(void *pending, enum problem problem, const char *detail);

/* The request's trace. It outlives the client if it was asked for before. */
const struct trace *pending_trace(struct pending *pending);

#endif

/*
 * A request's place in its trace: a SERVER span below the caller's, or the first of a trace of its
 * own, of which OM_TRACE_SAMPLE says how many are recorded. Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_LANE_REQUEST_TRACE_H
#define OM_GATEWAY_LANE_REQUEST_TRACE_H

#include "shared/observe/trace.h"

#include "shared/loop/loop.h"

/* "0" to "1": the share of new traces that are recorded. */
bool trace_sample_parse(const char *text, double *share);

/* The request's span, the same each time; the parent of what is done for it. */
const struct trace *request_trace(h2o_req_t *req);

/* Ends the span, if there is one: `pattern` is the route's, `status` the answer's or 0 when the
   client left before. */
void request_trace_end(h2o_req_t *req, const char *pattern, int status);

#endif

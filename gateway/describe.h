/*
 * `om-gateway --describe`: the routes and the problems as JSON, to be compared with
 * docs/openapi.yaml:
 *
 *     {"name","version","routes":[{"method","path","scope"?,"limit"?}],
 *      "problems":[{"type","status","title","retryAfter"?}]}
 *
 * `limit` names the quota that the route counts for.
 */
#ifndef OM_GATEWAY_DESCRIBE_H
#define OM_GATEWAY_DESCRIBE_H

#include "shared/base/buf.h"

/* Appends the document. Pure. */
void gateway_describe(struct buf *out);

#endif

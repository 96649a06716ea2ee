/*
 * The HTTP API as one table: method, path, handler, scope, owner and quota. Paths are matched as
 * sent, byte by byte and without decoding, so that %2e or %2f are neither dots nor slashes. `{id}`
 * stands for one segment; the first is percent-decoded, once, for its handler. Where a path matches
 * several patterns, the first of them counts.
 */
#ifndef OM_GATEWAY_ROUTES_H
#define OM_GATEWAY_ROUTES_H

#include "gateway/admit/route.h"
#include "gateway/http/http1.h"
#include "shared/base/slice.h"

#include "shared/loop/loop.h"

extern const struct route routes[];
extern const size_t route_count;

#define ROUTE_ALLOW_SIZE 64

/* The route of method and path; `*id` is as sent. Otherwise NULL, and `allow` (ROUTE_ALLOW_SIZE
   bytes) lists the methods that the path has: empty when there is no such path. Pure. */
const struct route *route_find(struct slice method, struct slice path, struct slice *id,
                               char *allow);

/* The routes' answers to connections, before a request is handed on. */
extern const struct http1_callbacks routes_callbacks;

/* Hands every request of `pathconf` to its route, and measures it. */
void routes_register(h2o_pathconf_t *pathconf);

#endif

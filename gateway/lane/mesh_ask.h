/*
 * One question to a service of the mesh on behalf of a request, as part of its trace. It is asked
 * once: after a 503 the client repeats its request. Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_LANE_MESH_ASK_H
#define OM_GATEWAY_LANE_MESH_ASK_H

#include "gateway/lane/pending.h"
#include "gateway/link/broker.h"
#include "shared/base/slice.h"

/* `body` is JSON and copied. `fn` is called later, once, with `pending` and the answer, whether or
   not the client is still there. A question that cannot be sent ends the request with that problem,
   and `fn` is not called. */
void mesh_ask(struct pending *pending, const char *subject, struct slice body, broker_fn fn);

#endif

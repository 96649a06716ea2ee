/*
 * A request whose answer comes later. Its client may vanish meanwhile, which ends the h2o_req_t but
 * not the work: whoever continues looks at `req` first.
 *
 * Embed it as the first member. Two hold it: the request, until h2o disposes of it, and the
 * handler, until pending_release(). Loop thread only.
 */
#ifndef OM_GATEWAY_LANE_PENDING_H
#define OM_GATEWAY_LANE_PENDING_H

#include "gateway/lane/caller.h"
#include "gateway/lane/lane.h"

struct pending {
    h2o_req_t *req; /* NULL once the client is gone */
    struct lane *lane;
    struct caller caller;
};

/* `bytes` zeroed bytes that begin with a struct pending; `dispose` (may be NULL) runs at the end.
 */
void *pending_create(h2o_req_t *req, size_t bytes, void (*dispose)(void *pending));
void pending_release(void *pending);

#endif

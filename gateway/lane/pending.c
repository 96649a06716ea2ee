#include "gateway/lane/pending.h"

#include <string.h>

static void on_request_gone(void *closure) {
    struct pending *pending = *(struct pending **)closure;
    pending->req = NULL;
    h2o_mem_release_shared(pending);
}

void *pending_create(h2o_req_t *req, size_t bytes, void (*dispose)(void *pending)) {
    struct pending *pending = h2o_mem_alloc_shared(NULL, bytes, dispose);
    memset(pending, 0, bytes);
    pending->req = req;
    pending->lane = lane_of(req);
    pending->caller = *caller_of(req);
    struct pending **link =
        h2o_mem_alloc_shared(&req->pool, sizeof(struct pending *), on_request_gone);
    *link = pending;
    h2o_mem_addref_shared(pending);
    return pending;
}

void pending_release(void *pending) {
    h2o_mem_release_shared(pending);
}

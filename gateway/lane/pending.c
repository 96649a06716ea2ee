#include "gateway/lane/pending.h"

#include "gateway/lane/request_trace.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/resource.h"

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

void pending_answer(void *pending, int status, struct slice json) {
    h2o_req_t *req = ((struct pending *)pending)->req;
    if (req != NULL)
        answer_json(req, status, json);
    pending_release(pending);
}

void pending_answer_resource(void *pending, struct slice json) {
    h2o_req_t *req = ((struct pending *)pending)->req;
    if (req != NULL)
        resource_send(req, json);
    pending_release(pending);
}

void pending_refuse(void *pending, enum problem problem, const char *detail) {
    h2o_req_t *req = ((struct pending *)pending)->req;
    if (req != NULL)
        problem_send(req, problem, detail);
    pending_release(pending);
}

const struct trace *pending_trace(struct pending *pending) {
    if (pending->req != NULL)
        pending->trace = *request_trace(pending->req);
    return &pending->trace;
}

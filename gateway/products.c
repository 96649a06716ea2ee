#include "gateway/products.h"

#include "gateway/answer.h"
#include "gateway/pending.h"
#include "gateway/problem.h"
#include "gateway/request.h"

static void on_products(void *closure, const struct broker_answer *answer) {
    struct pending *pending = closure;
    if (pending->req != NULL && answer->status == STATUS_OK)
        answer_json(pending->req, 200, answer->body);
    else if (pending->req != NULL)
        problem_send(pending->req, problem_of(answer->status), NULL);
    pending_release(pending);
}

void get_products(h2o_req_t *req, struct slice id) {
    (void)id;
    struct pending *pending = pending_create(req, sizeof(*pending), NULL);
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace = request_trace(req);
    trace_format(&trace, traceparent);
    enum status status = broker_request(pending->lane->broker, "mesh.inventory.products",
                                        SLICE_LITERAL("{}"), traceparent, on_products, pending);
    if (status == STATUS_OK)
        return;
    problem_send(req, problem_of(status), NULL);
    pending_release(pending);
}

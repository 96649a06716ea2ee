#include "gateway/lane/mesh_ask.h"

void mesh_ask(struct pending *pending, const char *subject, struct slice body, broker_fn fn) {
    char traceparent[TRACEPARENT_SIZE];
    trace_format(pending_trace(pending), traceparent);
    const struct broker_question question = {subject, traceparent, body};
    enum status status = broker_request(pending->lane->broker, &question, fn, pending);
    if (status != STATUS_OK)
        pending_refuse(pending, problem_of(status), NULL);
}

#include "gateway/admin/analytics.h"

#include "gateway/admin/analytics_query.h"
#include "gateway/lane/pending.h"
#include "gateway/lane/request_trace.h"
#include "gateway/link/broker.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"

static void on_report(void *closure, const struct broker_answer *answer) {
    struct pending *pending = closure;
    if (pending->req != NULL && answer->status == STATUS_OK)
        answer_json(pending->req, 200, answer->body);
    else if (pending->req != NULL && answer->status == STATUS_INVALID)
        problem_send(pending->req, PROBLEM_INVALID_QUERY,
                     "granularity: the answer is too large; take a coarser one");
    else if (pending->req != NULL)
        problem_send(pending->req, problem_of(answer->status), NULL);
    pending_release(pending);
}

static void write_request(struct buf *body, const struct period *period) {
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
    clock_format(period->from_us, from);
    clock_format(period->to_us, to);
    buf_clear(body);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "from", from);
    json_put_text(&w, "to", to);
    json_put_text(&w, "granularity", granularity_name(period->granularity));
    json_end_object(&w);
}

static void ask(h2o_req_t *req, const char *subject) {
    struct period period;
    struct error error;
    size_t query_at = req->query_at == SIZE_MAX ? req->path.len : req->query_at + 1;
    struct slice query = {req->path.base + query_at, req->path.len - query_at};
    if (analytics_query_parse(query, clock_now_us(), &period, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
        return;
    }
    struct pending *pending = pending_create(req, sizeof(*pending), NULL);
    struct buf *body = &pending->lane->scratch;
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace = *request_trace(req);
    trace_format(&trace, traceparent);
    write_request(body, &period);
    enum status status = broker_request(pending->lane->broker, subject, buf_slice(body),
                                        traceparent, on_report, pending);
    if (status == STATUS_OK)
        return;
    problem_send(req, problem_of(status), NULL);
    pending_release(pending);
}

void get_analytics_dashboard(h2o_req_t *req, struct slice id) {
    (void)id;
    ask(req, "mesh.analytics.dashboard");
}

void get_analytics_metrics(h2o_req_t *req, struct slice id) {
    (void)id;
    ask(req, "mesh.analytics.metrics");
}

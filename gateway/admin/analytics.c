#include "gateway/admin/analytics.h"

#include "gateway/admin/analytics_query.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/query.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"

static void on_report(void *closure, const struct broker_answer *answer) {
    if (answer->status == STATUS_OK)
        pending_answer(closure, 200, answer->body);
    else if (answer->status == STATUS_INVALID)
        pending_refuse(closure, PROBLEM_INVALID_QUERY,
                       "granularity: the answer is too large; take a coarser one");
    else
        pending_refuse(closure, problem_of(answer->status), NULL);
}

static void write_request(struct buf *body, const struct period *period) {
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
    clock_format(period->from_us, from);
    clock_format(period->to_us, to);
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
    if (analytics_query_parse(query_of(req), clock_now_us(), &period, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
        return;
    }
    struct pending *pending = pending_create(req, sizeof(*pending), NULL);
    struct buf *body = lane_scratch(pending->lane);
    write_request(body, &period);
    mesh_ask(pending, subject, buf_slice(body), on_report);
}

void get_analytics_dashboard(h2o_req_t *req, struct slice id) {
    (void)id;
    ask(req, "mesh.analytics.dashboard");
}

void get_analytics_metrics(h2o_req_t *req, struct slice id) {
    (void)id;
    ask(req, "mesh.analytics.metrics");
}

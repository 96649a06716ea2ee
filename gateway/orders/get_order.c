#include "gateway/orders/get_order.h"

#include "gateway/lane/pending.h"
#include "gateway/lane/request_trace.h"
#include "gateway/orders/order_marker.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/resource.h"

struct order_get {
    struct pending pending;
    struct uuid order_id;
    bool is_status_only;
};

static void end_with_problem(struct order_get *get, enum problem problem) {
    if (get->pending.req != NULL)
        problem_send(get->pending.req, problem, NULL);
    pending_release(get);
}

/* The order service has not seen it yet, but the stream has it. */
static void on_marker(void *closure, bool is_marked) {
    struct order_get *get = closure;
    if (!is_marked) {
        end_with_problem(get, PROBLEM_NOT_FOUND);
        return;
    }
    if (get->pending.req != NULL) {
        char id[UUID_TEXT_SIZE];
        uuid_format(&get->order_id, id);
        struct buf *body = &get->pending.lane->scratch;
        buf_clear(body);
        buf_printf(body, "{\"orderId\":\"%s\",\"status\":\"PENDING\"%s}", id,
                   get->is_status_only ? "" : ",\"timeline\":[]");
        resource_send(get->pending.req, buf_slice(body));
    }
    pending_release(get);
}

static void on_order(void *closure, const struct broker_answer *answer) {
    struct order_get *get = closure;
    if (answer->status == STATUS_NOT_FOUND) {
        order_marker_find(&get->pending, &get->order_id, on_marker, get);
        return;
    }
    if (answer->status != STATUS_OK) {
        end_with_problem(get, problem_of(answer->status));
        return;
    }
    if (get->pending.req != NULL)
        resource_send(get->pending.req, answer->body);
    pending_release(get);
}

enum status request_order(const struct pending *pending, const char *subject,
                          const struct uuid *order_id, const struct trace *trace, broker_fn fn,
                          void *closure) {
    struct lane *lane = pending->lane;
    struct slice customer = caller_customer(&pending->caller);
    char text[UUID_TEXT_SIZE], traceparent[TRACEPARENT_SIZE];
    uuid_format(order_id, text);
    trace_format(trace, traceparent);
    buf_clear(&lane->scratch);
    struct json_writer w = json_writer(&lane->scratch);
    json_begin_object(&w);
    json_put_text(&w, "orderId", text);
    json_put_text(&w, "tenant", pending->caller.tenant);
    if (customer.len > 0)
        json_put_string(&w, "customerId", customer);
    json_end_object(&w);
    return broker_request(lane->broker, subject, buf_slice(&lane->scratch), traceparent, fn,
                          closure);
}

static void ask(h2o_req_t *req, const char *subject, struct slice id, bool is_status_only) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct order_get *get = pending_create(req, sizeof(*get), NULL);
    get->order_id = order_id;
    get->is_status_only = is_status_only;
    struct trace trace = *request_trace(req);
    enum status status = request_order(&get->pending, subject, &order_id, &trace, on_order, get);
    if (status != STATUS_OK)
        end_with_problem(get, problem_of(status));
}

void get_order(h2o_req_t *req, struct slice id) {
    ask(req, "mesh.order.get", id, false);
}

void get_order_status(h2o_req_t *req, struct slice id) {
    ask(req, "mesh.order.status", id, true);
}

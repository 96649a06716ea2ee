#include "gateway/orders/get_order.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/order_marker.h"
#include "shared/contract/order_message.h"
#include "shared/json/json.h"

struct order_get {
    struct pending pending;
    struct uuid order_id;
    bool is_status_only;
};

/* The order service has not seen it yet, but the stream has it. */
static void on_marker(void *closure, enum status status) {
    struct order_get *get = closure;
    char id[UUID_TEXT_SIZE];
    struct buf *body = lane_scratch(get->pending.lane);
    if (status != STATUS_OK) {
        pending_refuse(get, problem_of(status), NULL);
        return;
    }
    uuid_format(&get->order_id, id);
    buf_printf(body,
               "{\"orderId\":\"%s\",\"status\":\"PENDING\",\"message\":\"" ORDER_MESSAGE_ACCEPTED
               "\"%s}",
               id, get->is_status_only ? "" : ",\"timeline\":[]");
    pending_answer_resource(get, buf_slice(body));
}

static void on_order(void *closure, const struct broker_answer *answer) {
    struct order_get *get = closure;
    if (answer->status == STATUS_OK)
        pending_answer_resource(get, answer->body);
    else if (answer->status == STATUS_NOT_FOUND)
        order_marker_find(&get->pending, &get->order_id, on_marker, get);
    else
        pending_refuse(get, problem_of(answer->status), NULL);
}

struct slice order_question(const struct pending *pending, const struct uuid *order_id) {
    struct slice customer = caller_customer(&pending->caller);
    struct buf *body = lane_scratch(pending->lane);
    char text[UUID_TEXT_SIZE];
    uuid_format(order_id, text);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "orderId", text);
    json_put_text(&w, "tenant", pending->caller.tenant);
    if (customer.len > 0)
        json_put_string(&w, "customerId", customer);
    json_end_object(&w);
    return buf_slice(body);
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
    mesh_ask(&get->pending, subject, order_question(&get->pending, &order_id), on_order);
}

void get_order(h2o_req_t *req, struct slice id) {
    ask(req, "mesh.order.get", id, false);
}

void get_order_status(h2o_req_t *req, struct slice id) {
    ask(req, "mesh.order.status", id, true);
}

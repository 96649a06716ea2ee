#include "gateway/orders/list_refunds.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/get_order.h"
#include "gateway/reply/problem.h"
#include "shared/json/json.h"

/*
 * get_refunds()     asks whether the caller may see the order
 *   on_order()      it may: the payment service is asked for its refunds
 *   on_refunds()    which is the answer
 */
struct refund_list {
    struct pending pending;
    struct uuid order_id;
    bool is_whole;
};

static void on_refunds(void *closure, const struct broker_answer *answer) {
    struct refund_list *list = closure;
    if (answer->status == STATUS_OK)
        pending_answer(list, 200, answer->body);
    else
        pending_refuse(list, problem_of(answer->status), NULL);
}

static void on_order(void *closure, const struct broker_answer *answer) {
    struct refund_list *list = closure;
    char order_id[UUID_TEXT_SIZE];
    if (answer->status != STATUS_OK) {
        pending_refuse(list, problem_of(answer->status), NULL);
        return;
    }
    struct buf *body = lane_scratch(list->pending.lane);
    uuid_format(&list->order_id, order_id);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_bool(&w, "whole", list->is_whole);
    json_end_object(&w);
    mesh_ask(&list->pending, "mesh.payment.order_refunds", buf_slice(body), on_refunds);
}

static void list_refunds(h2o_req_t *req, struct slice id, bool is_whole) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct refund_list *list = pending_create(req, sizeof(*list), NULL);
    list->order_id = order_id;
    list->is_whole = is_whole;
    mesh_ask(&list->pending, "mesh.order.status", order_question(&list->pending, &order_id),
             on_order);
}

void get_refunds(h2o_req_t *req, struct slice id) {
    list_refunds(req, id, true);
}

void get_order_refunds(h2o_req_t *req, struct slice id) {
    list_refunds(req, id, false);
}

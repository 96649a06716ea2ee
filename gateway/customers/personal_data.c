#include "gateway/customers/personal_data.h"

#include "gateway/customers/seal_look.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/link/redis.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"

/*
 * delete_personal_data()  asks who has the keys
 *   on_erased()           the key is destroyed
 *     on_forgotten()      and out of Redis, so that the customer's next order gets a new one
 */
struct customer_call {
    struct pending pending;
    struct buf customer, answer;
};

static void dispose(void *closure) {
    struct customer_call *call = closure;
    buf_fini(&call->customer);
    buf_fini(&call->answer);
}

/* False: the request was answered. */
static bool may_ask(h2o_req_t *req, struct slice id) {
    struct slice own = caller_customer(caller_of(req));
    if (!customer_id_is_valid(id))
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
    else if (own.len > 0 && !slice_equal(own, id))
        problem_send(req, PROBLEM_FORBIDDEN, "the customer must be the token's subject");
    else if (query_of(req).len > 0)
        problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
    else
        return true;
    return false;
}

static struct customer_call *begin(h2o_req_t *req, struct slice id) {
    struct customer_call *call = pending_create(req, sizeof(*call), dispose);
    buf_append_slice(&call->customer, id);
    return call;
}

static void on_forgotten(void *closure, const struct redisReply *reply) {
    struct customer_call *call = closure;
    (void)reply;
    pending_answer(call, 200, buf_slice(&call->answer));
}

static void on_erased(void *closure, const struct broker_answer *answer) {
    struct customer_call *call = closure;
    if (answer->status != STATUS_OK) {
        pending_refuse(call, problem_of(answer->status), NULL);
        return;
    }
    buf_append_slice(&call->answer, answer->body);
    seal_key_forget(call->pending.lane->redis, slice_of(call->pending.caller.tenant),
                    buf_slice(&call->customer), on_forgotten, call);
}

void delete_personal_data(h2o_req_t *req, struct slice id) {
    if (!may_ask(req, id))
        return;
    struct customer_call *call = begin(req, id);
    const struct caller *caller = &call->pending.caller;
    struct json_writer w = json_writer(lane_scratch(call->pending.lane));
    json_begin_object(&w);
    json_put_text(&w, "tenant", caller->tenant);
    json_put_string(&w, "customerId", id);
    json_put_text(&w, "actor", caller->subject[0] != '\0' ? caller->subject : "gateway");
    json_end_object(&w);
    mesh_ask(&call->pending, "mesh.notification.erase", buf_slice(&call->pending.lane->scratch),
             on_erased);
}

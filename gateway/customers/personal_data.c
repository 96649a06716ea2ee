#include "gateway/customers/personal_data.h"

#include "gateway/customers/seal_look.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/link/redis.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"
#include "shared/contract/contact.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

enum { ARENA_CHUNK_BYTES = 512 };

/*
 * get_personal_data()     asks who has the orders
 *   on_sealed()           and lets who has the keys open them
 *     on_opened()
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
    else
        return true;
    return false;
}

static struct customer_call *begin(h2o_req_t *req, struct slice id) {
    struct customer_call *call = pending_create(req, sizeof(*call), dispose);
    buf_append_slice(&call->customer, id);
    return call;
}

/* --- exporting -------------------------------------------------------------------------------- */

static void on_opened(void *closure, const struct broker_answer *answer) {
    struct customer_call *call = closure;
    if (answer->status == STATUS_OK)
        pending_answer(call, 200, answer->body);
    else
        pending_refuse(call, problem_of(answer->status), NULL);
}

static void on_sealed(void *closure, const struct broker_answer *answer) {
    struct customer_call *call = closure;
    if (answer->status != STATUS_OK) {
        pending_refuse(call, problem_of(answer->status), NULL);
        return;
    }
    buf_append_slice(&call->answer, answer->body);
    mesh_ask(&call->pending, "mesh.notification.open", buf_slice(&call->answer), on_opened);
}

/* False: the request was answered. */
static bool read_after(h2o_req_t *req, char after[UUID_TEXT_SIZE]) {
    struct query_parameter parameter = {.name = "after", .most = UUID_TEXT_LEN};
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct error error;
    struct uuid id;
    after[0] = '\0';
    bool is_read = query_parse(query_of(req), &parameter, 1, arena, &error) == STATUS_OK;
    if (!is_read) {
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
    } else if (parameter.value.len > 0) {
        is_read = uuid_parse(parameter.value, &id);
        if (is_read)
            uuid_format(&id, after);
        else
            problem_send(req, PROBLEM_INVALID_QUERY, "after: must be an order's id");
    }
    arena_destroy(&arena);
    return is_read;
}

void get_personal_data(h2o_req_t *req, struct slice id) {
    char after[UUID_TEXT_SIZE];
    if (!may_ask(req, id) || !read_after(req, after))
        return;
    struct customer_call *call = begin(req, id);
    struct json_writer w = json_writer(lane_scratch(call->pending.lane));
    json_begin_object(&w);
    json_put_text(&w, "tenant", call->pending.caller.tenant);
    json_put_string(&w, "customerId", id);
    if (after[0] != '\0')
        json_put_text(&w, "after", after);
    json_end_object(&w);
    mesh_ask(&call->pending, "mesh.order.personal", buf_slice(&call->pending.lane->scratch),
             on_sealed);
}

/* --- erasing ---------------------------------------------------------------------------------- */

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
    if (query_of(req).len > 0) {
        problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
        return;
    }
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

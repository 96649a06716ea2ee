#include "gateway/orders/order_returns.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/line_request.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/request.h"
#include "shared/json/json.h"

enum { ARENA_CHUNK_BYTES = 2048 };

/* What is asked of the order service, and how it is answered. */
struct question {
    const char *subject;
    int status;
    bool has_reason, has_items, has_fates, is_read;
};

struct return_call {
    struct pending pending;
    const struct question *question;
    struct arena *arena;
    struct uuid order_id, return_id;
    bool has_return_id; /* all but the list */
    struct slice reason;
    struct line_wishes wishes;
};

static void dispose(void *closure) {
    struct return_call *call = closure;
    arena_destroy(&call->arena);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* The return itself; whether it stood so already is a header. */
static void answer_made(struct return_call *call, struct slice body) {
    struct json_object *root = NULL, *made = NULL, *replayed = NULL;
    if (json_parse(body, &root, NULL) != STATUS_OK ||
        json_get_object(root, "return", &made, NULL) != STATUS_OK) {
        pending_refuse(call, PROBLEM_INTERNAL, NULL);
    } else {
        bool is_replayed = json_object_object_get_ex(root, "replayed", &replayed) &&
                           json_object_get_boolean(replayed);
        if (is_replayed && call->pending.req != NULL)
            answer_header(call->pending.req, "Idempotent-Replayed", SLICE_LITERAL("true"));
        pending_answer(
            call, call->question->status,
            slice_of(json_object_to_json_string_ext(made, JSON_C_TO_STRING_NOSLASHESCAPE)));
    }
    json_object_put(root);
}

static void on_asked(void *closure, const struct broker_answer *answer) {
    struct return_call *call = closure;
    if (answer->status == STATUS_OK && call->question->is_read)
        pending_answer(call, 200, answer->body);
    else if (answer->status == STATUS_OK)
        answer_made(call, answer->body);
    else if (answer->status == STATUS_CONFLICT)
        pending_refuse(call, PROBLEM_NOT_RETURNABLE, answer->why);
    else if (answer->status == STATUS_INVALID) /* all else was looked at before it was sent */
        pending_refuse(call, PROBLEM_KEY_REUSED, NULL);
    else
        pending_refuse(call, problem_of(answer->status), NULL);
}

static void ask(struct return_call *call) {
    char order_id[UUID_TEXT_SIZE], return_id[UUID_TEXT_SIZE];
    struct slice customer = caller_customer(&call->pending.caller);
    struct buf *body = lane_scratch(call->pending.lane);
    uuid_format(&call->order_id, order_id);
    uuid_format(&call->return_id, return_id);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_text(&w, "tenant", call->pending.caller.tenant);
    if (customer.len > 0)
        json_put_string(&w, "customerId", customer);
    if (call->has_return_id)
        json_put_text(&w, "returnId", return_id);
    if (call->question->has_reason)
        json_put_string(&w, "reason", call->reason);
    if (call->question->has_items) {
        json_key(&w, "items");
        line_wishes_write(&call->wishes, &w);
    }
    json_end_object(&w);
    mesh_ask(&call->pending, call->question->subject, buf_slice(body), on_asked);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void refuse_others(const struct question *question, const struct json_value *body,
                          struct field_errors *errors) {
    for (const struct json_value *member = body->first; member != NULL; member = member->next) {
        bool is_known = (question->has_reason && slice_is(member->key, "reason")) ||
                        (question->has_items && slice_is(member->key, "items"));
        if (!is_known)
            field_error_add(errors, field_shown(member->key), "is not a member of this request");
    }
}

/* False: answered. */
static bool read_body(h2o_req_t *req, struct return_call *call) {
    struct field_errors errors = {.arena = call->arena};
    const struct json_value *body;
    struct error error;
    if (!request_body_is_json(req)) {
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
        return false;
    }
    if (json_tree_parse(request_body(req), call->arena, &body, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
        return false;
    }
    if (call->question->has_items)
        line_request_read(body, call->question->has_fates, &errors, &call->wishes);
    if (call->question->has_reason)
        line_request_reason(body, &errors, &call->reason);
    refuse_others(call->question, body, &errors);
    if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_RETURN, &errors);
    return errors.count == 0;
}

struct uuid return_id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("return"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

static bool read_key(h2o_req_t *req, struct return_call *call) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len;
    if (!idempotency_key_read(req, key, &key_len))
        return false;
    if (key_len == 0) {
        problem_send(req, PROBLEM_MISSING_KEY, NULL);
        return false;
    }
    call->return_id =
        return_id_of_key(slice_of(caller_of(req)->tenant), (struct slice){key, key_len});
    call->has_return_id = true;
    return true;
}

/* The segment behind /api/v1/orders/{id}/returns/. */
static struct slice return_of(const h2o_req_t *req) {
    enum { BEFORE = 6 };
    struct slice rest = {req->path.base, req->path.len}, segment = {"", 0};
    for (int i = 0; i <= BEFORE && rest.ptr != NULL; i++)
        segment = slice_take_until(&rest, '/');
    return slice_take_until(&segment, '?');
}

/* NULL: answered. */
static struct return_call *begin(h2o_req_t *req, const struct question *question, struct slice id) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return NULL;
    }
    struct return_call *call = pending_create(req, sizeof(*call), dispose);
    call->question = question;
    call->order_id = order_id;
    call->arena = arena_create(ARENA_CHUNK_BYTES);
    return call;
}

static void ask_about_one(h2o_req_t *req, const struct question *question, struct slice id) {
    struct uuid return_id;
    if (!uuid_parse(return_of(req), &return_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct return_call *call = begin(req, question, id);
    if (call == NULL)
        return;
    call->return_id = return_id;
    call->has_return_id = true;
    if (question->is_read || read_body(req, call))
        ask(call);
    else
        pending_release(call);
}

/* --- routes ----------------------------------------------------------------------------------- */

void post_return(h2o_req_t *req, struct slice id) {
    static const struct question question = {
        .subject = "mesh.order.return.ask", .status = 201, .has_reason = true, .has_items = true};
    struct return_call *call = begin(req, &question, id);
    if (call == NULL)
        return;
    if (read_key(req, call) && read_body(req, call))
        ask(call);
    else
        pending_release(call);
}

void get_returns(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.order.return.list", .is_read = true};
    struct return_call *call = begin(req, &question, id);
    if (call != NULL)
        ask(call);
}

void get_return(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.order.return.get", .is_read = true};
    ask_about_one(req, &question, id);
}

void post_return_receive(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.order.return.receive",
                                             .status = 200,
                                             .has_items = true,
                                             .has_fates = true};
    ask_about_one(req, &question, id);
}

void post_return_refuse(h2o_req_t *req, struct slice id) {
    static const struct question question = {
        .subject = "mesh.order.return.refuse", .status = 200, .has_reason = true};
    ask_about_one(req, &question, id);
}

#include "gateway/orders/refund_order.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/line_request.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/contract/order_terms.h"
#include "shared/json/json.h"

enum { ARENA_CHUNK_BYTES = 2048 };

/*
 * post_refund()  reads the request
 *   on_order()   the order service knows how the order stands: only a completed one is looked at.
 *                Where pieces are given back, it knows their lines, too
 *   on_asked()   the payment service has the refund, or says why not
 */
struct refund_call {
    struct pending pending;
    struct arena *arena;
    const struct json_value *body;
    struct uuid order_id, refund_id;
    int64_t amount_minor;      /* 0 where there are wishes */
    struct line_wishes wishes; /* none where there is an amount */
    struct slice reason;
};

static void dispose(void *closure) {
    struct refund_call *call = closure;
    arena_destroy(&call->arena);
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_replayed(struct slice body) {
    struct json_object *root = NULL, *value;
    bool is = json_parse(body, &root, NULL) == STATUS_OK &&
              json_object_object_get_ex(root, "replayed", &value) && json_object_get_boolean(value);
    json_object_put(root);
    return is;
}

static void on_asked(void *closure, const struct broker_answer *answer) {
    struct refund_call *call = closure;
    if (answer->status == STATUS_OK) {
        if (call->pending.req != NULL && is_replayed(answer->body))
            answer_header(call->pending.req, "Idempotent-Replayed", SLICE_LITERAL("true"));
        pending_answer(call, 202, answer->body);
    } else if (answer->status == STATUS_CONFLICT) {
        pending_refuse(call, PROBLEM_NOT_REFUNDABLE, answer->why);
    } else if (answer->status == STATUS_INVALID) { /* all else was looked at before it was sent */
        pending_refuse(call, PROBLEM_KEY_REUSED, NULL);
    } else {
        pending_refuse(call, problem_of(answer->status), NULL);
    }
}

/* The lines are the order service's, which knows their prices. */
static void ask(struct refund_call *call, const struct order_lines *lines) {
    char order_id[UUID_TEXT_SIZE], refund_id[UUID_TEXT_SIZE];
    struct buf *body = lane_scratch(call->pending.lane);
    uuid_format(&call->order_id, order_id);
    uuid_format(&call->refund_id, refund_id);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "refundId", refund_id);
    json_put_text(&w, "orderId", order_id);
    if (call->wishes.count > 0) {
        json_key(&w, "items");
        line_wishes_write(&call->wishes, &w);
        json_key(&w, "lines");
        order_lines_write(lines, &w);
    } else {
        json_put_int(&w, "amountMinor", call->amount_minor);
    }
    json_put_string(&w, "reason", call->reason);
    json_end_object(&w);
    mesh_ask(&call->pending, "mesh.payment.refund", buf_slice(body), on_asked);
}

static bool is_completed(const struct json_value *order) {
    struct slice text;
    enum order_status status;
    return json_tree_get_string(order, "status", &text, NULL) == STATUS_OK &&
           order_status_parse(text, &status) && status == ORDER_COMPLETED;
}

static enum status read_lines(const struct json_value *order, struct arena *arena,
                              struct order_lines *lines) {
    const struct json_value *items;
    enum status status = json_tree_get_array(order, "items", &items, NULL);
    return status == STATUS_OK ? order_lines_parse(items, arena, lines, NULL) : status;
}

/* An order that has not ended may yet end otherwise, and then gives back all by itself. */
static void on_order(void *closure, const struct broker_answer *answer) {
    struct refund_call *call = closure;
    const struct json_value *order;
    struct order_lines lines = {0};
    if (answer->status != STATUS_OK)
        pending_refuse(call, problem_of(answer->status), NULL);
    else if (json_tree_parse(answer->body, call->arena, &order, NULL) != STATUS_OK)
        pending_refuse(call, PROBLEM_INTERNAL, NULL);
    else if (!is_completed(order))
        pending_refuse(call, PROBLEM_NOT_REFUNDABLE, "the order is not completed");
    else if (call->wishes.count > 0 && read_lines(order, call->arena, &lines) != STATUS_OK)
        pending_refuse(call, PROBLEM_INTERNAL, NULL);
    else
        ask(call, &lines);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct uuid refund_id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("refund"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

static void refuse_others(const struct json_value *body, struct field_errors *errors) {
    for (const struct json_value *member = body->first; member != NULL; member = member->next) {
        if (!slice_is(member->key, "amountMinor") && !slice_is(member->key, "items") &&
            !slice_is(member->key, "reason"))
            field_error_add(errors, field_shown(member->key), "is not a member of a refund");
    }
}

static void read_amount(struct refund_call *call, struct field_errors *errors) {
    enum status status = json_tree_get_int64(call->body, "amountMinor", &call->amount_minor, NULL);
    if (status != STATUS_OK || call->amount_minor < 1 || call->amount_minor > ORDER_MAX_MINOR)
        field_error_add(errors, SLICE_LITERAL("amountMinor"),
                        status == STATUS_NOT_FOUND ? "is required, or items"
                                                   : "must be an integer of minor units above 0");
}

static void read_fields(struct refund_call *call, struct field_errors *errors) {
    bool has_items = json_tree_member(call->body, "items") != NULL;
    if (!has_items)
        read_amount(call, errors);
    else if (json_tree_member(call->body, "amountMinor") != NULL)
        field_error_add(errors, SLICE_LITERAL("amountMinor"), "cannot be beside items");
    else
        line_request_read(call->body, false, errors, &call->wishes);
    line_request_reason(call->body, errors, &call->reason);
    refuse_others(call->body, errors);
}

/* False: answered. */
static bool read_body(h2o_req_t *req, struct refund_call *call) {
    struct field_errors errors = {.arena = call->arena};
    struct error error;
    if (json_tree_parse(request_body(req), call->arena, &call->body, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
        return false;
    }
    read_fields(call, &errors);
    if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_REFUND, &errors);
    return errors.count == 0;
}

static bool read_key(h2o_req_t *req, struct refund_call *call) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len;
    if (!idempotency_key_read(req, key, &key_len))
        return false;
    if (key_len == 0) {
        problem_send(req, PROBLEM_MISSING_KEY, NULL);
        return false;
    }
    call->refund_id =
        refund_id_of_key(slice_of(caller_of(req)->tenant), (struct slice){key, key_len});
    return true;
}

void post_refund(h2o_req_t *req, struct slice id) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (!request_body_is_json(req)) {
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
        return;
    }
    struct refund_call *call = pending_create(req, sizeof(*call), dispose);
    call->arena = arena_create(ARENA_CHUNK_BYTES);
    call->order_id = order_id;
    if (!read_key(req, call) || !read_body(req, call)) {
        pending_release(call);
        return;
    }
    mesh_ask(&call->pending, call->wishes.count > 0 ? "mesh.order.get" : "mesh.order.status",
             order_question(&call->pending, &order_id), on_order);
}

#include "gateway/orders/refund_order.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/get_order.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"
#include "shared/json/json.h"

#include <json-c/linkhash.h>

enum { ARENA_CHUNK_BYTES = 2048, REASON_MOST = 200 };

/*
 * post_refund()  reads the request
 *   on_status()  the order service knows how the order stands: only a completed one is looked at
 *   on_asked()   the payment service has the refund, or says why not
 */
struct refund_call {
    struct pending pending;
    struct json_object *body;
    struct uuid order_id, refund_id;
    int64_t amount_minor;
    struct slice reason; /* of the body */
};

static void dispose(void *closure) {
    struct refund_call *call = closure;
    json_object_put(call->body);
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

static void ask(struct refund_call *call) {
    char order_id[UUID_TEXT_SIZE], refund_id[UUID_TEXT_SIZE];
    struct buf *body = lane_scratch(call->pending.lane);
    uuid_format(&call->order_id, order_id);
    uuid_format(&call->refund_id, refund_id);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "refundId", refund_id);
    json_put_text(&w, "orderId", order_id);
    json_put_int(&w, "amountMinor", call->amount_minor);
    json_put_string(&w, "reason", call->reason);
    json_end_object(&w);
    mesh_ask(&call->pending, "mesh.payment.refund", buf_slice(body), on_asked);
}

static bool is_completed(struct slice body) {
    struct json_object *root = NULL;
    struct slice text;
    enum order_status status;
    bool is = json_parse(body, &root, NULL) == STATUS_OK &&
              json_get_string(root, "status", &text, NULL) == STATUS_OK &&
              order_status_parse(text, &status) && status == ORDER_COMPLETED;
    json_object_put(root);
    return is;
}

/* An order that has not ended may yet end otherwise, and then gives back all by itself. */
static void on_status(void *closure, const struct broker_answer *answer) {
    struct refund_call *call = closure;
    if (answer->status != STATUS_OK)
        pending_refuse(call, problem_of(answer->status), NULL);
    else if (!is_completed(answer->body))
        pending_refuse(call, PROBLEM_NOT_REFUNDABLE, "the order is not completed");
    else
        ask(call);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct uuid refund_id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("refund"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

static void refuse_others(struct json_object *body, struct field_errors *errors) {
    json_object_object_foreach(body, key, value) {
        struct slice name = slice_of(key);
        (void)value;
        if (!slice_is(name, "amountMinor") && !slice_is(name, "reason"))
            field_error_add(errors, field_shown(name), "is not a member of a refund");
    }
}

static void read_fields(struct refund_call *call, struct field_errors *errors) {
    enum status status = json_get_int64(call->body, "amountMinor", &call->amount_minor, NULL);
    if (status != STATUS_OK || call->amount_minor < 1 || call->amount_minor > ORDER_MAX_MINOR)
        field_error_add(errors, SLICE_LITERAL("amountMinor"),
                        status == STATUS_NOT_FOUND ? "is required"
                                                   : "must be an integer of minor units above 0");
    status = json_get_string(call->body, "reason", &call->reason, NULL);
    if (status != STATUS_OK || call->reason.len == 0 || call->reason.len > REASON_MOST ||
        !slice_is_printable(call->reason))
        field_error_add(errors, SLICE_LITERAL("reason"),
                        status == STATUS_NOT_FOUND
                            ? "is required"
                            : "must be 1 to 200 bytes of text " PRINTABLE_RULE);
    refuse_others(call->body, errors);
}

/* False: answered. */
static bool read_body(h2o_req_t *req, struct refund_call *call) {
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct error error;
    bool is_read = false;
    if (json_parse(request_body(req), &call->body, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    } else {
        read_fields(call, &errors);
        is_read = errors.count == 0;
        if (!is_read)
            problem_send_fields(req, PROBLEM_INVALID_REFUND, &errors);
    }
    arena_destroy(&arena);
    return is_read;
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
    call->order_id = order_id;
    if (!read_key(req, call) || !read_body(req, call)) {
        pending_release(call);
        return;
    }
    mesh_ask(&call->pending, "mesh.order.status", order_question(&call->pending, &order_id),
             on_status);
}

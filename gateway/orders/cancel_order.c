#include "gateway/orders/cancel_order.h"

#include "gateway/kept/kept_command.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/line_request.h"
#include "gateway/orders/order_marker.h"
#include "gateway/orders/publish.h"
#include "gateway/reply/accepted.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/etag.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/request.h"
#include "shared/contract/order_message.h"
#include "shared/json/json.h"
#include "shared/observe/log.h"

/*
 * cancel_order()  asks the order service where the order stands
 *   on_status()   judges that and If-Match, unless the order is cancelled already: this request may
 *                 be a repetition whose first answer was lost
 *   on_marker()   the service has not seen the order yet, but the stream may have it
 *     publish()   sends the command
 *   on_stored()   JetStream has it, or not
 *   on_kept()     Redis has it, too
 *
 * Where pieces are to be cancelled, the order service itself decides:
 *
 * cancel_lines()  reads which, and where there is an If-Match asks first where the order stands
 *   on_stand()    judges that
 *   ask_lines()   asks for them
 *   on_lines()    they are, or shipping is asked, or it says why not
 */
struct order_cancel {
    struct pending pending;
    struct uuid order_id;
    struct publication publication;
    enum order_status status; /* as last seen */
    bool is_conditional;      /* there is an If-Match */
};

static void end_accepted(struct order_cancel *cancel) {
    if (cancel->pending.req != NULL)
        accepted_send(cancel->pending.req, &cancel->order_id, order_status_name(cancel->status),
                      cancel->status == ORDER_CANCELLED ? ORDER_MESSAGE_CANCELLED
                                                        : ORDER_MESSAGE_CANCELLING,
                      &cancel->pending.lane->scratch);
    pending_release(cancel);
}

static void on_kept(void *closure, const struct redisReply *reply) {
    struct order_cancel *cancel = closure;
    kept_note(cancel->pending.lane, reply);
    end_accepted(cancel);
}

static void on_stored(void *closure, const struct error *failure, struct slice command) {
    struct order_cancel *cancel = closure;
    if (failure == NULL) {
        kept_accept(cancel->pending.lane, EVENT_ORDER_CANCEL, &cancel->order_id, command, on_kept,
                    cancel);
        return;
    }
    log_warn("a cancellation was not published", LOG_ERROR(failure));
    pending_refuse(cancel, problem_of(failure->status), NULL);
}

static void publish(struct order_cancel *cancel) {
    const struct cancellation cancellation = {
        .order_id = cancel->order_id,
        .tenant = slice_of(cancel->pending.caller.tenant),
    };
    enum status status = publish_open(cancel->pending.lane->publish, &cancel->publication);
    if (status == STATUS_OK)
        publish_cancel(&cancel->publication, &cancellation, pending_trace(&cancel->pending),
                       on_stored, cancel);
    else
        pending_refuse(cancel, problem_of(status), NULL);
}

/* `tag` is the order's, "" as long as it has no version. Whether If-Match allowed it cannot be told
   once the client is gone. */
static bool meets_condition(const struct order_cancel *cancel, const char *tag) {
    const h2o_req_t *req = cancel->pending.req;
    return !cancel->is_conditional || (req != NULL && etag_if_match(req, tag) == ETAG_MATCHES);
}

static void on_marker(void *closure, enum status status) {
    struct order_cancel *cancel = closure;
    cancel->status = ORDER_PENDING;
    if (status != STATUS_OK)
        pending_refuse(cancel, problem_of(status), NULL);
    else if (!meets_condition(cancel, ""))
        pending_refuse(cancel, PROBLEM_PRECONDITION_FAILED, NULL);
    else
        publish(cancel);
}

static enum status read_status(struct slice body, enum order_status *status, struct error *error) {
    struct json_object *root = NULL;
    struct slice text;
    enum status result = json_parse(body, &root, error);
    if (result == STATUS_OK)
        result = json_get_string(root, "status", &text, error);
    if (result == STATUS_OK && !order_status_parse(text, status))
        result = error_set(error, STATUS_INTERNAL, "the order has an unknown status");
    json_object_put(root);
    return result;
}

static void on_status(void *closure, const struct broker_answer *answer) {
    struct order_cancel *cancel = closure;
    struct error error;
    char tag[ETAG_SIZE];
    if (answer->status == STATUS_NOT_FOUND) {
        order_marker_find(&cancel->pending, &cancel->order_id, on_marker, cancel);
    } else if (answer->status != STATUS_OK) {
        pending_refuse(cancel, problem_of(answer->status), NULL);
    } else if (read_status(answer->body, &cancel->status, &error) != STATUS_OK) {
        log_error("the order service's answer cannot be read", LOG_ERROR(&error));
        pending_refuse(cancel, PROBLEM_INTERNAL, NULL);
    } else if (cancel->status == ORDER_CANCELLED) {
        end_accepted(cancel);
    } else if (!meets_condition(cancel, etag_of(answer->body, tag) ? tag : "")) {
        pending_refuse(cancel, PROBLEM_PRECONDITION_FAILED, NULL);
    } else if (order_status_is_final(cancel->status)) {
        pending_refuse(cancel, PROBLEM_NOT_CANCELLABLE, NULL);
    } else {
        publish(cancel);
    }
}

/* --- pieces ----------------------------------------------------------------------------------- */

enum { ARENA_CHUNK_BYTES = 2048 };

struct line_cancel {
    struct order_cancel whole; /* its pending comes first */
    struct arena *arena;
    struct uuid id;
    struct slice reason;
    struct line_wishes wishes;
};

static void dispose(void *closure) {
    struct line_cancel *cancel = closure;
    arena_destroy(&cancel->arena);
}

/* The cancellation itself; whether it was asked for before is a header. */
static void answer_lines(struct line_cancel *cancel, struct slice body) {
    struct json_object *root = NULL, *made = NULL, *replayed = NULL;
    h2o_req_t *req = cancel->whole.pending.req;
    if (json_parse(body, &root, NULL) != STATUS_OK ||
        json_get_object(root, "cancellation", &made, NULL) != STATUS_OK) {
        pending_refuse(cancel, PROBLEM_INTERNAL, NULL);
    } else {
        bool is_replayed = json_object_object_get_ex(root, "replayed", &replayed) &&
                           json_object_get_boolean(replayed);
        if (is_replayed && req != NULL)
            answer_header(req, "Idempotent-Replayed", SLICE_LITERAL("true"));
        pending_answer(
            cancel, 200,
            slice_of(json_object_to_json_string_ext(made, JSON_C_TO_STRING_NOSLASHESCAPE)));
    }
    json_object_put(root);
}

/* Whether it is on its way to the order service. */
static void on_line_marker(void *closure, enum status status) {
    if (status == STATUS_OK)
        pending_refuse(closure, PROBLEM_LINES_NOT_CANCELLABLE,
                       "the order is just being taken in: ask again in a moment");
    else
        pending_refuse(closure, problem_of(status), NULL);
}

static void on_lines(void *closure, const struct broker_answer *answer) {
    struct line_cancel *cancel = closure;
    if (answer->status == STATUS_OK)
        answer_lines(cancel, answer->body);
    else if (answer->status == STATUS_NOT_FOUND)
        order_marker_find(&cancel->whole.pending, &cancel->whole.order_id, on_line_marker, cancel);
    else if (answer->status == STATUS_CONFLICT)
        pending_refuse(cancel, PROBLEM_LINES_NOT_CANCELLABLE, answer->why);
    else if (answer->status == STATUS_INVALID) /* all else was looked at before it was sent */
        pending_refuse(cancel, PROBLEM_KEY_REUSED, NULL);
    else
        pending_refuse(cancel, problem_of(answer->status), NULL);
}

static void ask_lines(struct line_cancel *cancel) {
    char order_id[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    struct pending *pending = &cancel->whole.pending;
    struct slice customer = caller_customer(&pending->caller);
    struct buf *body = lane_scratch(pending->lane);
    uuid_format(&cancel->whole.order_id, order_id);
    uuid_format(&cancel->id, id);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_text(&w, "tenant", pending->caller.tenant);
    if (customer.len > 0)
        json_put_string(&w, "customerId", customer);
    json_put_text(&w, "cancellationId", id);
    json_put_string(&w, "reason", cancel->reason);
    json_key(&w, "items");
    line_wishes_write(&cancel->wishes, &w);
    json_end_object(&w);
    mesh_ask(pending, "mesh.order.cancel_lines", buf_slice(body), on_lines);
}

static void on_stand(void *closure, const struct broker_answer *answer) {
    struct line_cancel *cancel = closure;
    char tag[ETAG_SIZE];
    if (answer->status != STATUS_OK)
        on_lines(cancel, answer);
    else if (!meets_condition(&cancel->whole, etag_of(answer->body, tag) ? tag : ""))
        pending_refuse(cancel, PROBLEM_PRECONDITION_FAILED, NULL);
    else
        ask_lines(cancel);
}

static void read_lines(struct line_cancel *cancel, const struct json_value *body,
                       struct field_errors *errors) {
    line_request_read(body, false, errors, &cancel->wishes);
    line_request_reason(body, errors, &cancel->reason);
    for (const struct json_value *member = body->first; member != NULL; member = member->next) {
        if (!slice_is(member->key, "items") && !slice_is(member->key, "reason"))
            field_error_add(errors, field_shown(member->key), "is not a member of this request");
    }
}

static struct uuid id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("cancel"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

/* False: answered. */
static bool read_key(h2o_req_t *req, struct line_cancel *cancel) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len;
    if (!idempotency_key_read(req, key, &key_len))
        return false;
    if (key_len == 0) {
        problem_send(req, PROBLEM_MISSING_KEY, NULL);
        return false;
    }
    cancel->id = id_of_key(slice_of(caller_of(req)->tenant), (struct slice){key, key_len});
    return true;
}

static bool read_line_cancel(h2o_req_t *req, struct line_cancel *cancel) {
    struct field_errors errors = {.arena = cancel->arena};
    const struct json_value *body;
    if (!request_body_is_json(req)) {
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
        return false;
    }
    if (!read_key(req, cancel))
        return false;
    if (json_tree_parse(request_body(req), cancel->arena, &body, NULL) != STATUS_OK) {
        problem_send(req, PROBLEM_INTERNAL, NULL);
        return false;
    }
    read_lines(cancel, body, &errors);
    if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_CANCELLATION, &errors);
    return errors.count == 0;
}

static void cancel_lines(h2o_req_t *req, const struct uuid *order_id, bool is_conditional) {
    struct line_cancel *cancel = pending_create(req, sizeof(*cancel), dispose);
    cancel->arena = arena_create(ARENA_CHUNK_BYTES);
    cancel->whole.order_id = *order_id;
    cancel->whole.is_conditional = is_conditional;
    if (!read_line_cancel(req, cancel))
        pending_release(cancel);
    else if (is_conditional)
        mesh_ask(&cancel->whole.pending, "mesh.order.status",
                 order_question(&cancel->whole.pending, order_id), on_stand);
    else
        ask_lines(cancel);
}

/* --- which of both ---------------------------------------------------------------------------- */

/* A body without items cancels all of the order, as does none. What says that it is JSON and cannot
   be read may have meant some pieces only, so it is refused; false then. */
static bool find_items(h2o_req_t *req, bool *has_items) {
    struct slice text = request_body(req);
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    const struct json_value *body;
    struct error error;
    bool is_read = text.len > 0 && json_tree_parse(text, arena, &body, &error) == STATUS_OK;
    bool is_refused = text.len > 0 && !is_read && request_body_is_json(req);
    *has_items = is_read && json_tree_member(body, "items") != NULL;
    arena_destroy(&arena);
    if (is_refused)
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    return !is_refused;
}

void cancel_order(h2o_req_t *req, struct slice id) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    enum etag_condition condition = etag_if_match(req, "");
    if (condition == ETAG_MALFORMED) {
        problem_send(req, PROBLEM_MALFORMED_REQUEST, "If-Match must be * or a list of entity tags");
        return;
    }
    bool has_items;
    if (!find_items(req, &has_items))
        return;
    if (has_items) {
        cancel_lines(req, &order_id, condition != ETAG_UNASKED);
        return;
    }
    struct order_cancel *cancel = pending_create(req, sizeof(*cancel), NULL);
    cancel->is_conditional = condition != ETAG_UNASKED;
    cancel->order_id = order_id;
    mesh_ask(&cancel->pending, "mesh.order.status", order_question(&cancel->pending, &order_id),
             on_status);
}

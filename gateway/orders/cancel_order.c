#include "gateway/orders/cancel_order.h"

#include "gateway/kept/kept_command.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/order_marker.h"
#include "gateway/orders/publish.h"
#include "gateway/reply/accepted.h"
#include "gateway/reply/etag.h"
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
    struct order_cancel *cancel = pending_create(req, sizeof(*cancel), NULL);
    cancel->is_conditional = condition != ETAG_UNASKED;
    cancel->order_id = order_id;
    mesh_ask(&cancel->pending, "mesh.order.status", order_question(&cancel->pending, &order_id),
             on_status);
}

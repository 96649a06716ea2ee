#include "gateway/orders/stripe_webhook.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/base/clock.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/json/json.h"
#include "shared/observe/metrics.h"

METRIC_COUNTER(webhooks, "ordermesh_stripe_webhooks_total", "result",
               "Webhooks of Stripe: taken, ignored since it is no use here, refused for its "
               "signature, or failed.");
METRIC_STARTS(webhooks, "taken", "ignored", "refused", "failed");

static void count(const char *result) {
    metric_add(&webhooks, metric_slot(&webhooks, result), 1);
}

static void answer_received(h2o_req_t *req) {
    answer_json(req, 200, SLICE_LITERAL("{\"received\":true}"));
}

/* --- whose it is ------------------------------------------------------------------------------ */

/* Of the body as it came, before anything reads it. */
static bool is_signed(h2o_req_t *req, const struct gateway *gateway) {
    struct slice header, body = request_body(req);
    int64_t now_s = clock_now_us() / 1000000;
    if (request_header(req, SLICE_LITERAL("stripe-signature"), &header) != 1)
        return false;
    return stripe_signature_verify(gateway->stripe_secret, header, body, now_s) ||
           stripe_signature_verify(gateway->stripe_old_secret, header, body, now_s);
}

/* --- what it is about ------------------------------------------------------------------------- */

static bool read_order(struct json_object *root, struct uuid *order_id) {
    struct json_object *data, *object, *metadata;
    struct slice type, id;
    return json_get_string(root, "type", &type, NULL) == STATUS_OK &&
           slice_take_prefix(&type, "payment_intent.") &&
           json_get_object(root, "data", &data, NULL) == STATUS_OK &&
           json_get_object(data, "object", &object, NULL) == STATUS_OK &&
           json_get_object(object, "metadata", &metadata, NULL) == STATUS_OK &&
           json_get_string(metadata, "order_id", &id, NULL) == STATUS_OK &&
           uuid_parse(id, order_id);
}

static void on_told(void *closure, const struct broker_answer *answer) {
    struct pending *pending = closure;
    count(answer->status == STATUS_OK ? "taken" : "failed");
    if (answer->status == STATUS_OK)
        pending_answer(pending, 200, SLICE_LITERAL("{\"received\":true}"));
    else
        pending_refuse(pending, problem_of(answer->status), NULL);
}

static void tell(h2o_req_t *req, const struct uuid *order_id) {
    struct pending *pending = pending_create(req, sizeof(*pending), NULL);
    struct buf *body = lane_scratch(pending->lane);
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    buf_printf(body, "{\"orderId\":\"%s\"}", id);
    mesh_ask(pending, "mesh.payment.recheck", buf_slice(body), on_told);
}

void post_stripe_webhook(h2o_req_t *req, struct slice id) {
    const struct gateway *gateway = lane_of(req)->gateway;
    struct json_object *root = NULL;
    struct uuid order_id;
    (void)id;
    if (gateway->stripe_secret == NULL) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (!is_signed(req, gateway)) {
        count("refused");
        problem_send(req, PROBLEM_INVALID_SIGNATURE, NULL);
        return;
    }
    bool is_of_use =
        json_parse(request_body(req), &root, NULL) == STATUS_OK && read_order(root, &order_id);
    json_object_put(root);
    if (is_of_use) {
        tell(req, &order_id);
    } else {
        count("ignored");
        answer_received(req);
    }
}

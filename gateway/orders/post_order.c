#include "gateway/orders/post_order.h"

#include "gateway/customers/seal_look.h"
#include "gateway/kept/kept_command.h"
#include "gateway/lane/pending.h"
#include "gateway/orders/idempotency.h"
#include "gateway/orders/order_marker.h"
#include "gateway/orders/order_request.h"
#include "gateway/orders/publish.h"
#include "gateway/reply/accepted.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/base/failpoint.h"
#include "shared/contract/order_message.h"
#include "shared/observe/log.h"

#include <string.h>

enum { ARENA_CHUNK_BYTES = 4096 };

/*
 * post_order()  reads the request
 *   identify()  derives the order id
 *   on_claim()  Redis has judged the key
 *     submit()  sends the command, once it is known what seals its personal data
 *   on_stored() JetStream has it, or not
 *   on_noted()  Redis has it, too: answers
 */
struct order_post {
    struct pending pending;
    struct arena *arena;
    struct order_request request;
    bool has_key;
    struct claim claim; /* with a key */
    enum claim_verdict verdict;
    struct seal_look seal; /* with personal data */
    struct publication publication;
};

static void on_claim(void *closure, enum claim_verdict verdict);
static void on_noted(void *closure);

static void dispose(void *closure) {
    struct order_post *post = closure;
    publish_drop(&post->publication);
    arena_destroy(&post->arena);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct sent_key {
    char text[IDEMPOTENCY_KEY_MAX + 1 + CALLER_SUBJECT_MAX];
    size_t len; /* 0: none was sent */
};

static bool read_key(h2o_req_t *req, struct sent_key *key) {
    if (!idempotency_key_read(req, key->text, &key->len))
        return false;
    if (key->len > 0 || !lane_of(req)->gateway->settings->is_key_required)
        return true;
    problem_send(req, PROBLEM_MISSING_KEY, NULL);
    return false;
}

bool post_order_takes_key(const h2o_req_t *req, unsigned keys, struct slice key) {
    struct sent_key read = {.len = 0};
    return keys == 0 ? !lane_of(req)->gateway->settings->is_key_required
                     : keys == 1 && idempotency_key_parse(key, read.text, &read.len);
}

/* Each customer has keys of its own, so that nobody can take or probe another's. Callers that may
   order for every customer share those of the tenant. */
static void bind_key(struct sent_key *key, struct slice customer) {
    if (key->len == 0 || customer.len == 0)
        return;
    key->text[key->len++] = '\0';
    memcpy(key->text + key->len, customer.ptr, customer.len);
    key->len += customer.len;
}

static bool is_own(h2o_req_t *req, const struct order_post *post) {
    struct slice customer = caller_customer(&post->pending.caller);
    if (customer.len == 0 || slice_equal(customer, post->request.snapshot.customer_id))
        return true;
    problem_send(req, PROBLEM_FORBIDDEN, "customerId must be the token's subject");
    return false;
}

static bool read_body(h2o_req_t *req, struct order_post *post) {
    struct error error;
    struct field_errors errors = {.arena = post->arena};
    post->request.may_name_flow = caller_may(&post->pending.caller, SCOPE_ADMIN);
    post->request.channels = lane_of(req)->gateway->channels;
    if (order_request_parse(request_body(req), post->arena, &post->request, &errors, &error) !=
        STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
        return false;
    }
    if (errors.count > 0) {
        problem_send_fields(req, PROBLEM_INVALID_ORDER, &errors);
        return false;
    }
    return is_own(req, post);
}

static void identify(struct order_post *post, const struct sent_key *key) {
    struct lane *lane = post->pending.lane;
    struct order_snapshot *snapshot = &post->request.snapshot;
    snapshot->tenant = slice_of(post->pending.caller.tenant);
    if (!post->request.has_flow)
        snapshot->flow = lane->gateway->flow;
    if (!post->request.has_capture)
        snapshot->capture = lane->gateway->capture;
    post->has_key = key->len > 0;
    if (!post->has_key) {
        snapshot->order_id = uuid_v7();
        return;
    }
    struct buf *body = lane_scratch(lane);
    order_request_canonical(&post->request, body);
    post->claim = claim_of(snapshot->tenant, (struct slice){key->text, key->len}, buf_slice(body));
    snapshot->order_id = post->claim.order_id;
}

/* --- answering -------------------------------------------------------------------------------- */

static void answer_accepted(struct order_post *post, bool is_replay) {
    h2o_req_t *req = post->pending.req;
    if (req == NULL)
        return;
    if (is_replay)
        answer_header(req, "Idempotent-Replayed", SLICE_LITERAL("true"));
    accepted_send(req, &post->request.snapshot.order_id, order_status_name(ORDER_PENDING),
                  ORDER_MESSAGE_ACCEPTED, &post->pending.lane->scratch);
}

/* --- steps ------------------------------------------------------------------------------------ */

void post_order(h2o_req_t *req, struct slice id) {
    (void)id;
    struct sent_key key;
    if (!request_body_is_json(req)) {
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
        return;
    }
    if (!read_key(req, &key))
        return;
    struct order_post *post = pending_create(req, sizeof(*post), dispose);
    post->arena = arena_create(ARENA_CHUNK_BYTES);
    if (!read_body(req, post)) {
        pending_release(post);
        return;
    }
    struct lane *lane = post->pending.lane;
    enum status status = publish_open(lane->publish, &post->publication);
    if (status != STATUS_OK) {
        pending_refuse(post, problem_of(status), NULL);
        return;
    }
    (void)pending_trace(&post->pending); /* the client may leave before it is needed */
    bind_key(&key, caller_customer(&post->pending.caller));
    identify(post, &key);
    if (order_request_has_contact(&post->request))
        seal_look_begin(&post->seal, lane, post->request.snapshot.tenant,
                        post->request.snapshot.customer_id);
    if (post->has_key)
        claim_make(lane->redis, &post->claim, on_claim, post);
    else
        on_claim(post, CLAIM_FIRST);
}

static void fail(struct order_post *post, const struct error *error) {
    trace_set_current(pending_trace(&post->pending));
    log_warn("an order was not published", LOG_ERROR(error));
    trace_set_current(NULL);
    if (post->has_key)
        claim_release(post->pending.lane->redis, &post->claim);
    pending_refuse(post, problem_of(error->status), NULL);
}

/* The command is kept before the key is done, which answers repetitions without publishing. The
   answer waits until Redis has it all: a client that repeats its request on seeing the answer, or
   asks for the order, through whichever gateway, is to find the key done and the order accepted. */
static void on_stored(void *closure, const struct error *failure, struct slice command) {
    struct order_post *post = closure;
    struct lane *lane = post->pending.lane;
    if (failure != NULL) {
        fail(post, failure);
        return;
    }
    failpoint("gateway.after_puback");
    kept_accept(lane, EVENT_ORDER_SUBMIT, &post->request.snapshot.order_id, command, NULL, NULL);
    if (post->has_key)
        claim_finish(lane->redis, &post->claim);
    order_marker_set(lane->redis, &post->request.snapshot, on_noted, post);
}

/* Another gateway, or this one before it was started, may have accepted another body meanwhile. */
static bool is_key_unguarded(const struct order_post *post) {
    return claim_is_unguarded(post->verdict) || redis_has_gap(post->pending.lane->redis);
}

static void submit(void *closure) {
    struct order_post *post = closure;
    const struct submission submission = {
        .request = &post->request,
        .key_hash = post->has_key ? post->claim.key_hash : NULL,
        .is_key_unguarded = post->has_key && is_key_unguarded(post),
        .seal = &post->seal,
    };
    publish_order(&post->publication, &submission, pending_trace(&post->pending), on_stored, post);
}

static void on_claim(void *closure, enum claim_verdict verdict) {
    struct order_post *post = closure;
    switch (verdict) {
    case CLAIM_FIRST:
    case CLAIM_TAKEOVER:
    case CLAIM_DEGRADED:
        post->verdict = verdict;
        if (order_request_has_contact(&post->request))
            seal_look_end(&post->seal, submit, post);
        else
            submit(post);
        return;
    case CLAIM_REPLAY:
        answer_accepted(post, true);
        pending_release(post);
        return;
    case CLAIM_IN_FLIGHT:
        pending_refuse(post, PROBLEM_KEY_IN_FLIGHT, NULL);
        return;
    case CLAIM_MISMATCH:
    case CLAIM_VERDICT_COUNT:
        pending_refuse(post, PROBLEM_KEY_REUSED, NULL);
        return;
    }
}

static void on_noted(void *closure) {
    struct order_post *post = closure;
    answer_accepted(post, false);
    failpoint("gateway.after_answer");
    pending_release(post);
}

#include "gateway/change_catalog.h"

#include "gateway/answer.h"
#include "gateway/catalog_cache.h"
#include "gateway/idempotency.h"
#include "gateway/pending.h"
#include "gateway/problem.h"
#include "gateway/product_request.h"
#include "gateway/products.h"
#include "gateway/request.h"
#include "gateway/request_trace.h"
#include "shared/crypto.h"

enum { ARENA_CHUNK_BYTES = 2048 };

/*
 * put_product(), post_stock_adjustment()  read the request
 *   ask()         asks the inventory service
 *   on_written()  it has done so, or not, or nobody knows: the cache is renewed in any case
 *   on_renewed()  answers
 */
struct change {
    struct pending pending;
    bool is_put, has_if_match;
    struct buf answer; /* the service's */
    enum status status;
};

static void dispose(void *closure) {
    struct change *change = closure;
    buf_fini(&change->answer);
}

/* --- answering -------------------------------------------------------------------------------- */

static enum problem problem_of_change(const struct change *change) {
    if (change->status == STATUS_CONFLICT && change->is_put)
        return change->has_if_match ? PROBLEM_PRECONDITION_FAILED : PROBLEM_VERSION_CONFLICT;
    if (change->status == STATUS_CONFLICT)
        return PROBLEM_INSUFFICIENT_STOCK;
    if (change->status == STATUS_INVALID) /* all else was looked at before it was sent */
        return change->is_put ? PROBLEM_INVALID_PRODUCT : PROBLEM_KEY_REUSED;
    return problem_of(change->status);
}

static bool answer_says(const struct change *change, const char *member) {
    struct json_object *root = NULL, *value;
    bool says = json_parse(buf_slice(&change->answer), &root, NULL) == STATUS_OK &&
                json_object_object_get_ex(root, member, &value) && json_object_get_boolean(value);
    json_object_put(root);
    return says;
}

static void answer_put(const struct change *change) {
    h2o_req_t *req = change->pending.req;
    bool is_created = answer_says(change, "created");
    if (is_created)
        answer_header(req, "Location",
                      (struct slice){req->path.base,
                                     req->query_at == SIZE_MAX ? req->path.len : req->query_at});
    product_answer(req, is_created ? 201 : 200, buf_slice(&change->answer));
}

static void answer_adjustment(const struct change *change) {
    if (answer_says(change, "replayed"))
        answer_header(change->pending.req, "Idempotent-Replayed", SLICE_LITERAL("true"));
    answer_json(change->pending.req, 201, buf_slice(&change->answer));
}

static void on_renewed(void *closure) {
    struct change *change = closure;
    if (change->pending.req == NULL) {
        pending_release(change);
        return;
    }
    if (change->status != STATUS_OK)
        problem_send(change->pending.req, problem_of_change(change), NULL);
    else if (change->is_put)
        answer_put(change);
    else
        answer_adjustment(change);
    pending_release(change);
}

static void on_written(void *closure, const struct broker_answer *answer) {
    struct change *change = closure;
    change->status = answer->status;
    buf_append_slice(&change->answer, answer->body);
    catalog_cache_renew(change->pending.lane->catalog, on_renewed, change);
}

static void ask(h2o_req_t *req, const char *subject, struct slice body,
                const struct change *model) {
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace = *request_trace(req);
    trace_format(&trace, traceparent);
    struct change *change = pending_create(req, sizeof(*change), dispose);
    change->is_put = model->is_put;
    change->has_if_match = model->has_if_match;
    enum status status = broker_request(change->pending.lane->broker, subject, body, traceparent,
                                        on_written, change);
    if (status == STATUS_OK)
        return;
    problem_send(req, problem_of(status), NULL);
    pending_release(change);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_sound(h2o_req_t *req, struct slice sku) {
    if (!sku_is_valid(sku))
        problem_send(req, PROBLEM_MALFORMED_REQUEST, "a SKU is 1 to 64 of A-Z a-z 0-9 _ . : -");
    else if (!request_body_is_json(req))
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
    else
        return true;
    return false;
}

static struct slice body_of(const h2o_req_t *req) {
    return (struct slice){req->entity.base == NULL ? "" : req->entity.base, req->entity.len};
}

/* Puts the version of If-Match, if there is one, in the place of expectedVersion. */
static bool read_if_match(h2o_req_t *req, struct product_request *request, bool *has_if_match) {
    struct slice header;
    unsigned found = request_header(req, SLICE_LITERAL("if-match"), &header);
    *has_if_match = found > 0;
    if (found == 0)
        return true;
    if (request->expected_version >= 0) {
        problem_send(req, PROBLEM_MALFORMED_REQUEST,
                     "send the version in If-Match or in expectedVersion, not in both");
        return false;
    }
    if (found > 1 || !version_tag_parse(header, &request->expected_version)) {
        problem_send(req, PROBLEM_MALFORMED_REQUEST, "If-Match must be one quoted version");
        return false;
    }
    return true;
}

static void write_product(struct slice sku, const struct product_request *request,
                          struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_string(&w, "sku", sku);
    json_put_string(&w, "name", request->name);
    json_put_int(&w, "priceMinor", request->price_minor);
    json_put_string(&w, "currency", request->currency);
    if (request->has_active)
        json_put_bool(&w, "active", request->is_active);
    if (request->expected_version >= 0)
        json_put_int(&w, "expectedVersion", request->expected_version);
    json_end_object(&w);
}

void put_product(h2o_req_t *req, struct slice sku) {
    if (!is_sound(req, sku))
        return;
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct product_request request = {0};
    struct change model = {.is_put = true};
    struct error error;
    if (product_request_parse(body_of(req), &request, &errors, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    } else if (errors.count > 0) {
        problem_send_fields(req, PROBLEM_INVALID_PRODUCT, &errors);
    } else if (read_if_match(req, &request, &model.has_if_match)) {
        struct buf *body = &lane_of(req)->scratch;
        buf_clear(body);
        write_product(sku, &request, body);
        ask(req, "mesh.inventory.product.put", buf_slice(body), &model);
    }
    json_object_put(request.root);
    arena_destroy(&arena);
}

struct uuid adjustment_id_of_key(struct slice tenant, struct slice key) {
    static const char separator = '\0';
    struct buf joined = {0};
    uint8_t hash[32];
    buf_append_text(&joined, "stock-adjustment");
    buf_append(&joined, &separator, 1);
    buf_append_slice(&joined, tenant);
    buf_append(&joined, &separator, 1);
    buf_append_slice(&joined, key);
    sha256(joined.ptr, joined.len, hash);
    buf_fini(&joined);
    return uuid_v8(hash);
}

/* The id is the client's, or its key's: one of both, so that a repetition is known for one. */
static bool identify(h2o_req_t *req, struct adjustment_request *request) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len = 0;
    struct slice header;
    unsigned found = request_header(req, SLICE_LITERAL("idempotency-key"), &header);
    if (found == 0 && !request->has_id)
        problem_send(req, PROBLEM_MISSING_KEY, "or an adjustmentId in the body");
    else if (found > 0 && request->has_id)
        problem_send(req, PROBLEM_INVALID_KEY, "the body has an adjustmentId already");
    else if (found > 1 || (found == 1 && !idempotency_key_parse(header, key, &key_len)))
        problem_send(req, PROBLEM_INVALID_KEY,
                     "send it once, as a string of 1 to 255 printable ASCII characters");
    else {
        if (found == 1)
            request->id = adjustment_id_of_key(slice_of(caller_of(req)->tenant),
                                               (struct slice){key, key_len});
        return true;
    }
    return false;
}

static void write_adjustment(struct slice sku, const struct adjustment_request *request,
                             struct buf *out) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&request->id, id);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "adjustmentId", id);
    json_put_string(&w, "sku", sku);
    json_put_int(&w, "delta", request->delta);
    json_put_string(&w, "reason", request->reason);
    json_end_object(&w);
}

void post_stock_adjustment(h2o_req_t *req, struct slice sku) {
    if (!is_sound(req, sku))
        return;
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct adjustment_request request = {0};
    struct error error;
    if (adjustment_request_parse(body_of(req), &request, &errors, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    } else if (errors.count > 0) {
        problem_send_fields(req, PROBLEM_INVALID_ADJUSTMENT, &errors);
    } else if (identify(req, &request)) {
        struct buf *body = &lane_of(req)->scratch;
        buf_clear(body);
        write_adjustment(sku, &request, body);
        ask(req, "mesh.inventory.product.adjust", buf_slice(body), &(struct change){0});
    }
    json_object_put(request.root);
    arena_destroy(&arena);
}

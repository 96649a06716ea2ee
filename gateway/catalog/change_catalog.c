#include "gateway/catalog/change_catalog.h"

#include "gateway/catalog/catalog_cache.h"
#include "gateway/catalog/product_request.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/etag.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/request.h"

enum { ARENA_CHUNK_BYTES = 2048 };

/*
 * put_product(), post_stock_adjustment()  read the request
 *   on_current()  the product as it is, if there are conditions: judges them
 *     put()       asks the inventory service
 *   on_written()  it has done so, or not, or nobody knows: the cache is renewed in any case
 *   on_renewed()  answers
 */
struct change {
    struct pending pending;
    bool is_put, is_conditional;
    struct product_request wanted; /* of a put */
    struct buf sku;
    struct buf answer; /* the service's */
    enum status status;
};

static void dispose(void *closure) {
    struct change *change = closure;
    json_object_put(change->wanted.root);
    buf_fini(&change->sku);
    buf_fini(&change->answer);
}

/* --- answering -------------------------------------------------------------------------------- */

static enum problem problem_of_change(const struct change *change) {
    if (change->status == STATUS_CONFLICT && change->is_put)
        return change->is_conditional ? PROBLEM_PRECONDITION_FAILED : PROBLEM_VERSION_CONFLICT;
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

static void answer_put(struct change *change) {
    h2o_req_t *req = change->pending.req;
    bool is_created = answer_says(change, "created");
    if (is_created) {
        struct buf location = {0};
        buf_printf(&location, "/api/v1/products/%.*s", SLICE_ARG(buf_slice(&change->sku)));
        answer_header(req, "Location", buf_slice(&location));
        buf_fini(&location);
    }
    char tag[ETAG_SIZE];
    if (etag_of(buf_slice(&change->answer), tag))
        answer_header(req, "ETag", slice_of(tag));
    pending_answer(change, is_created ? 201 : 200, buf_slice(&change->answer));
}

static void answer_adjustment(struct change *change) {
    if (answer_says(change, "replayed"))
        answer_header(change->pending.req, "Idempotent-Replayed", SLICE_LITERAL("true"));
    pending_answer(change, 201, buf_slice(&change->answer));
}

static void on_renewed(void *closure) {
    struct change *change = closure;
    if (change->pending.req == NULL)
        pending_release(change);
    else if (change->status != STATUS_OK)
        pending_refuse(change, problem_of_change(change), NULL);
    else if (change->is_put)
        answer_put(change);
    else
        answer_adjustment(change);
}

static void on_written(void *closure, const struct broker_answer *answer) {
    struct change *change = closure;
    change->status = answer->status;
    buf_append_slice(&change->answer, answer->body);
    catalog_cache_renew(change->pending.lane->catalog, on_renewed, change);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_sound(h2o_req_t *req, struct slice sku) {
    if (!sku_is_valid(sku))
        problem_send(req, PROBLEM_NOT_FOUND, "a SKU is 1 to 64 of A-Z a-z 0-9 _ . : -");
    else if (!request_body_is_json(req))
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
    else
        return true;
    return false;
}

/* --- putting a product ------------------------------------------------------------------------ */

static void put(struct change *change) {
    const struct product_request *wanted = &change->wanted;
    struct buf *body = lane_scratch(change->pending.lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_string(&w, "sku", buf_slice(&change->sku));
    json_put_string(&w, "name", wanted->name);
    json_put_int(&w, "priceMinor", wanted->price_minor);
    json_put_string(&w, "currency", wanted->currency);
    if (wanted->has_active)
        json_put_bool(&w, "active", wanted->is_active);
    if (wanted->expected_version >= 0)
        json_put_int(&w, "expectedVersion", wanted->expected_version);
    json_end_object(&w);
    mesh_ask(&change->pending, "mesh.inventory.product.put", buf_slice(body), on_written);
}

/* Sets the version that the service must still find, so that the conditions also hold when it
   writes. False: they do not hold now. `version` is -1 where there is no product. */
static bool judge_conditions(const h2o_req_t *req, const char *tag, int64_t version,
                             int64_t *expected_version) {
    enum etag_condition match = etag_if_match(req, tag);
    enum etag_condition none_match = etag_if_none_match(req, tag);
    if (version < 0) {
        *expected_version = 0;
        return match == ETAG_UNASKED;
    }
    /* one version back, the service takes only a put that changes nothing: the answer to this very
       request may have been lost */
    *expected_version = match == ETAG_DIFFERS ? version - 1 : version;
    return none_match != ETAG_MATCHES;
}

static void on_current(void *closure, const struct broker_answer *answer) {
    struct change *change = closure;
    struct json_object *root = NULL;
    char tag[ETAG_SIZE] = "";
    int64_t version = -1;
    if (change->pending.req == NULL) {
        pending_release(change);
        return;
    }
    if (answer->status != STATUS_OK && answer->status != STATUS_NOT_FOUND) {
        pending_refuse(change, problem_of(answer->status), NULL);
        return;
    }
    bool is_read =
        answer->status == STATUS_NOT_FOUND ||
        (etag_of(answer->body, tag) && json_parse(answer->body, &root, NULL) == STATUS_OK &&
         json_get_int64(root, "version", &version, NULL) == STATUS_OK);
    json_object_put(root);
    if (!is_read)
        pending_refuse(change, PROBLEM_INTERNAL, NULL);
    else if (!judge_conditions(change->pending.req, tag, version, &change->wanted.expected_version))
        pending_refuse(change, PROBLEM_PRECONDITION_FAILED, NULL);
    else
        put(change);
}

static void look_first(struct change *change) {
    struct buf *body = lane_scratch(change->pending.lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_string(&w, "sku", buf_slice(&change->sku));
    json_end_object(&w);
    mesh_ask(&change->pending, "mesh.inventory.product.get", buf_slice(body), on_current);
}

static bool read_conditions(h2o_req_t *req, const struct product_request *wanted,
                            bool *is_conditional) {
    enum etag_condition match = etag_if_match(req, ""), none_match = etag_if_none_match(req, "");
    *is_conditional = match != ETAG_UNASKED || none_match != ETAG_UNASKED;
    if (match == ETAG_MALFORMED || none_match == ETAG_MALFORMED)
        problem_send(req, PROBLEM_MALFORMED_REQUEST,
                     "If-Match and If-None-Match are * or a list of entity tags");
    else if (*is_conditional && wanted->expected_version >= 0)
        problem_send(req, PROBLEM_MALFORMED_REQUEST,
                     "send the version in a header or in expectedVersion, not in both");
    else
        return true;
    return false;
}

static void begin_put(h2o_req_t *req, struct slice sku, struct product_request *wanted,
                      bool is_conditional) {
    struct change *change = pending_create(req, sizeof(*change), dispose);
    change->is_put = true;
    change->is_conditional = is_conditional;
    change->wanted = *wanted;
    wanted->root = NULL;
    buf_append_slice(&change->sku, sku);
    if (is_conditional)
        look_first(change);
    else
        put(change);
}

void put_product(h2o_req_t *req, struct slice sku) {
    if (!is_sound(req, sku))
        return;
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct product_request request = {0};
    struct error error;
    bool is_conditional;
    if (product_request_parse(request_body(req), &request, &errors, &error) != STATUS_OK)
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    else if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_PRODUCT, &errors);
    else if (read_conditions(req, &request, &is_conditional))
        begin_put(req, sku, &request, is_conditional);
    json_object_put(request.root);
    arena_destroy(&arena);
}

/* --- adjusting its stock ---------------------------------------------------------------------- */

struct uuid adjustment_id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("stock-adjustment"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

/* The id is the client's, or its key's: one of both, so that a repetition is known for one. */
static bool identify(h2o_req_t *req, struct adjustment_request *request) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len;
    if (!idempotency_key_read(req, key, &key_len))
        return false;
    bool has_key = key_len > 0;
    if (has_key && request->has_id)
        problem_send(req, PROBLEM_INVALID_KEY, "the body has an adjustmentId already");
    else if (!has_key && !request->has_id)
        problem_send(req, PROBLEM_MISSING_KEY, "or an adjustmentId in the body");
    else if (has_key)
        request->id =
            adjustment_id_of_key(slice_of(caller_of(req)->tenant), (struct slice){key, key_len});
    return has_key != request->has_id;
}

static void write_adjustment(struct slice sku, const struct adjustment_request *request,
                             struct buf *out) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&request->id, id);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "adjustmentId", id);
    json_put_string(&w, "sku", sku);
    if (request->warehouse.len > 0)
        json_put_string(&w, "warehouse", request->warehouse);
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
    if (adjustment_request_parse(request_body(req), &request, &errors, &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    } else if (errors.count > 0) {
        problem_send_fields(req, PROBLEM_INVALID_ADJUSTMENT, &errors);
    } else if (identify(req, &request)) {
        struct buf *body = lane_scratch(lane_of(req));
        write_adjustment(sku, &request, body);
        mesh_ask(pending_create(req, sizeof(struct change), dispose),
                 request.warehouse.len > 0 ? "mesh.inventory.stock.adjust"
                                           : "mesh.inventory.product.adjust",
                 buf_slice(body), on_written);
    }
    json_object_put(request.root);
    arena_destroy(&arena);
}

#include "gateway/webhooks/webhooks.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"
#include "gateway/webhooks/webhook_request.h"
#include "shared/json/json.h"

enum { ARENA_CHUNK_BYTES = 1024 };

/* What is asked, and how it is answered. */
struct question {
    const char *subject;
    int status; /* of a good answer */
    bool has_location, has_cursor;
};

struct webhook_call {
    struct pending pending;
    const struct question *question;
    struct buf link; /* of a page, without its cursor */
};

static void dispose(void *closure) {
    struct webhook_call *call = closure;
    buf_fini(&call->link);
}

/* --- answering -------------------------------------------------------------------------------- */

/* Appends a member of the answer that is a text. */
static bool find_text(struct slice answer, const char *member, struct buf *out) {
    struct json_object *root = NULL;
    struct slice text;
    bool has = json_parse(answer, &root, NULL) == STATUS_OK &&
               json_get_string(root, member, &text, NULL) == STATUS_OK;
    if (has)
        buf_append_slice(out, text);
    json_object_put(root);
    return has;
}

static void add_location(h2o_req_t *req, struct slice answer) {
    struct buf location = {0};
    buf_append_text(&location, "/api/v1/webhooks/");
    if (find_text(answer, "id", &location))
        answer_header(req, "Location", buf_slice(&location));
    buf_fini(&location);
}

static void add_link(struct webhook_call *call, struct slice answer) {
    struct buf cursor = {0}, link = {0};
    if (find_text(answer, "nextCursor", &cursor)) {
        query_append(&call->link, "cursor", buf_slice(&cursor));
        buf_printf(&link, "<%.*s>; rel=\"next\"", SLICE_ARG(buf_slice(&call->link)));
        answer_header(call->pending.req, "Link", buf_slice(&link));
    }
    buf_fini(&cursor);
    buf_fini(&link);
}

static void answer_good(struct webhook_call *call, struct slice body) {
    const struct question *question = call->question;
    h2o_req_t *req = call->pending.req;
    if (req != NULL && question->has_location)
        add_location(req, body);
    if (req != NULL && question->has_cursor)
        add_link(call, body);
    if (req == NULL || question->status != 204) {
        pending_answer(call, question->status, body);
        return;
    }
    answer_empty(req, 204);
    pending_release(call);
}

/* `why` is "<member>: what is wrong with it". */
static void refuse_member(struct webhook_call *call, const char *why) {
    struct slice rest = slice_of(why);
    h2o_req_t *req = call->pending.req;
    if (req != NULL) {
        struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
        struct field_errors errors = {.arena = arena};
        struct slice field = arena_slice(arena, slice_take_until(&rest, ':'));
        field_error_add(&errors, field, arena_copy(arena, slice_trim(rest)));
        problem_send_fields(req, PROBLEM_INVALID_WEBHOOK, &errors);
        arena_destroy(&arena);
    }
    pending_release(call);
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct webhook_call *call = closure;
    if (answer->status == STATUS_OK)
        answer_good(call, answer->body);
    else if (answer->status == STATUS_INVALID && call->question->has_cursor)
        pending_refuse(call, PROBLEM_INVALID_QUERY,
                       "cursor: must be the nextCursor of a page with the same status");
    else if (answer->status == STATUS_INVALID && answer->why != NULL)
        refuse_member(call, answer->why);
    else if (answer->status == STATUS_CONFLICT)
        pending_refuse(
            call, call->question->has_location ? PROBLEM_TOO_MANY_WEBHOOKS : PROBLEM_WEBHOOK_OFF,
            answer->why);
    else
        pending_refuse(call, problem_of(answer->status), NULL);
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct webhook_call *begin(h2o_req_t *req, const struct question *question) {
    struct webhook_call *call = pending_create(req, sizeof(*call), dispose);
    call->question = question;
    return call;
}

static void ask(struct webhook_call *call, const struct buf *body) {
    mesh_ask(&call->pending, call->question->subject, buf_slice(body), on_answer);
}

/* False: the request was answered. */
static bool read_id(h2o_req_t *req, struct slice text, struct uuid *id) {
    bool is_id = uuid_parse(text, id);
    if (!is_id)
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
    return is_id;
}

/* About one webhook of the caller's tenant, and maybe one of its deliveries; about all of them
   where `id` is NULL. */
static void ask_about(h2o_req_t *req, const struct question *question, const struct uuid *id,
                      const struct uuid *delivery_id) {
    struct webhook_call *call = begin(req, question);
    struct buf *body = lane_scratch(lane_of(req));
    char text[UUID_TEXT_SIZE];
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "tenant", call->pending.caller.tenant);
    if (id != NULL) {
        uuid_format(id, text);
        json_put_text(&w, "id", text);
    }
    if (delivery_id != NULL) {
        uuid_format(delivery_id, text);
        json_put_text(&w, "deliveryId", text);
    }
    json_end_object(&w);
    ask(call, body);
}

static void ask_about_one(h2o_req_t *req, const struct question *question, struct slice text) {
    struct uuid id;
    if (read_id(req, text, &id))
        ask_about(req, question, &id, NULL);
}

/* What is asked without parameters knows none. */
static bool has_no_query(h2o_req_t *req) {
    bool has_none = query_of(req).len == 0;
    if (!has_none)
        problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
    return has_none;
}

/* --- the routes ------------------------------------------------------------------------------- */

static void send_body(h2o_req_t *req, const struct question *question, const struct uuid *id,
                      bool is_change) {
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct buf *out = lane_scratch(lane_of(req));
    struct error error;
    const struct webhook_body body = {
        .text = request_body(req),
        .tenant = slice_of(caller_of(req)->tenant),
        .id = id,
        .is_change = is_change,
    };
    if (webhook_request_write(&body, &errors, out, &error) != STATUS_OK)
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    else if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_WEBHOOK, &errors);
    else
        ask(begin(req, question), out);
    arena_destroy(&arena);
}

static bool is_json(h2o_req_t *req) {
    bool is = request_body_is_json(req);
    if (!is)
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
    return is;
}

void post_webhook(h2o_req_t *req, struct slice id) {
    static const struct question question = {
        .subject = "mesh.webhooks.create", .status = 201, .has_location = true};
    char key[IDEMPOTENCY_KEY_MAX];
    size_t key_len;
    (void)id;
    if (!is_json(req) || !idempotency_key_read(req, key, &key_len))
        return;
    struct uuid made = key_len > 0 ? webhook_id_of_key(slice_of(caller_of(req)->tenant),
                                                       (struct slice){key, key_len})
                                   : uuid_v7();
    send_body(req, &question, &made, false);
}

void patch_webhook(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.change", .status = 200};
    struct uuid found;
    if (read_id(req, id, &found) && is_json(req))
        send_body(req, &question, &found, true);
}

void get_webhooks(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.list", .status = 200};
    (void)id;
    if (has_no_query(req))
        ask_about(req, &question, NULL, NULL);
}

void get_webhook(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.get", .status = 200};
    if (has_no_query(req))
        ask_about_one(req, &question, id);
}

void delete_webhook(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.delete", .status = 204};
    ask_about_one(req, &question, id);
}

void post_webhook_ping(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.ping", .status = 202};
    ask_about_one(req, &question, id);
}

void get_webhook_deliveries(h2o_req_t *req, struct slice id) {
    static const struct question question = {
        .subject = "mesh.webhooks.deliveries", .status = 200, .has_cursor = true};
    struct uuid found;
    struct error error = {0};
    struct buf link = {0};
    struct buf *body = lane_scratch(lane_of(req));
    if (!read_id(req, id, &found))
        return;
    if (webhook_page_write(query_of(req), slice_of(caller_of(req)->tenant), &found, &link, body,
                           &error) != STATUS_OK) {
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
        buf_fini(&link);
        return;
    }
    struct webhook_call *call = begin(req, &question);
    call->link = link;
    ask(call, body);
}

/* The segment behind /api/v1/webhooks/{id}/deliveries/. */
static struct slice delivery_of(const h2o_req_t *req) {
    enum { BEFORE = 6 };
    struct slice rest = {req->path.base, req->path.len}, segment = {"", 0};
    for (int i = 0; i <= BEFORE && rest.ptr != NULL; i++)
        segment = slice_take_until(&rest, '/');
    return segment;
}

void post_webhook_resend(h2o_req_t *req, struct slice id) {
    static const struct question question = {.subject = "mesh.webhooks.resend", .status = 202};
    struct uuid found, delivery;
    if (read_id(req, id, &found) && read_id(req, delivery_of(req), &delivery))
        ask_about(req, &question, &found, &delivery);
}

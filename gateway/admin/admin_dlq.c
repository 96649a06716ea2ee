#include "gateway/admin/admin_dlq.h"

#include "gateway/admin/dlq_request.h"
#include "gateway/lane/pending.h"
#include "gateway/lane/request_trace.h"
#include "gateway/link/broker.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"

enum { ARENA_CHUNK_BYTES = 2048 };

/* What one of these resources is in the mesh. */
struct resource {
    const char *subject;
    enum problem when_invalid; /* what the service alone can refuse */
    bool makes_job;
};

struct dlq_call {
    struct pending pending;
    const struct resource *resource;
};

/* --- answering -------------------------------------------------------------------------------- */

/* A job that was begun has an id; a dry run has none. */
static void answer_job(h2o_req_t *req, struct slice body) {
    struct json_object *root = NULL;
    struct slice id;
    int status = 200;
    if (json_parse(body, &root, NULL) == STATUS_OK &&
        json_get_string(root, "id", &id, NULL) == STATUS_OK) {
        struct buf location = {0};
        buf_printf(&location, "/api/v1/admin/dlq/jobs/%.*s", SLICE_ARG(id));
        answer_header(req, "Location", buf_slice(&location));
        buf_fini(&location);
        status = 202;
    }
    json_object_put(root);
    answer_json(req, status, body);
}

static enum problem problem_of_answer(const struct resource *resource, enum status status) {
    if (status == STATUS_INVALID)
        return resource->when_invalid;
    return status == STATUS_CONFLICT ? PROBLEM_NOT_DEAD : problem_of(status);
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct dlq_call *call = closure;
    h2o_req_t *req = call->pending.req;
    if (req != NULL && answer->status != STATUS_OK)
        problem_send(req, problem_of_answer(call->resource, answer->status),
                     answer->status == STATUS_INVALID
                         ? "cursor: must be the nextCursor of a page with the same filter"
                         : NULL);
    else if (req != NULL && call->resource->makes_job)
        answer_job(req, answer->body);
    else if (req != NULL)
        answer_json(req, 200, answer->body);
    pending_release(call);
}

static void ask(h2o_req_t *req, const struct resource *resource, struct slice body) {
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace = *request_trace(req);
    trace_format(&trace, traceparent);
    struct dlq_call *call = pending_create(req, sizeof(*call), NULL);
    call->resource = resource;
    enum status status = broker_request(call->pending.lane->broker, resource->subject, body,
                                        traceparent, on_answer, call);
    if (status == STATUS_OK)
        return;
    problem_send(req, problem_of(status), NULL);
    pending_release(call);
}

/* --- reads ------------------------------------------------------------------------------------ */

void get_dlq_list(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.list", PROBLEM_INVALID_QUERY, false};
    (void)id;
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct buf *body = &lane_of(req)->scratch;
    struct error error;
    buf_clear(body);
    if (dlq_list_request(query_of(req), arena, body, &error) == STATUS_OK)
        ask(req, &resource, buf_slice(body));
    else
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
    arena_destroy(&arena);
}

/* No parameter means anything here. */
static bool has_no_query(h2o_req_t *req) {
    if (query_of(req).len == 0)
        return true;
    problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
    return false;
}

void get_dlq_counts(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.counts", PROBLEM_INTERNAL, false};
    (void)id;
    if (has_no_query(req))
        ask(req, &resource, SLICE_LITERAL("{}"));
}

void get_dlq_jobs(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.jobs", PROBLEM_INTERNAL, false};
    (void)id;
    if (has_no_query(req))
        ask(req, &resource, SLICE_LITERAL("{}"));
}

static void ask_by_id(h2o_req_t *req, const struct resource *resource, struct slice id) {
    struct buf *body = &lane_of(req)->scratch;
    if (!has_no_query(req))
        return;
    buf_clear(body);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_string(&w, "id", id);
    json_end_object(&w);
    ask(req, resource, buf_slice(body));
}

void get_dlq_entry(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.get", PROBLEM_INTERNAL, false};
    if (dlq_id_is_valid(id))
        ask_by_id(req, &resource, id);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

static bool is_job_id(struct slice id) {
    struct uuid parsed;
    return uuid_parse(id, &parsed);
}

void get_dlq_job(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.job", PROBLEM_INTERNAL, false};
    if (is_job_id(id))
        ask_by_id(req, &resource, id);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

/* --- actions ---------------------------------------------------------------------------------- */

typedef enum status (*make_request_fn)(const struct dlq_body *body, struct field_errors *errors,
                                       struct buf *out, struct error *error);

static void act(h2o_req_t *req, const struct resource *resource, make_request_fn make_request,
                struct slice id) {
    const struct caller *caller = caller_of(req);
    struct dlq_body body = {
        .text = {req->entity.base == NULL ? "" : req->entity.base, req->entity.len},
        .actor = slice_of(caller->subject[0] != '\0' ? caller->subject : "gateway"),
        .id = id,
    };
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct buf *out = &lane_of(req)->scratch;
    struct error error;
    buf_clear(out);
    struct slice type;
    bool has_type = request_header(req, SLICE_LITERAL("content-type"), &type) > 0;
    if ((body.text.len > 0 || has_type) && !request_body_is_json(req))
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
    else if (make_request(&body, &errors, out, &error) != STATUS_OK)
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    else if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_DLQ_REQUEST, &errors);
    else
        ask(req, resource, buf_slice(out));
    arena_destroy(&arena);
}

void post_dlq_replay(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.replay", PROBLEM_INTERNAL, false};
    if (dlq_id_is_valid(id))
        act(req, &resource, dlq_plain_request, id);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

void post_dlq_discard(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.discard", PROBLEM_INTERNAL, false};
    if (dlq_id_is_valid(id))
        act(req, &resource, dlq_discard_request, id);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

void post_dlq_replay_all(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.replay_all", PROBLEM_INTERNAL, true};
    act(req, &resource, dlq_replay_all_request, id);
}

void post_dlq_discard_all(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.discard_all", PROBLEM_INTERNAL, true};
    act(req, &resource, dlq_discard_all_request, id);
}

void post_dlq_job_cancel(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {"mesh.dlq.job_cancel", PROBLEM_INTERNAL, false};
    if (is_job_id(id))
        act(req, &resource, dlq_plain_request, id);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

#include "gateway/admin/admin_dlq.h"

#include "gateway/admin/dlq_request.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"

enum { ARENA_CHUNK_BYTES = 2048 };

typedef enum status (*make_request_fn)(const struct dlq_body *body, struct field_errors *errors,
                                       struct buf *out, struct error *error);

/* One of these resources, as the mesh has it. */
struct resource {
    const char *subject;
    bool (*is_id)(struct slice id);
    make_request_fn make_request; /* of an action */
    bool has_cursor, makes_job, is_replay;
};

struct dlq_call {
    struct pending pending;
    const struct resource *resource;
};

/* --- answering -------------------------------------------------------------------------------- */

/* A job that was begun has an id; a dry run has none. */
static void answer_job(struct dlq_call *call, struct slice body) {
    struct json_object *root = NULL;
    struct slice id;
    int status = 200;
    if (call->pending.req != NULL && json_parse(body, &root, NULL) == STATUS_OK &&
        json_get_string(root, "id", &id, NULL) == STATUS_OK) {
        struct buf location = {0};
        buf_printf(&location, "/api/v1/admin/dlq/jobs/%.*s", SLICE_ARG(id));
        answer_header(call->pending.req, "Location", buf_slice(&location));
        buf_fini(&location);
        status = 202;
    }
    json_object_put(root);
    pending_answer(call, status, body);
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct dlq_call *call = closure;
    if (answer->status == STATUS_OK && call->resource->makes_job)
        answer_job(call, answer->body);
    else if (answer->status == STATUS_OK)
        pending_answer(call, 200, answer->body);
    else if (answer->status == STATUS_INVALID && call->resource->has_cursor)
        pending_refuse(call, PROBLEM_INVALID_QUERY,
                       "cursor: must be the nextCursor of a page with the same filter");
    else if (answer->status == STATUS_CONFLICT)
        pending_refuse(call, call->resource->is_replay ? PROBLEM_REPLAY_REFUSED : PROBLEM_NOT_DEAD,
                       answer->why);
    else
        pending_refuse(call, problem_of(answer->status), NULL);
}

static void ask(h2o_req_t *req, const struct resource *resource, struct slice body) {
    struct dlq_call *call = pending_create(req, sizeof(*call), NULL);
    call->resource = resource;
    mesh_ask(&call->pending, resource->subject, body, on_answer);
}

/* --- reads ------------------------------------------------------------------------------------ */

/* By the filter in the query, with pages where the resource has them. */
static void read_filtered(h2o_req_t *req, const struct resource *resource) {
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct buf *body = lane_scratch(lane_of(req));
    struct error error;
    enum status status = resource->has_cursor
                             ? dlq_list_request(query_of(req), arena, body, &error)
                             : dlq_groups_request(query_of(req), arena, body, &error);
    if (status == STATUS_OK)
        ask(req, resource, buf_slice(body));
    else
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
    arena_destroy(&arena);
}

void get_dlq_list(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.list", .has_cursor = true};
    (void)id;
    read_filtered(req, &resource);
}

void get_dlq_groups(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.groups"};
    (void)id;
    read_filtered(req, &resource);
}

/* Of one with an id, or of all. No parameter means anything here. */
static void read_resource(h2o_req_t *req, const struct resource *resource, struct slice id) {
    struct buf *body = lane_scratch(lane_of(req));
    if (resource->is_id != NULL && !resource->is_id(id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    if (query_of(req).len > 0) {
        problem_send(req, PROBLEM_INVALID_QUERY, "there are no parameters here");
        return;
    }
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    if (resource->is_id != NULL)
        json_put_string(&w, "id", id);
    json_end_object(&w);
    ask(req, resource, buf_slice(body));
}

void get_dlq_counts(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.counts"};
    read_resource(req, &resource, id);
}

void get_dlq_jobs(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.jobs"};
    read_resource(req, &resource, id);
}

void get_dlq_entry(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.get", .is_id = dlq_id_is_valid};
    read_resource(req, &resource, id);
}

static bool is_job_id(struct slice id) {
    struct uuid parsed;
    return uuid_parse(id, &parsed);
}

void get_dlq_job(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.job", .is_id = is_job_id};
    read_resource(req, &resource, id);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* A body may be left out, and then so may its type. */
static bool is_body_json(const h2o_req_t *req) {
    struct slice type;
    return request_body_is_json(req) ||
           (req->entity.len == 0 && request_header(req, SLICE_LITERAL("content-type"), &type) == 0);
}

static void act(h2o_req_t *req, const struct resource *resource, struct slice id) {
    const struct caller *caller = caller_of(req);
    const struct dlq_body body = {
        .text = request_body(req),
        .actor = slice_of(caller->subject[0] != '\0' ? caller->subject : "gateway"),
        .id = id,
    };
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct field_errors errors = {.arena = arena};
    struct buf *out = lane_scratch(lane_of(req));
    struct error error;
    if (resource->is_id != NULL && !resource->is_id(id))
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
    else if (!is_body_json(req))
        problem_send(req, PROBLEM_UNSUPPORTED_MEDIA, NULL);
    else if (resource->make_request(&body, &errors, out, &error) != STATUS_OK)
        problem_send(req, PROBLEM_INVALID_JSON, error.text);
    else if (errors.count > 0)
        problem_send_fields(req, PROBLEM_INVALID_DLQ_REQUEST, &errors);
    else
        ask(req, resource, buf_slice(out));
    arena_destroy(&arena);
}

void post_dlq_replay(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {
        .subject = "mesh.dlq.replay",
        .is_id = dlq_id_is_valid,
        .make_request = dlq_replay_request,
        .is_replay = true,
    };
    act(req, &resource, id);
}

void post_dlq_discard(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.discard",
                                             .is_id = dlq_id_is_valid,
                                             .make_request = dlq_discard_request};
    act(req, &resource, id);
}

void post_dlq_replay_all(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.replay_all",
                                             .make_request = dlq_replay_all_request,
                                             .makes_job = true};
    act(req, &resource, id);
}

void post_dlq_discard_all(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {.subject = "mesh.dlq.discard_all",
                                             .make_request = dlq_discard_all_request,
                                             .makes_job = true};
    act(req, &resource, id);
}

void post_dlq_job_cancel(h2o_req_t *req, struct slice id) {
    static const struct resource resource = {
        .subject = "mesh.dlq.job_cancel", .is_id = is_job_id, .make_request = dlq_plain_request};
    act(req, &resource, id);
}

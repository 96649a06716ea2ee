#include "gateway/problem.h"

#include "gateway/answer.h"
#include "shared/json.h"

#include <string.h>

#define CONTENT_TYPE "application/problem+json"

struct problem_info {
    const char *type;
    int status;
    int retry_after_s;
    const char *title;
};

static const struct problem_info problems[] = {
#define PROBLEM_ROW(id, type, status, retry_after_s, title)                                        \
    {PROBLEM_TYPE_PREFIX type, status, retry_after_s, title},
    PROBLEM_TABLE(PROBLEM_ROW)
#undef PROBLEM_ROW
};

void field_error_add(struct field_errors *errors, struct slice field, const char *message) {
    if (errors->count == FIELD_ERRORS_MAX)
        return;
    if (errors->entries == NULL)
        errors->entries = arena_alloc(errors->arena, FIELD_ERRORS_MAX * sizeof(*errors->entries));
    errors->entries[errors->count++] = (struct field_error){field, message};
}

int problem_status(enum problem problem) {
    return problems[problem].status;
}

enum problem problem_of(enum status status) {
    switch (status) {
    case STATUS_NOT_FOUND:
        return PROBLEM_NOT_FOUND;
    case STATUS_OVERLOADED:
        return PROBLEM_OVERLOADED;
    case STATUS_TIMEOUT:
        return PROBLEM_NOT_CONFIRMED;
    case STATUS_UNAVAILABLE:
    case STATUS_CLOSED:
        return PROBLEM_UNAVAILABLE;
    default:
        return PROBLEM_INTERNAL;
    }
}

static void write_fields(struct json_writer *w, const struct field_errors *errors) {
    json_key(w, "errors");
    json_begin_array(w);
    for (size_t i = 0; i < errors->count; i++) {
        json_begin_object(w);
        json_put_string(w, "field", errors->entries[i].field);
        json_put_text(w, "message", errors->entries[i].message);
        json_end_object(w);
    }
    json_end_array(w);
}

void problem_write(enum problem problem, const char *detail, const struct field_errors *errors,
                   struct buf *out) {
    const struct problem_info *info = &problems[problem];
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "type", info->type);
    json_put_text(&w, "title", info->title);
    json_put_int(&w, "status", info->status);
    if (detail != NULL)
        json_put_text(&w, "detail", detail);
    if (errors != NULL)
        write_fields(&w, errors);
    json_end_object(&w);
}

static void send_problem(h2o_req_t *req, enum problem problem, const char *detail,
                         const struct field_errors *errors) {
    struct buf body = {0};
    problem_write(problem, detail, errors, &body);
    if (problems[problem].retry_after_s > 0)
        answer_retry_after(req, problems[problem].retry_after_s);
    answer_send(req, problems[problem].status, CONTENT_TYPE, buf_slice(&body));
    buf_fini(&body);
}

void problem_send(h2o_req_t *req, enum problem problem, const char *detail) {
    send_problem(req, problem, detail, NULL);
}

void problem_send_fields(h2o_req_t *req, enum problem problem, const struct field_errors *errors) {
    send_problem(req, problem, NULL, errors);
}

/* --- h2o's own errors ------------------------------------------------------------------------- */

static enum problem problem_of_http(int status) {
    for (size_t i = 0; i < PROBLEM_COUNT; i++)
        if (problems[i].status == status)
            return (enum problem)i;
    return status < 500 ? PROBLEM_MALFORMED_REQUEST : PROBLEM_INTERNAL;
}

struct replacement {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_replacement(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                             h2o_send_state_t state) {
    (void)bufs;
    (void)count;
    struct replacement *replacement = (struct replacement *)self;
    h2o_ostream_send_next(self, req, &replacement->body, replacement->body.len > 0, state);
}

/* Nothing of ours is plain text. */
static bool is_answered_by_h2o(const h2o_req_t *req) {
    static const char plain[] = "text/plain";
    if (req->res.status < 400)
        return false;
    ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    if (at == -1)
        return true;
    h2o_iovec_t type = req->res.headers.entries[at].value;
    return type.len >= sizeof(plain) - 1 && memcmp(type.base, plain, sizeof(plain) - 1) == 0;
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot) {
    (void)self;
    if (!is_answered_by_h2o(req)) {
        h2o_setup_next_ostream(req, slot);
        return;
    }
    struct buf body = {0};
    problem_write(problem_of_http(req->res.status), NULL, NULL, &body);
    h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT(CONTENT_TYPE),
                   1);
    struct replacement *replacement =
        (struct replacement *)h2o_add_ostream(req, sizeof(*replacement), slot);
    replacement->super.do_send = send_replacement;
    replacement->body = h2o_strdup(&req->pool, body.ptr, body.len);
    req->res.content_length = replacement->body.len;
    buf_fini(&body);
    slot = &replacement->super.next;
    h2o_setup_next_ostream(req, slot);
}

void problem_filter_register(h2o_pathconf_t *pathconf) {
    h2o_filter_t *filter = h2o_create_filter(pathconf, sizeof(*filter));
    filter->on_setup_ostream = on_setup_ostream;
}

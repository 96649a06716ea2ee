#include "gateway/reply/problem.h"

#include "gateway/reply/answer.h"
#include "shared/json/json.h"

#define CONTENT_TYPE "application/problem+json"

enum { FIELD_SHOWN_MAX = 64 };

struct problem_info {
    const char *type;
    int status;
    int retry_after_s;
    const char *title;
};

static const struct problem_info problems[] = {
#define PROBLEM_ROW(id, name, status, retry_after_s, title, happened, remedy)                      \
    {PROBLEM_TYPE_PREFIX name, status, retry_after_s, title},
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

struct slice field_shown(struct slice name) {
    return name.len <= FIELD_SHOWN_MAX ? name : SLICE_LITERAL("(a long name)");
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

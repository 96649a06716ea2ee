#include "gateway/reply/answer.h"

#include "shared/base/buf.h"

#include <string.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status) {
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

void answer_header(h2o_req_t *req, const char *name, struct slice value) {
    h2o_iovec_t copy = h2o_strdup(&req->pool, value.ptr, value.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 0, NULL, copy.base,
                          copy.len);
}

void answer_retry_after(h2o_req_t *req, int seconds) {
    struct buf text = {0};
    buf_append_int(&text, seconds);
    answer_header(req, "Retry-After", buf_slice(&text));
    buf_fini(&text);
}

/* An answer with a tag may be kept by a client that asks each time whether it still holds. */
static void add_cache_control(h2o_req_t *req) {
    bool has_tag = h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("ETag"), -1) != -1;
    answer_header(req, "Cache-Control", slice_of(has_tag ? "private, no-cache" : "no-store"));
}

void answer_send(h2o_req_t *req, int status, const char *content_type, struct slice body) {
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, "Content-Type",
                   content_type, strlen(content_type));
    add_cache_control(req);
    h2o_send_inline(req, body.ptr, body.len);
}

void answer_json(h2o_req_t *req, int status, struct slice body) {
    answer_send(req, status, "application/json", body);
}

void answer_empty(h2o_req_t *req, int status) {
    req->res.status = status;
    req->res.reason = reason_of(status);
    add_cache_control(req);
    h2o_send_inline(req, "", 0);
}

#include "gateway/reply/answer.h"

#include "gateway/reply/coding.h"
#include "shared/base/buf.h"

#include <string.h>

/* Smaller answers are a few packets, and packing larger ones would keep the loop for too long. */
enum { PACKED_LEAST_BYTES = 8 * 1024, PACKED_MOST_BYTES = 128 * 1024 };

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

static bool has_tag(const h2o_req_t *req) {
    return h2o_find_header_by_str(&req->res.headers, H2O_STRLIT("ETag"), -1) != -1;
}

/* An answer with a tag may be kept by a client that asks each time whether it still holds. */
static void add_cache_control(h2o_req_t *req) {
    answer_header(req, "Cache-Control", slice_of(has_tag(req) ? "private, no-cache" : "no-store"));
}

static bool reads(const h2o_req_t *req) {
    return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
           h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
}

/* Lists, and what else is long. A tag is that of the answer as it is. */
static bool may_be_packed(const h2o_req_t *req, int status, size_t bytes) {
    return status == 200 && bytes >= PACKED_LEAST_BYTES && bytes <= PACKED_MOST_BYTES &&
           reads(req) && !has_tag(req);
}

static void pack(h2o_req_t *req, struct slice *body) {
    coding_tell_vary(req);
    if (coding_is_gzip(req) && coding_pack(req, *body, body))
        coding_tell_gzip(req);
}

void answer_send(h2o_req_t *req, int status, const char *content_type, struct slice body) {
    if (may_be_packed(req, status, body.len))
        pack(req, &body);
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

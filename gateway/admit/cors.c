#include "gateway/admit/cors.h"

#include "gateway/lane/lane.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/request.h"

/* Of requests; a browser lets the others of its own list pass by themselves. */
#define ALLOWED_HEADERS                                                                            \
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "       \
    "traceparent, tracestate"
/* Of answers. */
#define EXPOSED_HEADERS                                                                            \
    "Allow, Content-Disposition, ETag, Idempotent-Replayed, Link, Location, RateLimit, "           \
    "RateLimit-Policy, Retry-After, "                                                              \
    "WWW-Authenticate"
#define MAX_AGE_S "600"

/* --- the setting ------------------------------------------------------------------------------ */

/* Scheme, host and perhaps a port, as browsers write it: in lower case, and without the port that
   the scheme has anyway. */
static bool is_origin(struct slice text) {
    struct slice rest = text;
    const char *port = ":80";
    if (slice_take_prefix(&rest, "https://"))
        port = ":443";
    else if (!slice_take_prefix(&rest, "http://"))
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] >= 'A' && rest.ptr[i] <= 'Z')
            return false;
    size_t len = strlen(port);
    bool has_own_port = rest.len > len && memcmp(rest.ptr + rest.len - len, port, len) == 0;
    return rest.len > 0 && slice_has_only(rest, ".-:[]_") && !has_own_port;
}

enum status cors_parse(const char *text, struct cors *cors, struct error *error) {
    struct cors parsed = {.is_any = slice_is(slice_trim(slice_of(text)), "*")};
    struct slice rest = parsed.is_any ? slice_of(NULL) : slice_of(text);
    while (slice_trim(rest).len > 0) {
        struct slice origin = slice_trim(slice_take_until(&rest, ','));
        if (parsed.count == CORS_ORIGINS_MOST)
            return error_set(error, STATUS_INVALID, "OM_CORS_ORIGINS has more than %d entries",
                             CORS_ORIGINS_MOST);
        if (!is_origin(origin))
            return error_set(error, STATUS_INVALID,
                             "OM_CORS_ORIGINS: \"%.*s\" is no origin as browsers write it, such as "
                             "https://shop.example or http://localhost:5173",
                             SLICE_ARG(origin));
        parsed.origins[parsed.count++] = origin;
    }
    *cors = parsed;
    return STATUS_OK;
}

bool cors_welcomes(const struct cors *cors, struct slice origin) {
    for (size_t i = 0; i < cors->count; i++)
        if (slice_equal(cors->origins[i], origin))
            return true;
    return cors->is_any && origin.len > 0;
}

/* --- a request -------------------------------------------------------------------------------- */

bool cors_is_welcome(const h2o_req_t *req) {
    struct slice origin;
    return request_header(req, SLICE_LITERAL("origin"), &origin) == 1 &&
           cors_welcomes(lane_of(req)->gateway->cors, origin);
}

void cors_tell(h2o_req_t *req) {
    const struct cors *cors = lane_of(req)->gateway->cors;
    struct slice origin;
    if (cors->count > 0)
        answer_header(req, "Vary", SLICE_LITERAL("Origin"));
    if (!cors_is_welcome(req))
        return;
    (void)request_header(req, SLICE_LITERAL("origin"), &origin);
    answer_header(req, "Access-Control-Allow-Origin", cors->is_any ? SLICE_LITERAL("*") : origin);
    answer_header(req, "Access-Control-Expose-Headers", SLICE_LITERAL(EXPOSED_HEADERS));
}

bool cors_answer_preflight(h2o_req_t *req, const char *allow) {
    struct slice method;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("OPTIONS")) ||
        request_header(req, SLICE_LITERAL("access-control-request-method"), &method) != 1 ||
        !cors_is_welcome(req))
        return false;
    answer_header(req, "Access-Control-Allow-Methods", slice_of(allow));
    answer_header(req, "Access-Control-Allow-Headers", SLICE_LITERAL(ALLOWED_HEADERS));
    answer_header(req, "Access-Control-Max-Age", SLICE_LITERAL(MAX_AGE_S));
    answer_empty(req, 204);
    return true;
}

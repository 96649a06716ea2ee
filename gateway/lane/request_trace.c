#include "gateway/lane/request_trace.h"

#include "gateway/lane/lane.h"
#include "gateway/reply/request.h"
#include "shared/base/random.h"
#include "shared/observe/span.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool trace_sample_parse(const char *text, double *share) {
    char *end = NULL;
    if (text[0] == '\0' || text[strspn(text, "0123456789.")] != '\0')
        return false;
    double value = strtod(text, &end);
    if (*end != '\0' || value > 1)
        return false;
    *share = value;
    return true;
}

static struct span new_trace(h2o_req_t *req) {
    struct span span = span_start_root(SPAN_SERVER);
    uint32_t draw;
    random_bytes(&draw, sizeof(draw));
    if ((double)draw >= lane_of(req)->gateway->trace_share * 4294967296.0)
        span.trace.flags = 0;
    return span;
}

static struct span start_span(h2o_req_t *req) {
    struct slice value;
    struct trace parent;
    if (request_header(req, SLICE_LITERAL("traceparent"), &value) == 1 &&
        trace_parse(value, &parent))
        return span_start(SPAN_SERVER, &parent);
    return new_trace(req);
}

/* h2o keeps named values with a request for all that handle it. */
static h2o_iovec_t *place_of(h2o_req_t *req, bool is_made) {
    return h2o_req_getenv(req, H2O_STRLIT("ordermesh.span"), is_made);
}

const struct trace *request_trace(h2o_req_t *req) {
    h2o_iovec_t *place = place_of(req, true);
    if (place->base == NULL) {
        struct span *span = pool_alloc(&req->pool, sizeof(*span));
        *span = start_span(req);
        *place = h2o_iovec_init(span, sizeof(*span));
    }
    return &((struct span *)(void *)place->base)->trace;
}

/* Names as in https://opentelemetry.io/docs/specs/semconv/http/http-spans/. */
void request_trace_end(h2o_req_t *req, const char *pattern, int status) {
    h2o_iovec_t *place = span_sink != NULL ? place_of(req, false) : NULL;
    if (place == NULL)
        return;
    const struct span *span = (const struct span *)(const void *)place->base;
    const struct slice method = {req->method.base, req->method.len};
    const struct slice path = {req->path.base,
                               req->query_at == SIZE_MAX ? req->path.len : req->query_at};
    char name[128];
    snprintf(name, sizeof(name), "%.*s %s", SLICE_ARG(method), pattern);
    span_end(
        span, name, SPAN_SLICE("http.request.method", method), SPAN_TEXT("http.route", pattern),
        SPAN_SLICE("url.path", path),
        SPAN_SLICE("url.scheme", ((struct slice){req->scheme->name.base, req->scheme->name.len})),
        SPAN_INT("http.response.status_code", status),
        SPAN_ERROR(status >= 500 ? "the request failed" : NULL));
}

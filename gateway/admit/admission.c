#include "gateway/admit/admission.h"

#include "gateway/admit/auth.h"
#include "gateway/admit/client_address.h"
#include "gateway/admit/cors.h"
#include "gateway/lane/lane.h"
#include "gateway/lane/pending.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/base/clock.h"

#include <string.h>

/*
 * admit()       identifies the caller
 *   measure()   asks whether it is too often
 *   on_measured()
 *     proceed() calls the handler, or refuses
 */
struct admission {
    struct pending pending;
    const struct route *route;
    struct slice id;
    bool is_refused;
    struct auth_refusal refusal; /* then */
};

/* --- who -------------------------------------------------------------------------------------- */

static bool judge(h2o_req_t *req, const struct route *route, const struct auth_headers *headers,
                  struct caller *caller, struct auth_refusal *refusal) {
    return auth_judge(lane_of(req)->gateway->auth, headers, clock_now_us() / 1000000, caller,
                      refusal) &&
           auth_permits(caller, route->scope, route->owner, refusal);
}

/* Where a refusal that was foreseen is kept: it stands, even if a moment later it would not. */
static h2o_iovec_t *place_of_refusal(h2o_req_t *req, bool is_made) {
    return h2o_req_getenv(req, H2O_STRLIT("ordermesh.refusal"), is_made);
}

bool admission_foresee(h2o_req_t *req, const struct route *route, const struct http_head *head) {
    struct auth_headers headers = {0};
    struct caller caller;
    headers.count = http_head_find(head, "authorization", &headers.value);
    struct auth_refusal *refusal = pool_alloc(&req->pool, sizeof(*refusal));
    if (route->scope == SCOPE_PUBLIC || judge(req, route, &headers, &caller, refusal))
        return true;
    *place_of_refusal(req, true) = h2o_iovec_init(refusal, sizeof(*refusal));
    return false;
}

static bool identify(h2o_req_t *req, const struct route *route, struct caller *caller,
                     struct auth_refusal *refusal) {
    struct auth_headers headers = {0};
    const h2o_iovec_t *foreseen = place_of_refusal(req, false);
    if (foreseen != NULL) {
        memcpy(refusal, foreseen->base, sizeof(*refusal));
        return false;
    }
    headers.count = request_header(req, SLICE_LITERAL("authorization"), &headers.value);
    return judge(req, route, &headers, caller, refusal);
}

static void proceed(h2o_req_t *req, const struct route *route, struct slice id,
                    const struct auth_refusal *refusal) {
    if (refusal != NULL)
        auth_refuse(req, refusal);
    else
        route->handle(req, id);
}

/* --- how often -------------------------------------------------------------------------------- */

/* A list may come as several headers (RFC 9110 section 5.3). */
static void join_forwarded(const h2o_req_t *req, struct buf *out) {
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (!h2o_memis(header->name->base, header->name->len, H2O_STRLIT("x-forwarded-for")))
            continue;
        if (out->len > 0)
            buf_append_char(out, ',');
        buf_append(out, header->value.base, header->value.len);
    }
}

static void format_address(h2o_req_t *req, char *text) {
    struct lane *lane = lane_of(req);
    struct sockaddr_storage peer = {0};
    req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&peer);
    struct in6_addr address = address_of_peer((const struct sockaddr *)&peer);
    if (lane->gateway->proxies->count > 0) {
        struct buf *forwarded = lane_scratch(lane);
        join_forwarded(req, forwarded);
        address = client_address(lane->gateway->proxies, address, buf_slice(forwarded));
    }
    address_format_for_quota(&address, text);
}

static void tell_quota(h2o_req_t *req, const struct rate_limits *limits,
                       const struct rate_result *result) {
    struct buf *text = lane_scratch(lane_of(req));
    if (result->count == 0)
        return;
    rate_limit_write_policy(limits, result, text);
    answer_header(req, "RateLimit-Policy", buf_slice(text));
    buf_clear(text);
    rate_limit_write_state(limits, result, text);
    answer_header(req, "RateLimit", buf_slice(text));
}

static void on_measured(void *closure, const struct rate_result *result) {
    struct admission *admission = closure;
    struct lane *lane = admission->pending.lane;
    h2o_req_t *req = admission->pending.req;
    if (req != NULL) {
        tell_quota(req, lane->gateway->limits, result);
        if (!result->is_allowed) {
            answer_retry_after(req, (int)rate_limit_retry_s(lane->gateway->limits, result));
            problem_send(req, PROBLEM_RATE_LIMITED, NULL);
        } else if (lane->redis == NULL) { /* the lane ends, and what it waited for with it */
            problem_send(req, PROBLEM_UNAVAILABLE, NULL);
        } else {
            proceed(req, admission->route, admission->id,
                    admission->is_refused ? &admission->refusal : NULL);
        }
    }
    pending_release(admission);
}

static void measure(h2o_req_t *req, const struct route *route, struct slice id,
                    const struct auth_refusal *refusal) {
    char address[INET6_ADDRSTRLEN];
    struct admission *admission = pending_create(req, sizeof(*admission), NULL);
    admission->route = route;
    admission->id = id;
    admission->is_refused = refusal != NULL;
    if (refusal != NULL)
        admission->refusal = *refusal;
    format_address(req, address);
    const struct rate_request request = {
        .rate_class = refusal == NULL ? route->rate_class : RATE_FREE,
        .tenant = slice_of(admission->pending.caller.tenant),
        .subject = slice_of(admission->pending.caller.subject),
        .address = address,
    };
    rate_limit_take(admission->pending.lane->limiter, &request, on_measured, admission);
}

/* --- from where ------------------------------------------------------------------------------- */

static bool comes_from_here(const h2o_req_t *req, struct auth_refusal *refusal) {
    struct auth_site site = {
        .origin = {"", 0},
        .fetch_site = {"", 0},
        .host = {req->input.authority.base, req->input.authority.len},
        .is_safe = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
                   h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD")),
        .is_welcome = cors_is_welcome(req),
    };
    (void)request_header(req, SLICE_LITERAL("origin"), &site.origin);
    (void)request_header(req, SLICE_LITERAL("sec-fetch-site"), &site.fetch_site);
    return auth_trusts_site(lane_of(req)->gateway->auth, &site, refusal);
}

/* --- all of it -------------------------------------------------------------------------------- */

void admit(h2o_req_t *req, const struct route *route, struct slice id) {
    struct auth_refusal refusal;
    if (!comes_from_here(req, &refusal)) {
        auth_refuse(req, &refusal);
        return;
    }
    struct caller *caller = pool_alloc(&req->pool, sizeof(*caller));
    memset(caller, 0, sizeof(*caller));
    caller_attach(req, caller);
    bool is_admitted = route->scope == SCOPE_PUBLIC || identify(req, route, caller, &refusal);
    if (route->rate_class == RATE_FREE || !rate_limits_any(lane_of(req)->gateway->limits))
        proceed(req, route, id, is_admitted ? NULL : &refusal);
    else
        measure(req, route, id, is_admitted ? NULL : &refusal);
}

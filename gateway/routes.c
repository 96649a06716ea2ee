#include "gateway/routes.h"

#include "gateway/admin/admin_diagnosis.h"
#include "gateway/admin/admin_dlq.h"
#include "gateway/admin/admin_mesh.h"
#include "gateway/admin/analytics.h"
#include "gateway/admin/reports.h"
#include "gateway/admit/admission.h"
#include "gateway/admit/cors.h"
#include "gateway/catalog/change_catalog.h"
#include "gateway/catalog/products.h"
#include "gateway/catalog/stock.h"
#include "gateway/customers/personal_data.h"
#include "gateway/health.h"
#include "gateway/lane/lane.h"
#include "gateway/lane/meter.h"
#include "gateway/lane/request_trace.h"
#include "gateway/live/events.h"
#include "gateway/orders/cancel_order.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/list_orders.h"
#include "gateway/orders/list_refunds.h"
#include "gateway/orders/order_returns.h"
#include "gateway/orders/post_order.h"
#include "gateway/orders/refund_order.h"
#include "gateway/orders/stripe_webhook.h"
#include "gateway/other_paths.h"
#include "gateway/pages/api_docs.h"
#include "gateway/pages/console.h"
#include "gateway/pages/problem_pages.h"
#include "gateway/pages/schemas.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "gateway/webhooks/webhooks.h"
#include "shared/base/clock.h"
#include "shared/base/percent.h"

#include <string.h>

METRIC_COUNTER(http_requests, "ordermesh_http_requests_total", "method,route,status",
               "Answers by route and status code; route \"none\" has none.");
METRIC_STARTS(http_requests, "POST,/api/v1/orders,202", "POST,/api/v1/orders,500",
              "POST,/api/v1/orders,503");
METRIC_HISTOGRAM(http_seconds, "ordermesh_http_request_seconds", "method,route",
                 "From the whole request to its answer.");
METRIC_GAUGE(http_in_flight, "ordermesh_http_in_flight_requests", "", "Requests being answered.");

const struct route routes[] = {
    {"POST", "/api/v1/orders", post_order, SCOPE_ORDERS_WRITE, OWNER_TENANT, RATE_WRITE},
    {"GET", "/api/v1/orders", list_orders, SCOPE_ORDERS_READ, OWNER_TENANT, RATE_READ},
    {"GET", "/api/v1/orders/{id}", get_order, SCOPE_ORDERS_READ, OWNER_TENANT, RATE_READ},
    {"GET", "/api/v1/orders/{id}/status", get_order_status, SCOPE_ORDERS_READ, OWNER_TENANT,
     RATE_READ},
    {"GET", "/api/v1/orders/{id}/refunds", get_order_refunds, SCOPE_ORDERS_READ, OWNER_TENANT,
     RATE_READ},
    {"GET", "/api/v1/orders/{id}/events", get_order_events, SCOPE_ORDERS_READ, OWNER_TENANT,
     RATE_READ},
    {"POST", "/api/v1/orders/{id}/cancel", cancel_order, SCOPE_ORDERS_WRITE, OWNER_TENANT,
     RATE_WRITE},
    {"GET", "/api/v1/customers/{id}/personal-data", get_personal_data, SCOPE_ORDERS_READ,
     OWNER_TENANT, RATE_READ},
    {"DELETE", "/api/v1/customers/{id}/personal-data", delete_personal_data, SCOPE_ORDERS_WRITE,
     OWNER_TENANT, RATE_WRITE},
    {"POST", "/api/v1/orders/{id}/returns", post_return, SCOPE_ORDERS_WRITE, OWNER_TENANT,
     RATE_WRITE},
    {"GET", "/api/v1/orders/{id}/returns", get_returns, SCOPE_ORDERS_READ, OWNER_TENANT, RATE_READ},
    {"GET", "/api/v1/orders/{id}/returns/{id}", get_return, SCOPE_ORDERS_READ, OWNER_TENANT,
     RATE_READ},
    {"POST", "/api/v1/orders/{id}/returns/{id}/receive", post_return_receive, SCOPE_ADMIN,
     OWNER_TENANT, RATE_ADMIN},
    {"POST", "/api/v1/orders/{id}/returns/{id}/refuse", post_return_refuse, SCOPE_ADMIN,
     OWNER_TENANT, RATE_ADMIN},
    {"POST", "/api/v1/webhooks", post_webhook, SCOPE_ADMIN, OWNER_TENANT, RATE_WRITE},
    {"GET", "/api/v1/webhooks", get_webhooks, SCOPE_ADMIN, OWNER_TENANT, RATE_READ},
    {"GET", "/api/v1/webhooks/{id}", get_webhook, SCOPE_ADMIN, OWNER_TENANT, RATE_READ},
    {"PATCH", "/api/v1/webhooks/{id}", patch_webhook, SCOPE_ADMIN, OWNER_TENANT, RATE_WRITE},
    {"DELETE", "/api/v1/webhooks/{id}", delete_webhook, SCOPE_ADMIN, OWNER_TENANT, RATE_WRITE},
    {"POST", "/api/v1/webhooks/{id}/ping", post_webhook_ping, SCOPE_ADMIN, OWNER_TENANT,
     RATE_WRITE},
    {"GET", "/api/v1/webhooks/{id}/deliveries", get_webhook_deliveries, SCOPE_ADMIN, OWNER_TENANT,
     RATE_READ},
    {"POST", "/api/v1/webhooks/{id}/deliveries/{id}/resend", post_webhook_resend, SCOPE_ADMIN,
     OWNER_TENANT, RATE_WRITE},
    {"GET", "/api/v1/products", get_products, SCOPE_ORDERS_READ, OWNER_EVERY_TENANT, RATE_READ},
    {"GET", "/api/v1/products/{id}", get_product, SCOPE_ORDERS_READ, OWNER_EVERY_TENANT, RATE_READ},
    {"PUT", "/api/v1/products/{id}", put_product, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"POST", "/api/v1/products/{id}/stock-adjustments", post_stock_adjustment, SCOPE_ADMIN,
     OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/products/{id}/stock", get_stock, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/warehouses", get_warehouses, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/analytics/dashboard", get_analytics_dashboard, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/analytics/metrics", get_analytics_metrics, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/events", get_all_events, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/mesh", get_mesh, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq", get_dlq_list, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq/counts", get_dlq_counts, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq/groups", get_dlq_groups, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq/jobs", get_dlq_jobs, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq/jobs/{id}", get_dlq_job, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"POST", "/api/v1/admin/dlq/jobs/{id}/cancel", post_dlq_job_cancel, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"POST", "/api/v1/admin/dlq/replay", post_dlq_replay_all, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"POST", "/api/v1/admin/dlq/discard", post_dlq_discard_all, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/dlq/{id}", get_dlq_entry, SCOPE_ADMIN, OWNER_PLATFORM, RATE_ADMIN},
    {"POST", "/api/v1/admin/dlq/{id}/replay", post_dlq_replay, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"POST", "/api/v1/admin/dlq/{id}/discard", post_dlq_discard, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/orders/{id}/diagnosis", get_diagnosis, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"POST", "/api/v1/admin/orders/{id}/refunds", post_refund, SCOPE_ADMIN, OWNER_TENANT,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/orders/{id}/refunds", get_refunds, SCOPE_ADMIN, OWNER_TENANT,
     RATE_ADMIN},
    {"POST", "/api/v1/stripe/webhook", post_stripe_webhook, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/api/v1/admin/reports/orders", get_orders_report, SCOPE_ADMIN, OWNER_TENANT,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/reports/revenue", get_revenue_report, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/reports/refunds", get_refunds_report, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/api/v1/admin/reports/stock", get_stock_report, SCOPE_ADMIN, OWNER_PLATFORM,
     RATE_ADMIN},
    {"GET", "/health", get_health, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/healthz", get_liveness, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/readyz", get_readiness, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/console", get_console_redirect, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/console/", get_console_page, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/console/{id}", get_console_file, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/problems", get_problem_index, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/problems/{id}", get_problem_page, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/openapi.yaml", get_openapi, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/schemas", get_schema_index, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/schemas/{id}", get_schema, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/docs", get_docs_page, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
    {"GET", "/docs/{id}", get_docs_file, SCOPE_PUBLIC, OWNER_ANYBODY, RATE_FREE},
};

enum { ROUTE_COUNT = sizeof(routes) / sizeof(routes[0]) };
const size_t route_count = ROUTE_COUNT;

/* --- matching --------------------------------------------------------------------------------- */

/* Of a pattern with two holes, `id` is what the first stands for. */
static bool path_matches(const char *pattern, struct slice path, struct slice *id) {
    static const char hole[] = "{id}";
    struct slice first = {NULL, 0};
    for (const char *at; (at = strstr(pattern, hole)) != NULL; pattern = at + sizeof(hole) - 1) {
        size_t before = (size_t)(at - pattern), len = 0;
        if (path.len <= before || memcmp(path.ptr, pattern, before) != 0)
            return false;
        path = (struct slice){path.ptr + before, path.len - before};
        while (len < path.len && path.ptr[len] != '/')
            len++;
        if (len == 0)
            return false;
        first = first.ptr == NULL ? (struct slice){path.ptr, len} : first;
        path = (struct slice){path.ptr + len, path.len - len};
    }
    if (!slice_is(path, pattern))
        return false;
    if (first.ptr != NULL)
        *id = first;
    return true;
}

static bool method_matches(const char *wanted, struct slice method) {
    return slice_is(method, wanted) || (strcmp(wanted, "GET") == 0 && slice_is(method, "HEAD"));
}

static void allow_add(char *allow, const char *method) {
    size_t len = strlen(allow);
    snprintf(allow + len, ROUTE_ALLOW_SIZE - len, "%s%s", len > 0 ? ", " : "",
             strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

const struct route *route_find(struct slice method, struct slice path, struct slice *id,
                               char *allow) {
    const char *pattern = NULL; /* the first that the path matches says what it is */
    *id = (struct slice){"", 0};
    allow[0] = '\0';
    for (size_t i = 0; i < route_count; i++) {
        if (pattern == NULL ? !path_matches(routes[i].pattern, path, id)
                            : strcmp(pattern, routes[i].pattern) != 0)
            continue;
        pattern = routes[i].pattern;
        if (method_matches(routes[i].method, method))
            return &routes[i];
        allow_add(allow, routes[i].method);
    }
    return NULL;
}

/* --- measuring -------------------------------------------------------------------------------- */

/* Lives as long as its request, however that ends. */
struct measure {
    h2o_req_t *req;
    struct gateway *gateway;
    const struct route *route; /* NULL: there was none */
    int64_t started_us;
};

enum { STATUS_MAX = 600 };

/* `index` is the route's, or ROUTE_COUNT for none. */
static void count_answer(size_t index, int status) {
    static atomic_uint slots[ROUTE_COUNT + 1][STATUS_MAX];
    const struct route *route = index < ROUTE_COUNT ? &routes[index] : NULL;
    char label[128];
    snprintf(label, sizeof(label), "%s,%s,%d", route != NULL ? route->method : "none",
             route != NULL ? route->pattern : "none", status);
    metric_add(&http_requests, meter_slot(&slots[index][status], &http_requests, label), 1);
}

static void observe_time(size_t index, int64_t took_us) {
    static atomic_uint slots[ROUTE_COUNT];
    char label[128];
    snprintf(label, sizeof(label), "%s,%s", routes[index].method, routes[index].pattern);
    metric_observe(&http_seconds, meter_slot(&slots[index], &http_seconds, label),
                   (double)took_us / 1e6);
}

static void on_request_end(void *closure) {
    const struct measure *measure = closure;
    int status = measure->req->res.status;
    atomic_fetch_sub(&measure->gateway->in_flight, 1);
    metric_add(&http_in_flight, 0, -1);
    if (measure->route != NULL)
        request_trace_end(measure->req, measure->route->pattern, status > 0 ? status : 0);
    if (status <= 0 || status >= STATUS_MAX)
        return; /* the client left before its answer */
    size_t index = measure->route != NULL ? (size_t)(measure->route - routes) : ROUTE_COUNT;
    count_answer(index, status);
    if (measure->route != NULL)
        observe_time(index, clock_monotonic_us() - measure->started_us);
}

static struct measure *measure_start(h2o_req_t *req) {
    struct measure *measure = h2o_mem_alloc_shared(&req->pool, sizeof(*measure), on_request_end);
    *measure = (struct measure){req, lane_of(req)->gateway, NULL, clock_monotonic_us()};
    atomic_fetch_add(&measure->gateway->in_flight, 1);
    metric_add(&http_in_flight, 0, 1);
    return measure;
}

/* --- dispatching ------------------------------------------------------------------------------ */

static void answer_no_route(h2o_req_t *req, struct slice path, const char *allow) {
    const struct slice method = {req->method.base, req->method.len};
    struct buf *detail = lane_scratch(lane_of(req));
    if (allow[0] == '\0') {
        problem_send(req, PROBLEM_NOT_FOUND, other_path_tell(path, detail) ? detail->ptr : NULL);
        return;
    }
    if (cors_answer_preflight(req, allow))
        return;
    answer_header(req, "Allow", slice_of(allow));
    problem_send(req, PROBLEM_METHOD_NOT_ALLOWED,
                 other_method_tell(method, path, detail) ? detail->ptr : NULL);
}

/* False: it can be nobody's id. An encoded slash or way up is none either. */
static bool decode_id(h2o_req_t *req, struct slice *id) {
    char *text = pool_alloc(&req->pool, id->len + 1);
    size_t len;
    if (!percent_decode(*id, text, &len) || memchr(text, '/', len) != NULL)
        return false;
    *id = (struct slice){text, len};
    return !slice_is(*id, ".") && !slice_is(*id, "..");
}

static int on_req(h2o_handler_t *self, h2o_req_t *req) {
    (void)self;
    struct measure *measure = measure_start(req);
    cors_tell(req);
    if (h2o_memis(req->method.base, req->method.len, H2O_STRLIT("CONNECT"))) {
        answer_no_route(req, slice_of(NULL),
                        "GET, HEAD, POST, PUT, PATCH, DELETE"); /* its target is no path */
        return 0;
    }
    char allow[ROUTE_ALLOW_SIZE];
    struct slice id;
    size_t path_len = req->query_at == SIZE_MAX ? req->path.len : req->query_at;
    struct slice path = {req->path.base, path_len};
    measure->route =
        route_find((struct slice){req->method.base, req->method.len}, path, &id, allow);
    if (measure->route == NULL)
        answer_no_route(req, path, allow);
    else if (!decode_id(req, &id))
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
    else
        admit(req, measure->route, id);
    return 0;
}

/* Those about dead letters do without a body, and take one that is not announced as JSON for none.
 */
static bool takes_only_json(const struct route *route) {
    return route->handle == post_order || route->handle == put_product ||
           route->handle == post_stock_adjustment || route->handle == post_webhook ||
           route->handle == patch_webhook;
}

/* Whether the handler, too, needs to see the body for its answer. */
static bool is_open(const h2o_req_t *req, const struct route *route, const struct http_head *head) {
    struct slice type = {"", 0}, key = {"", 0}, coding;
    unsigned types = http_head_find(head, "content-type", &type);
    unsigned keys = http_head_find(head, "idempotency-key", &key);
    if (takes_only_json(route) &&
        !body_headers_are_json(types, type, http_head_find(head, "content-encoding", &coding)))
        return false;
    return route->handle != post_order || post_order_takes_key(req, keys, key);
}

/* Whether there is such a route, the token opens it, and the other headers are what they must be.
   All of it is judged again when the request is answered. */
static bool is_body_awaited(h2o_req_t *req, const struct http_head *head) {
    char allow[ROUTE_ALLOW_SIZE];
    struct slice id, query = head->target, path = slice_take_until(&query, '?');
    const struct route *route = route_find(head->method, path, &id, allow);
    return route != NULL && admission_foresee(req, route, head) && is_open(req, route, head);
}

/* Counts it, too. */
static void refuse_unread(h2o_req_t *req, enum problem problem, const char *detail) {
    measure_start(req);
    cors_tell(req);
    problem_send(req, problem, detail);
}

const struct http1_callbacks routes_callbacks = {is_body_awaited, refuse_unread};

void routes_register(h2o_pathconf_t *pathconf) {
    h2o_handler_t *handler = h2o_create_handler(pathconf, sizeof(*handler));
    handler->on_req = on_req;
}

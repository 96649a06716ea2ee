#include "gateway/describe.h"

#include "gateway/routes.h"
#include "shared/base/version.h"
#include "shared/json/json.h"
#include "shared/service/runtime.h"

static const char *const limits[] = {
#define LIMIT_NAME(id, name) name,
    RATE_CLASS_TABLE(LIMIT_NAME)
#undef LIMIT_NAME
};

static void write_route(const struct route *route, struct json_writer *w) {
    json_begin_object(w);
    json_put_text(w, "method", route->method);
    json_put_text(w, "path", route->pattern);
    if (route->scope != SCOPE_PUBLIC)
        json_put_text(w, "scope", scope_name(route->scope));
    json_put_text(w, "owner", owner_name(route->owner));
    if (route->rate_class != RATE_FREE)
        json_put_text(w, "limit", limits[route->rate_class]);
    json_end_object(w);
}

static void write_problem(const char *type, int status, int retry_after_s, const char *title,
                          struct json_writer *w) {
    json_begin_object(w);
    json_put_text(w, "type", type);
    json_put_int(w, "status", status);
    json_put_text(w, "title", title);
    if (retry_after_s > 0)
        json_put_int(w, "retryAfter", retry_after_s);
    json_end_object(w);
}

void gateway_describe(struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "name", "gateway");
    json_put_text(&w, "version", ordermesh_version);
    json_key(&w, "routes");
    json_begin_array(&w);
    for (size_t i = 0; i < route_count; i++)
        write_route(&routes[i], &w);
    json_end_array(&w);
    json_key(&w, "problems");
    json_begin_array(&w);
#define WRITE_PROBLEM(id, name, status, retry_after_s, title, happened, remedy)                    \
    write_problem(PROBLEM_TYPE_PREFIX name, status, retry_after_s, title, &w);
    PROBLEM_TABLE(WRITE_PROBLEM)
#undef WRITE_PROBLEM
    json_end_array(&w);
    json_end_object(&w);
}

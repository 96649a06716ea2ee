#include "gateway/other_paths.h"

#include "gateway/routes.h"

#include <string.h>

#define API "/api/v1"
#define METRICS                                                                                    \
    "Each process has its metrics at /metrics of its own admin port (OM_ADMIN_PORT), which is not" \
    " this one."
#define HEALTH "How the system is stands at /health."
#define UNCHANGED "An order is not changed: cancel it (POST to its /cancel), and place another."
#define DESCRIPTION "The API's description is at /openapi.yaml, and as a page at /docs."
#define FRONT "The API is described at /docs, and the operator's console is at /console/."

static const struct {
    const char *path, *sentence;
} others[] = {
    {"/", FRONT},
    {API, FRONT},
    {"/metrics", METRICS},
    {"/actuator/prometheus", METRICS},
    {"/actuator/health", HEALTH},
    {API "/health", HEALTH},
    {"/api/health", HEALTH},
    {"/admin", FRONT},
    {"/swagger", FRONT},
    {"/swagger-ui", FRONT},
    {"/swagger-ui.html", FRONT},
    {"/swagger-ui/index.html", FRONT},
    {"/redoc", FRONT},
    {"/openapi.json", DESCRIPTION},
    {"/swagger.json", DESCRIPTION},
    {"/api-docs", DESCRIPTION},
    {"/v3/api-docs", DESCRIPTION},
    {API "/openapi.yaml", DESCRIPTION},
};

static bool is_route(struct slice path) {
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    return route_find(SLICE_LITERAL(""), path, &id, allow) != NULL || allow[0] != '\0';
}

/* When there is one of ours at `root` and `path`. */
static bool tell_route(const char *root, struct slice path, struct buf *out) {
    static const char words[] = "It is at ";
    size_t before = sizeof(words) - 1;
    buf_clear(out);
    buf_append_text(out, words);
    buf_append_text(out, root);
    buf_append_slice(out, path);
    bool is_there = is_route((struct slice){out->ptr + before, out->len - before});
    buf_append_char(out, '.');
    return is_there;
}

bool other_path_tell(struct slice path, struct buf *out) {
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (slice_is(path, others[i].path)) {
            buf_clear(out);
            buf_append_text(out, others[i].sentence);
            return true;
        }
    }
    return tell_route("", path, out) || tell_route(API, path, out) ||
           (slice_take_prefix(&path, "/api") && tell_route(API, path, out)) ||
           (slice_take_prefix(&path, "/v1") && tell_route(API, path, out));
}

static const struct {
    const char *method, *path; /* one that ends with / has an id behind it */
    const char *sentence;
} other_methods[] = {
    {"DELETE", API "/orders/", "To cancel an order, POST to its /cancel."},
    {"PUT", API "/orders/", UNCHANGED},
    {"PATCH", API "/orders/", UNCHANGED},
    {"POST", API "/products", "A product is made by PUT " API "/products/{sku}."},
    {"PATCH", API "/products/", "A product is changed by PUT, with all that it has."},
    {"DELETE", API "/products/", "A product is taken off sale by PUT, with \"active\": false."},
};

static bool is_path(struct slice path, const char *other) {
    size_t len = strlen(other);
    if (other[len - 1] != '/')
        return slice_is(path, other);
    return slice_take_prefix(&path, other) && path.len > 0 &&
           memchr(path.ptr, '/', path.len) == NULL;
}

bool other_method_tell(struct slice method, struct slice path, struct buf *out) {
    for (size_t i = 0; i < sizeof(other_methods) / sizeof(other_methods[0]); i++) {
        if (!slice_is(method, other_methods[i].method) || !is_path(path, other_methods[i].path))
            continue;
        buf_clear(out);
        buf_append_text(out, other_methods[i].sentence);
        return true;
    }
    return false;
}

#include "services/order/read/list.h"

#include "services/order/read/store_read.h"
#include "shared/base/clock.h"
#include "shared/contract/page_cursor.h"

#include <string.h>

enum { LIMIT_USUAL = 50, LIMIT_MOST = 200 };

/* Behind every time that RFC 3339 can tell. */
#define END_OF_TIME_US INT64_C(253402300800000000)

/* --- what is asked for --- */

static enum status read_text(struct json_object *request, const char *key, struct slice *text,
                             struct error *error) {
    *text = slice_of(NULL);
    enum status status = json_get_string(request, key, text, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_time(struct json_object *request, const char *key, int64_t fallback_us,
                             int64_t *time_us, struct error *error) {
    struct slice text;
    enum status status = read_text(request, key, &text, error);
    *time_us = fallback_us;
    if (status == STATUS_OK && text.len > 0 && !clock_parse(text, time_us))
        status = error_set(error, STATUS_INVALID, "%s: not an RFC 3339 time", key);
    return status;
}

static enum status read_limit(struct json_object *request, int64_t *limit, struct error *error) {
    *limit = LIMIT_USUAL;
    enum status status = json_get_int64(request, "limit", limit, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK && (*limit < 1 || *limit > LIMIT_MOST))
        status = error_set(error, STATUS_INVALID, "limit: not within 1 to %d", LIMIT_MOST);
    return status;
}

static enum status read_sort(struct json_object *request, bool *is_oldest_first,
                             struct error *error) {
    struct slice sort;
    enum status status = read_text(request, "sort", &sort, error);
    *is_oldest_first = slice_is(sort, "createdAt");
    if (status == STATUS_OK && sort.len > 0 && !*is_oldest_first && !slice_is(sort, "-createdAt"))
        status = error_set(error, STATUS_INVALID, "sort: neither createdAt nor -createdAt");
    return status;
}

static enum status read_list(struct json_object *request, struct order_list *list,
                             struct error *error) {
    enum status status = json_get_string(request, "tenant", &list->tenant, error);
    if (status == STATUS_NOT_FOUND)
        status = error_set(error, STATUS_INVALID, "tenant: missing");
    if (status == STATUS_OK)
        status = read_text(request, "customerId", &list->customer, error);
    if (status == STATUS_OK)
        status = read_text(request, "status", &list->status, error);
    if (status == STATUS_OK)
        status = read_text(request, "reason", &list->reason, error);
    if (status == STATUS_OK)
        status = read_text(request, "search", &list->search, error);
    if (status == STATUS_OK)
        status = read_time(request, "from", 0, &list->from_us, error);
    if (status == STATUS_OK)
        status = read_time(request, "to", END_OF_TIME_US, &list->to_us, error);
    if (status == STATUS_OK)
        status = read_limit(request, &list->limit, error);
    if (status == STATUS_OK)
        status = read_sort(request, &list->is_oldest_first, error);
    return status;
}

/* --- cursors --- */

/* The list's name: its filter and its sort, but not the size of its pages. */
static void write_scope(const struct order_list *list, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_array(&w);
    json_string(&w, SLICE_LITERAL("orders"));
    json_string(&w, list->tenant);
    json_string(&w, list->customer);
    json_string(&w, list->status);
    json_string(&w, list->reason);
    json_string(&w, list->search);
    json_int(&w, list->from_us);
    json_int(&w, list->to_us);
    json_boolean(&w, list->is_oldest_first);
    json_end_array(&w);
}

static void start_at_first(struct order_list *list) {
    list->after = (struct order_place){.accepted_at_us = INT64_C(-1)};
    if (list->is_oldest_first)
        return;
    list->after.accepted_at_us = END_OF_TIME_US;
    memset(&list->after.id, 0xff, sizeof(list->after.id));
}

static enum status read_cursor(struct json_object *request, struct slice scope,
                               struct order_list *list, struct error *error) {
    struct slice cursor;
    struct buf position = {0};
    enum status status = read_text(request, "cursor", &cursor, error);
    start_at_first(list);
    if (status != STATUS_OK || cursor.len == 0)
        return status;
    if (cursor_open(scope, cursor, &position) && position.len == sizeof(list->after))
        memcpy(&list->after, position.ptr, sizeof(list->after));
    else
        status = error_set(error, STATUS_INVALID, "cursor: not of this list");
    buf_fini(&position);
    return status;
}

static void put_cursor(struct json_writer *w, struct slice scope, const struct order_place *end) {
    struct buf cursor = {0};
    cursor_seal(scope, (struct slice){(const char *)end, sizeof(*end)}, &cursor);
    json_put_string(w, "nextCursor", buf_slice(&cursor));
    buf_fini(&cursor);
}

/* --- the answer --- */

static enum status answer(struct endpoint_call *call, struct json_object *request,
                          struct buf *scope, struct error *error) {
    struct order_list list = {0};
    struct order_place end = {0};
    bool goes_on;
    enum status status = read_list(request, &list, error);
    if (status != STATUS_OK)
        return status;
    write_scope(&list, scope);
    status = read_cursor(request, buf_slice(scope), &list, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    status = order_store_list(call->pg, &list, &w, &goes_on, &end, error);
    if (status == STATUS_OK && goes_on)
        put_cursor(&w, buf_slice(scope), &end);
    json_end_object(&w);
    return status;
}

enum status order_endpoint_list(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    struct buf scope = {0};
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = answer(call, request, &scope, error);
    buf_fini(&scope);
    json_object_put(request);
    return status;
}

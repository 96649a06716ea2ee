#include "services/order/lines/line_request.h"

enum { REASON_MOST = 200 };

enum status line_request_uuid(const struct line_request *request, const char *key, struct uuid *id,
                              struct error *error) {
    struct slice text;
    if (json_tree_get_string(request->body, key, &text, NULL) != STATUS_OK || !uuid_parse(text, id))
        return error_set(error, STATUS_INVALID, "%s: not a UUID", key);
    return STATUS_OK;
}

enum status line_request_parse(struct endpoint_call *call, struct line_request *request,
                               struct error *error) {
    struct order_sought *order = &request->order;
    enum status status = json_tree_parse(call->request, call->arena, &request->body, error);
    if (status == STATUS_OK)
        status = line_request_uuid(request, "orderId", &order->id, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(request->body, "tenant", &order->tenant, error);
    order->customer = slice_of(NULL);
    if (status == STATUS_OK &&
        json_tree_get_string(request->body, "customerId", &order->customer, NULL) == STATUS_INVALID)
        status = STATUS_INVALID;
    return status == STATUS_OK
               ? status
               : error_set(error, STATUS_INVALID, "orderId, tenant and customerId are texts");
}

enum status line_request_reason(const struct line_request *request, struct slice *reason,
                                struct error *error) {
    if (json_tree_get_string(request->body, "reason", reason, NULL) != STATUS_OK ||
        reason->len == 0 || reason->len > REASON_MOST)
        return error_set(error, STATUS_INVALID, "reason: not a text of 1 to %d bytes", REASON_MOST);
    return STATUS_OK;
}

enum status line_request_items(struct line_request *request, struct arena *arena,
                               struct slice *text, struct error *error) {
    const struct json_value *items;
    struct buf written = {0};
    enum status status = json_tree_get_array(request->body, "items", &items, error);
    if (status == STATUS_OK)
        status = line_wishes_parse(items, arena, &request->wishes, NULL, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "items: not pieces of lines");
    struct json_writer w = json_writer(&written);
    line_wishes_write(&request->wishes, &w);
    *text = arena_slice(arena, buf_slice(&written));
    buf_fini(&written);
    return STATUS_OK;
}

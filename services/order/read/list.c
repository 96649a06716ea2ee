#include "services/order/read/list.h"

#include "services/order/read/store_read.h"

static enum status list_page(struct endpoint_call *call, struct json_object *question,
                             struct order_filter *list, struct buf *scope, struct error *error) {
    struct order_place end = {0};
    bool goes_on;
    order_filter_scope(list, "orders", scope);
    enum status status = order_filter_open(question, buf_slice(scope), list, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    status = order_store_list(call->pg, list, &w, &goes_on, &end, error);
    if (status == STATUS_OK && goes_on)
        order_filter_put_next(&w, buf_slice(scope), &end);
    json_end_object(&w);
    return status;
}

static enum status read_ids(struct json_object *list, struct pg_array *ids, struct error *error) {
    struct uuid id;
    if (json_object_array_length(list) > ORDER_PAGE_MOST)
        return error_set(error, STATUS_INVALID, "ids: more than %d", ORDER_PAGE_MOST);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        if (!uuid_parse(slice_of(text), &id))
            return error_set(error, STATUS_INVALID, "ids: not a list of ids");
        pg_array_add_uuid(ids, &id);
    }
    return STATUS_OK;
}

static enum status list_ids(struct endpoint_call *call, struct json_object *question,
                            struct json_object *list, const struct order_filter *filter,
                            struct error *error) {
    struct pg_array ids;
    struct slice cursor;
    struct json_writer w = json_writer(call->reply);
    pg_array_init(&ids, PG_ARRAY_UUID);
    enum status status = read_ids(list, &ids, error);
    json_begin_object(&w);
    if (status == STATUS_OK)
        status = order_store_list_ids(call->pg, filter, &ids, &w, error);
    if (json_get_string(question, "nextCursor", &cursor, NULL) == STATUS_OK)
        json_put_string(&w, "nextCursor", cursor);
    json_end_object(&w);
    pg_array_fini(&ids);
    return status;
}

static enum status answer(struct endpoint_call *call, struct json_object *question,
                          struct buf *scope, struct error *error) {
    struct order_filter filter = {0};
    struct json_object *ids;
    enum status status = order_filter_read(question, &filter, error);
    if (status != STATUS_OK)
        return status;
    status = json_get_array(question, "ids", &ids, error);
    if (status == STATUS_OK)
        return list_ids(call, question, ids, &filter, error);
    return status == STATUS_NOT_FOUND ? list_page(call, question, &filter, scope, error) : status;
}

enum status order_endpoint_list(struct endpoint_call *call, struct error *error) {
    struct json_object *question = NULL;
    struct buf scope = {0};
    enum status status = json_parse(call->request, &question, error);
    if (status == STATUS_OK)
        status = answer(call, question, &scope, error);
    buf_fini(&scope);
    json_object_put(question);
    return status;
}

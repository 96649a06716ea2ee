#include "services/order/endpoint.h"

#include "services/order/read/store_read.h"
#include "services/order/unpaid.h"

typedef enum status (*read_fn)(struct pg *pg, const struct order_sought *sought, struct buf *reply,
                               struct error *error);

static enum status answer(struct endpoint_call *call, struct json_object *request, read_fn read,
                          struct error *error) {
    struct slice id_text;
    const struct order_settings *settings = call->context;
    struct order_sought sought = {
        .customer = slice_of(NULL),
        .reservation_limit_s = settings != NULL ? unpaid_limit_s(settings) : 0,
    };
    enum status status = json_get_string(request, "orderId", &id_text, error);
    if (status == STATUS_OK)
        status = json_get_string(request, "tenant", &sought.tenant, error);
    if (status == STATUS_OK &&
        json_get_string(request, "customerId", &sought.customer, error) == STATUS_INVALID)
        status = STATUS_INVALID;
    if (status != STATUS_OK)
        return error_set(error, STATUS_INVALID, "orderId, tenant and customerId are texts");
    if (!uuid_parse(id_text, &sought.id))
        return error_set(error, STATUS_NOT_FOUND, "no such order");
    return read(call->pg, &sought, call->reply, error);
}

static enum status serve(struct endpoint_call *call, read_fn read, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status != STATUS_OK)
        return status;
    status = answer(call, request, read, error);
    json_object_put(request);
    return status;
}

enum status order_endpoint_get(struct endpoint_call *call, struct error *error) {
    return serve(call, order_store_read, error);
}

enum status order_endpoint_status(struct endpoint_call *call, struct error *error) {
    return serve(call, order_store_read_status, error);
}

enum status order_endpoint_history(struct endpoint_call *call, struct error *error) {
    return serve(call, order_store_read_history, error);
}

/* --- commands --------------------------------------------------------------------------------- */

static enum status read_ids(struct json_object *request, const char *key, struct pg_array *ids,
                            struct error *error) {
    struct json_object *list;
    struct uuid id;
    enum status status = json_get_array(request, key, &list, error);
    if (status != STATUS_OK || json_object_array_length(list) > ORDER_MISSING_MOST)
        return error_set(error, STATUS_INVALID, "%s: not a list of up to %d ids", key,
                         ORDER_MISSING_MOST);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        if (!uuid_parse(slice_of(text), &id))
            return error_set(error, STATUS_INVALID, "%s: not a list of ids", key);
        pg_array_add_uuid(ids, &id);
    }
    return STATUS_OK;
}

enum status order_endpoint_missing(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    struct pg_array submits, cancels;
    pg_array_init(&submits, PG_ARRAY_UUID);
    pg_array_init(&cancels, PG_ARRAY_UUID);
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = read_ids(request, "submit", &submits, error);
    if (status == STATUS_OK)
        status = read_ids(request, "cancel", &cancels, error);
    if (status == STATUS_OK)
        status = order_store_read_missing(call->pg, &submits, &cancels, call->reply, error);
    pg_array_fini(&submits);
    pg_array_fini(&cancels);
    json_object_put(request);
    return status;
}

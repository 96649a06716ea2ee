#include "services/notification/export.h"

#include "services/notification/customer_keys.h"
#include "services/notification/handler.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

enum { ORDERS_MOST = 50 };

/* Of one question. Slices borrow from it, or live in the call's arena. */
struct export {
    struct slice tenant, customer, next;
    size_t count;
    struct notice notices[ORDERS_MOST];
    struct slice statuses[ORDERS_MOST], created[ORDERS_MOST];
    struct slice told[ORDERS_MOST]; /* JSON */
    int64_t erased_at_us;           /* 0: never */
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct slice optional(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : slice_of(NULL);
}

static enum status read_order(struct json_object *item, struct export *export,
                              struct error *error) {
    struct notice *notice = &export->notices[export->count];
    *notice = (struct notice){.tenant = export->tenant, .customer_id = export->customer};
    if (!uuid_parse(optional(item, "orderId"), &notice->order_id))
        return error_set(error, STATUS_INVALID, "orders: one has no id");
    notice->sealed = optional(item, "sealed");
    export->statuses[export->count] = optional(item, "status");
    export->created[export->count] = optional(item, "createdAt");
    export->count++;
    return STATUS_OK;
}

static enum status read_question(struct json_object *root, struct export *export,
                                 struct error *error) {
    struct json_object *orders;
    enum status status = json_get_array(root, "orders", &orders, error);
    export->tenant = optional(root, "tenant");
    export->customer = optional(root, "customerId");
    export->next = optional(root, "next");
    if (status != STATUS_OK || export->customer.len == 0 ||
        json_object_array_length(orders) > ORDERS_MOST)
        return error_set(error, STATUS_INVALID, "not what mesh.order.personal replies");
    for (size_t i = 0; i < json_object_array_length(orders) && status == STATUS_OK; i++)
        status = read_order(json_object_array_get_idx(orders, i), export, error);
    return status;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const struct pg_statement load_told = {
    .name = "export_notices",
    .sql = "SELECT d.n, coalesce(json_agg(json_build_object('kind', m.kind, 'channel', m.channel,"
           "  'status', m.status, 'at', to_char(m.created_at AT TIME ZONE 'UTC',"
           "  'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) ORDER BY m.created_at, m.kind, m.channel)"
           "  FILTER (WHERE m.order_id IS NOT NULL), '[]')::text"
           " FROM unnest($1::int8[], $2::uuid[]) AS d(n, id)"
           " LEFT JOIN notifications.notifications m ON m.order_id = d.id GROUP BY d.n",
    .param_count = 2,
};

static const struct pg_statement find_erasure = {
    .name = "export_erasure",
    .sql = "SELECT erased_at FROM notifications.customer_erasures"
           " WHERE tenant = $1::text AND customer_id = $2::text",
    .param_count = 2,
};

static enum status load_notices(struct endpoint_call *call, struct export *export,
                                struct error *error) {
    struct pg_columns columns;
    struct pg_result *result = NULL;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_INT64, PG_ARRAY_UUID}, 2);
    for (size_t i = 0; i < export->count; i++) {
        pg_array_add_int64(&columns.arrays[0], (int64_t)i);
        pg_array_add_uuid(&columns.arrays[1], &export->notices[i].order_id);
    }
    enum status status = pg_columns_query(&columns, call->pg, &load_told, &result, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++)
        export->told[pg_get_int64(result, row, 0)] =
            arena_slice(call->arena, pg_get_slice(result, row, 1));
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

static enum status load_erasure(struct endpoint_call *call, struct export *export,
                                struct error *error) {
    const struct pg_param params[] = {pg_text(export->tenant), pg_text(export->customer)};
    struct pg_result *result = NULL;
    enum status status = pg_query(call->pg, &find_erasure, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) > 0)
        export->erased_at_us = pg_get_time_us(result, 0, 0);
    pg_result_free(&result);
    return status;
}

static enum status open_all(struct endpoint_call *call, struct export *export,
                            struct error *error) {
    const struct notification *notification = call->context;
    struct notice *notices[ORDERS_MOST];
    for (size_t i = 0; i < export->count; i++)
        notices[i] = &export->notices[i];
    return customer_keys_open(call->pg, notification->ring, notices, export->count, call->arena,
                              error);
}

/* --- answering -------------------------------------------------------------------------------- */

static void write_order(struct json_writer *w, const struct export *export, size_t index) {
    const struct notice *notice = &export->notices[index];
    char id[UUID_TEXT_SIZE];
    uuid_format(&notice->order_id, id);
    json_begin_object(w);
    json_put_text(w, "orderId", id);
    json_put_string(w, "status", export->statuses[index]);
    json_put_string(w, "createdAt", export->created[index]);
    if (notice->personal.len > 0)
        json_put_raw(w, "personalData", notice->personal);
    else if (notice->sealed.len > 0)
        json_put_text(w, "unreadable", notice->detail);
    json_put_raw(w, "notices", export->told[index]);
    json_end_object(w);
}

static void write_answer(const struct export *export, struct buf *reply) {
    char at[RFC3339_SIZE];
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_put_string(&w, "customerId", export->customer);
    clock_format(export->erased_at_us, at);
    if (export->erased_at_us != 0)
        json_put_text(&w, "erasedAt", at);
    json_key(&w, "orders");
    json_begin_array(&w);
    for (size_t i = 0; i < export->count; i++)
        write_order(&w, export, i);
    json_end_array(&w);
    if (export->next.len > 0)
        json_put_string(&w, "next", export->next);
    json_end_object(&w);
}

enum status notification_endpoint_open(struct endpoint_call *call, struct error *error) {
    const struct notification *notification = call->context;
    struct export *export = arena_alloc(call->arena, sizeof(*export));
    struct json_object *root = NULL;
    if (notification->ring == NULL)
        return error_set(error, STATUS_NOT_FOUND, "OM_PII_KEY_FILE is not set");
    enum status status = json_parse(call->request, &root, error);
    if (status == STATUS_OK)
        status = read_question(root, export, error);
    if (status == STATUS_OK)
        status = open_all(call, export, error);
    if (status == STATUS_OK)
        status = load_notices(call, export, error);
    if (status == STATUS_OK)
        status = load_erasure(call, export, error);
    if (status == STATUS_OK)
        write_answer(export, call->reply);
    json_object_put(root);
    return status;
}

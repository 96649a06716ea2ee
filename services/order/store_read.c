/* What readers see of an order. */
#include "services/order/store.h"
#include "shared/clock.h"

/* The timeline is stored as applied and read sorted by time; RFC 3339 in UTC of fixed width sorts
   as text does. */
static const struct pg_statement read_order = {
    .name = "order_read",
    .sql = "SELECT o.status, o.reason, o.updated_at, o.flow, o.customer_id, o.currency,"
           " o.total_minor, o.tracking_number, o.accepted_at, o.version,"
           " (SELECT jsonb_agg(jsonb_build_object('sku', i.sku, 'quantity', i.quantity,"
           "                   'unitPriceMinor', i.unit_price_minor) ORDER BY i.line)"
           "  FROM orders.order_items i WHERE i.order_id = o.id)::text,"
           " (SELECT jsonb_agg(entry ORDER BY entry->>'at' COLLATE \"C\", place)"
           "  FROM jsonb_array_elements(o.timeline) WITH ORDINALITY AS t(entry, place))::text"
           " FROM orders.orders o WHERE o.id = $1::uuid AND o.tenant = $2::text",
    .param_count = 2,
};

static const struct pg_statement read_status = {
    .name = "order_read_status",
    .sql = "SELECT status, reason, updated_at FROM orders.orders"
           " WHERE id = $1::uuid AND tenant = $2::text",
    .param_count = 2,
};

/* Both statements' first columns. */
enum { READ_STATUS, READ_REASON, READ_UPDATED };
/* The rest of read_order's. */
enum {
    READ_FLOW = READ_UPDATED + 1,
    READ_CUSTOMER,
    READ_CURRENCY,
    READ_TOTAL,
    READ_TRACKING,
    READ_ACCEPTED,
    READ_VERSION,
    READ_ITEMS,
    READ_TIMELINE
};

static void put_time(struct json_writer *w, const char *key, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    json_put_text(w, key, text);
}

static void put_optional(struct json_writer *w, const char *key, const struct pg_result *result,
                         int column) {
    if (!pg_is_null(result, 0, column))
        json_put_string(w, key, pg_get_slice(result, 0, column));
}

static void put_head(struct json_writer *w, const struct uuid *id, const struct pg_result *result) {
    char id_text[UUID_TEXT_SIZE];
    uuid_format(id, id_text);
    json_put_text(w, "orderId", id_text);
    json_put_string(w, "status", pg_get_slice(result, 0, READ_STATUS));
    put_optional(w, "reason", result, READ_REASON);
    put_time(w, "updatedAt", pg_get_time_us(result, 0, READ_UPDATED));
}

static void put_rest(struct json_writer *w, const struct pg_result *result) {
    json_put_string(w, "flow", pg_get_slice(result, 0, READ_FLOW));
    json_put_string(w, "customerId", pg_get_slice(result, 0, READ_CUSTOMER));
    json_put_string(w, "currency", pg_get_slice(result, 0, READ_CURRENCY));
    json_put_int(w, "totalMinor", pg_get_int64(result, 0, READ_TOTAL));
    json_put_raw(w, "items", pg_get_slice(result, 0, READ_ITEMS));
    put_optional(w, "trackingNumber", result, READ_TRACKING);
    put_time(w, "createdAt", pg_get_time_us(result, 0, READ_ACCEPTED));
    json_put_int(w, "version", pg_get_int64(result, 0, READ_VERSION));
    json_put_raw(w, "timeline", pg_get_slice(result, 0, READ_TIMELINE));
}

static enum status read_one(struct pg *pg, const struct pg_statement *statement,
                            const struct pg_param *key, struct pg_result **result,
                            struct error *error) {
    enum status status = pg_query(pg, statement, key, result, error);
    if (status == STATUS_OK && pg_rows(*result) == 0) {
        pg_result_free(result);
        status = error_set(error, STATUS_NOT_FOUND, "no such order");
    }
    return status;
}

enum status order_store_read(struct pg *pg, const struct uuid *id, struct slice tenant,
                             struct buf *reply, struct error *error) {
    const struct pg_param key[] = {pg_uuid(id), pg_text(tenant)};
    struct pg_result *result = NULL;
    enum status status = read_one(pg, &read_order, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_head(&w, id, result);
    put_rest(&w, result);
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status order_store_read_status(struct pg *pg, const struct uuid *id, struct slice tenant,
                                    struct buf *reply, struct error *error) {
    const struct pg_param key[] = {pg_uuid(id), pg_text(tenant)};
    struct pg_result *result = NULL;
    enum status status = read_one(pg, &read_status, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_head(&w, id, result);
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

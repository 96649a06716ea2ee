#include "services/shipping/parts_store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

static const struct pg_statement add_parted = {
    .name = "shipping_add_parted",
    .sql = "INSERT INTO shipping.in_parts"
           " (order_id, snapshot, cause_id, correlation_id, traceparent)"
           " SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])",
    .param_count = 5,
};

enum { ADD_ORDER, ADD_SNAPSHOT, ADD_CAUSE, ADD_CORRELATION, ADD_TRACE, ADDS };

enum status parts_store_add(struct batch *batch, const struct parted *orders, size_t count,
                            struct error *error) {
    static const enum pg_array_type types[ADDS] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_UUID,
                                                   PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_columns columns;
    char traceparent[TRACEPARENT_SIZE];
    pg_columns_init(&columns, types, ADDS);
    for (size_t i = 0; i < count; i++) {
        trace_format(&orders[i].cause.trace, traceparent);
        pg_array_add_uuid(&columns.arrays[ADD_ORDER], &orders[i].order_id);
        pg_array_add_slice(&columns.arrays[ADD_SNAPSHOT], orders[i].snapshot);
        pg_array_add_uuid(&columns.arrays[ADD_CAUSE], &orders[i].cause.id);
        pg_array_add_slice(&columns.arrays[ADD_CORRELATION], orders[i].cause.correlation_id);
        pg_array_add_slice(&columns.arrays[ADD_TRACE], slice_of(traceparent));
    }
    enum status status = pg_columns_queue(&columns, batch->pg, &add_parted, error);
    pg_columns_fini(&columns);
    return status;
}

/* Of several instances each takes other orders. */
static const struct pg_statement take_due = {
    .name = "shipping_take_due",
    .sql = "SELECT order_id, snapshot, cause_id, correlation_id, traceparent, sent"
           " FROM shipping.in_parts WHERE due_at <= now() ORDER BY order_id LIMIT $1::int8"
           " FOR UPDATE SKIP LOCKED",
    .param_count = 1,
};

enum { DUE_ORDER, DUE_SNAPSHOT, DUE_CAUSE, DUE_CORRELATION, DUE_TRACE, DUE_SENT };

static struct parted take_parted(const struct pg_result *result, int row, struct arena *arena) {
    char id_text[UUID_TEXT_SIZE];
    struct parted order = {.order_id = pg_get_uuid(result, row, DUE_ORDER)};
    uuid_format(&order.order_id, id_text);
    order.snapshot = arena_slice(arena, pg_get_slice(result, row, DUE_SNAPSHOT));
    order.sent = pg_get_int64(result, row, DUE_SENT);
    order.cause = (struct event){
        .type = EVENT_ORDER_CONFIRMED, /* or order.lines_stop_requested, which is no matter here */
        .id = pg_get_uuid(result, row, DUE_CAUSE),
        .order_id = order.order_id,
        .subject = arena_slice(arena, slice_of(id_text)),
        .correlation_id = arena_slice(arena, pg_get_slice(result, row, DUE_CORRELATION)),
    };
    (void)trace_parse(pg_get_slice(result, row, DUE_TRACE), &order.cause.trace);
    return order;
}

enum status parts_store_take_due(struct batch *batch, int64_t most, struct parted **orders,
                                 size_t *count, struct error *error) {
    const struct pg_param limit = pg_int64(most);
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &take_due, &limit, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = (size_t)pg_rows(result);
    *orders = arena_alloc(batch->arena, (*count + 1) * sizeof(**orders));
    for (size_t i = 0; i < *count; i++)
        (*orders)[i] = take_parted(result, (int)i, batch->arena);
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement send_parcels = {
    .name = "shipping_send_parcels",
    .sql = "WITH d AS (SELECT * FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[],"
           "   $5::int8[]) AS d(order_id, part, warehouse, tracking_number, is_last)),"
           " sent AS (INSERT INTO shipping.parcels (order_id, part, warehouse, tracking_number)"
           "  SELECT order_id, part, warehouse, tracking_number FROM d),"
           " over AS (DELETE FROM shipping.in_parts p USING d"
           "  WHERE p.order_id = d.order_id AND d.is_last <> 0)"
           " UPDATE shipping.in_parts p SET sent = d.part,"
           "  due_at = now() + $6::int8 * interval '1 second' FROM d"
           " WHERE p.order_id = d.order_id AND d.is_last = 0",
    .param_count = 6,
};

enum { SEND_ORDER, SEND_PART, SEND_WAREHOUSE, SEND_TRACKING, SEND_LAST, SENDS };

enum status parts_store_send(struct batch *batch, const struct parcel *parcels, size_t count,
                             int64_t pause_s, struct error *error) {
    static const enum pg_array_type types[SENDS] = {PG_ARRAY_UUID, PG_ARRAY_INT64, PG_ARRAY_TEXT,
                                                    PG_ARRAY_TEXT, PG_ARRAY_INT64};
    struct pg_array column[SENDS];
    for (int i = 0; i < SENDS; i++)
        pg_array_init(&column[i], types[i]);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&column[SEND_ORDER], &parcels[i].order_id);
        pg_array_add_int64(&column[SEND_PART], parcels[i].part);
        pg_array_add_slice(&column[SEND_WAREHOUSE], parcels[i].warehouse);
        pg_array_add_slice(&column[SEND_TRACKING], slice_of(parcels[i].tracking_number));
        pg_array_add_int64(&column[SEND_LAST], parcels[i].is_last);
    }
    const struct pg_param params[] = {
        pg_array(&column[SEND_ORDER]),     pg_array(&column[SEND_PART]),
        pg_array(&column[SEND_WAREHOUSE]), pg_array(&column[SEND_TRACKING]),
        pg_array(&column[SEND_LAST]),      pg_int64(pause_s),
    };
    enum status status = pg_queue(batch->pg, &send_parcels, params, error);
    for (int i = 0; i < SENDS; i++)
        pg_array_fini(&column[i]);
    return status;
}

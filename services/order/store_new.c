#include "services/order/store_new.h"

#include "services/order/store_cancel.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

/* --- prices --- */

static const struct pg_statement load_catalog = {
    .name = "order_load_catalog",
    .sql = "SELECT sku, price_minor, currency, active FROM orders.catalog"
           " WHERE sku = ANY ($1::text[]) ORDER BY sku COLLATE \"C\"",
    .param_count = 1,
};

static void take_catalog(const struct pg_result *result, struct arena *arena,
                         struct catalog *catalog) {
    size_t count = (size_t)pg_rows(result);
    struct catalog_price *prices = arena_alloc(arena, (count + 1) * sizeof(*prices));
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        prices[i] = (struct catalog_price){
            .sku = arena_slice(arena, pg_get_slice(result, row, 0)),
            .price_minor = pg_get_int64(result, row, 1),
            .currency = arena_slice(arena, pg_get_slice(result, row, 2)),
            .is_active = pg_get_bool(result, row, 3),
        };
    }
    *catalog = (struct catalog){prices, count};
}

enum status order_store_load_catalog(struct batch *batch, const struct new_order *orders,
                                     size_t count, struct catalog *catalog, struct error *error) {
    struct pg_array skus;
    struct pg_result *result = NULL;
    pg_array_init(&skus, PG_ARRAY_TEXT);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < orders[i].snapshot.item_count; j++)
            pg_array_add_slice(&skus, orders[i].snapshot.items[j].sku);
    }
    struct pg_param param = pg_array(&skus);
    enum status status = pg_query(batch->pg, &load_catalog, &param, &result, error);
    if (status == STATUS_OK)
        take_catalog(result, batch->arena, catalog);
    pg_result_free(&result);
    pg_array_fini(&skus);
    return status;
}

/* --- rows --- */

static const struct pg_statement insert_orders = {
    .name = "order_insert",
    .sql = "WITH fresh AS ("
           " INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, currency,"
           "  total_minor, payment_method, sealed, correlation_id, traceparent, timeline,"
           "  accepted_at)"
           " SELECT id, tenant, customer_id, flow, status, reason, currency, total_minor,"
           "  payment_method, sealed, correlation_id, traceparent, timeline::jsonb,"
           "  timestamptz 'epoch' + at_us * interval '1 microsecond'"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
           "  $7::text[], $8::int8[], $9::text[], $10::text[], $11::text[], $12::text[],"
           "  $13::text[], $14::int8[])"
           "  AS d(id, tenant, customer_id, flow, status, reason, currency, total_minor,"
           "       payment_method, sealed, correlation_id, traceparent, timeline, at_us)"
           " WHERE NOT EXISTS (SELECT FROM orders.archived_ids a WHERE a.id = d.id)"
           " ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id"
           "), items AS ("
           " INSERT INTO orders.order_items (order_id, line, sku, quantity, unit_price_minor)"
           " SELECT i.order_id, i.line, i.sku, i.quantity, i.unit_price_minor"
           " FROM unnest($15::uuid[], $16::int8[], $17::text[], $18::int8[], $19::int8[])"
           "      AS i(order_id, line, sku, quantity, unit_price_minor)"
           " JOIN fresh ON fresh.id = i.order_id"
           ") SELECT id FROM fresh",
    .param_count = 19,
};

/* In the order of the statement's parameters. */
enum {
    NEW_ID,
    NEW_TENANT,
    NEW_CUSTOMER,
    NEW_FLOW,
    NEW_STATUS,
    NEW_REASON,
    NEW_CURRENCY,
    NEW_TOTAL,
    NEW_METHOD,
    NEW_SEALED,
    NEW_CORRELATION,
    NEW_TRACEPARENT,
    NEW_TIMELINE,
    NEW_AT,
    ITEM_ORDER,
    ITEM_LINE,
    ITEM_SKU,
    ITEM_QUANTITY,
    ITEM_PRICE,
    NEW_COLUMNS
};

static void add_items(struct pg_array *column, const struct order_snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->item_count; i++) {
        pg_array_add_uuid(&column[ITEM_ORDER], &snapshot->order_id);
        pg_array_add_int64(&column[ITEM_LINE], (int64_t)i + 1);
        pg_array_add_slice(&column[ITEM_SKU], snapshot->items[i].sku);
        pg_array_add_int64(&column[ITEM_QUANTITY], snapshot->items[i].quantity);
        pg_array_add_int64(&column[ITEM_PRICE], snapshot->items[i].unit_price_minor);
    }
}

static void add_order(struct pg_array *column, const struct new_order *order) {
    const struct order_snapshot *snapshot = &order->snapshot;
    const struct event *event = &order->delivery->event;
    char traceparent[TRACEPARENT_SIZE];
    trace_format(&event->trace, traceparent);
    pg_array_add_uuid(&column[NEW_ID], &snapshot->order_id);
    pg_array_add_slice(&column[NEW_TENANT], snapshot->tenant);
    pg_array_add_slice(&column[NEW_CUSTOMER], snapshot->customer_id);
    pg_array_add_slice(&column[NEW_FLOW], slice_of(order_flow_name(snapshot->flow)));
    pg_array_add_slice(&column[NEW_STATUS], slice_of(order_status_name(order->status)));
    pg_array_add_optional(&column[NEW_REASON], slice_of(order_reason_name(order->reason)));
    pg_array_add_slice(&column[NEW_CURRENCY], snapshot->currency);
    pg_array_add_int64(&column[NEW_TOTAL], snapshot->total_minor);
    pg_array_add_slice(&column[NEW_METHOD], snapshot->payment_method);
    pg_array_add_slice(&column[NEW_SEALED], snapshot->sealed);
    pg_array_add_slice(&column[NEW_CORRELATION], event->correlation_id);
    pg_array_add_slice(&column[NEW_TRACEPARENT], slice_of(traceparent));
    pg_array_add_slice(&column[NEW_TIMELINE], order->timeline);
    pg_array_add_int64(&column[NEW_AT], event->time_us);
    add_items(column, snapshot);
}

static int compare_by_id(const void *a, const void *b) {
    const struct new_order *left = *(struct new_order *const *)a;
    const struct new_order *right = *(struct new_order *const *)b;
    int order = uuid_compare(&left->snapshot.order_id, &right->snapshot.order_id);
    return order != 0 ? order : (left > right) - (left < right);
}

/* One of each id, the first, sorted by id. */
static struct new_order **sort_distinct(struct arena *arena, struct new_order *orders, size_t count,
                                        size_t *distinct_count) {
    struct new_order **sorted = arena_alloc(arena, (count + 1) * sizeof(struct new_order *));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &orders[i];
    qsort(sorted, count, sizeof(struct new_order *), compare_by_id);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 ||
            uuid_compare(&sorted[i]->snapshot.order_id, &sorted[kept - 1]->snapshot.order_id) != 0)
            sorted[kept++] = sorted[i];
    }
    *distinct_count = kept;
    return sorted;
}

static int compare_to_id(const void *key, const void *element) {
    return uuid_compare(key, &(*(struct new_order *const *)element)->snapshot.order_id);
}

static void mark_new(const struct pg_result *result, struct new_order **sorted, size_t count) {
    for (int row = 0; row < pg_rows(result); row++) {
        struct uuid id = pg_get_uuid(result, row, 0);
        struct new_order **order =
            bsearch(&id, sorted, count, sizeof(struct new_order *), compare_to_id);
        if (order != NULL)
            (*order)->is_new = true;
    }
}

/* By a statement of its own, so that the orders that are paid at once do without. */
static enum status note_capture(struct batch *batch, struct new_order *const *orders, size_t count,
                                struct error *error) {
    static const struct pg_statement note = {
        .name = "order_note_capture",
        .sql = "UPDATE orders.orders SET steps = steps | $2::int8 WHERE id = ANY ($1::uuid[])",
        .param_count = 2,
    };
    struct pg_array ids;
    enum status status = STATUS_OK;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        if (orders[i]->is_new && orders[i]->snapshot.capture == CAPTURE_ON_SHIPMENT)
            pg_array_add_uuid(&ids, &orders[i]->snapshot.order_id);
    }
    const struct pg_param params[] = {pg_array(&ids), pg_int64(STEP_ON_SHIPMENT)};
    if (ids.count > 0)
        status = pg_queue(batch->pg, &note, params, error);
    pg_array_fini(&ids);
    return status;
}

/* The wishes are asked for behind the insert, which has waited for those under way. */
enum status order_store_insert(struct batch *batch, struct new_order *orders, size_t count,
                               struct pg_result **wishes, struct error *error) {
    static const enum pg_array_type types[NEW_COLUMNS] = {
        PG_ARRAY_UUID,  PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_TEXT,  PG_ARRAY_TEXT,
        PG_ARRAY_TEXT,  PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,  PG_ARRAY_TEXT,
        PG_ARRAY_TEXT,  PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_INT64, PG_ARRAY_UUID,
        PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64,
    };
    size_t distinct_count;
    struct new_order **sorted = sort_distinct(batch->arena, orders, count, &distinct_count);
    struct pg_columns columns;
    struct pg_result *inserted = NULL;
    pg_columns_init(&columns, types, NEW_COLUMNS);
    for (size_t i = 0; i < distinct_count; i++)
        add_order(columns.arrays, sorted[i]);
    enum status status =
        pg_columns_queue_into(&columns, batch->pg, &insert_orders, &inserted, error);
    if (status == STATUS_OK)
        status = order_store_ask_wishes(batch, orders, count, wishes, error);
    if (status == STATUS_OK) {
        mark_new(inserted, sorted, distinct_count);
        status = note_capture(batch, sorted, distinct_count, error);
    }
    pg_result_free(&inserted);
    pg_columns_fini(&columns);
    return status;
}

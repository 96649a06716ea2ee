#include "services/order/store.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

/* --- loading --- */

static const struct pg_statement load_orders = {
    .name = "order_load",
    .sql = "SELECT id, flow, status, reason, steps, tenant, customer_id, currency, total_minor,"
           " payment_method, sealed, accepted_at, version, jsonb_array_length(timeline)"
           " FROM orders.orders WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE",
    .param_count = 1,
};

enum {
    LOAD_ID,
    LOAD_FLOW,
    LOAD_STATUS,
    LOAD_REASON,
    LOAD_STEPS,
    LOAD_TENANT,
    LOAD_CUSTOMER,
    LOAD_CURRENCY,
    LOAD_TOTAL,
    LOAD_METHOD,
    LOAD_SEALED,
    LOAD_ACCEPTED,
    LOAD_VERSION,
    LOAD_LENGTH
};

static enum status take_order(const struct pg_result *result, int row, struct arena *arena,
                              struct order_row *order, struct error *error) {
    struct order_snapshot *snapshot = &order->snapshot;
    struct slice flow = pg_get_slice(result, row, LOAD_FLOW);
    struct slice status = pg_get_slice(result, row, LOAD_STATUS);
    if (!order_flow_parse(flow, &order->state.flow) ||
        !order_status_parse(status, &order->state.status))
        return error_set(error, STATUS_INTERNAL, "order row with flow %.*s, status %.*s",
                         SLICE_ARG(flow), SLICE_ARG(status));
    order->state.steps = (unsigned)pg_get_int64(result, row, LOAD_STEPS);
    order->loaded_status = order->state.status;
    (void)order_reason_parse(pg_get_slice(result, row, LOAD_REASON), &order->loaded_reason);
    order->accepted_at_us = pg_get_time_us(result, row, LOAD_ACCEPTED);
    order->version = pg_get_int64(result, row, LOAD_VERSION);
    order->timeline_length = pg_get_int64(result, row, LOAD_LENGTH);
    snapshot->order_id = pg_get_uuid(result, row, LOAD_ID);
    snapshot->flow = order->state.flow;
    snapshot->capture =
        order->state.steps & STEP_ON_SHIPMENT ? CAPTURE_ON_SHIPMENT : CAPTURE_AUTOMATIC;
    snapshot->tenant = arena_slice(arena, pg_get_slice(result, row, LOAD_TENANT));
    snapshot->customer_id = arena_slice(arena, pg_get_slice(result, row, LOAD_CUSTOMER));
    snapshot->currency = arena_slice(arena, pg_get_slice(result, row, LOAD_CURRENCY));
    snapshot->total_minor = pg_get_int64(result, row, LOAD_TOTAL);
    snapshot->payment_method = arena_slice(arena, pg_get_slice(result, row, LOAD_METHOD));
    snapshot->sealed = arena_slice(arena, pg_get_slice(result, row, LOAD_SEALED));
    return STATUS_OK;
}

static enum status take_orders(const struct pg_result *result, struct arena *arena,
                               struct order_rows *orders, struct error *error) {
    size_t count = (size_t)pg_rows(result);
    struct order_row *rows = arena_alloc(arena, (count + 1) * sizeof(*rows));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = take_order(result, (int)i, arena, &rows[i], error);
    if (status == STATUS_OK)
        *orders = (struct order_rows){rows, count};
    return status;
}

static int compare_to_id(const void *key, const void *element) {
    return uuid_compare(key, &((const struct order_row *)element)->snapshot.order_id);
}

struct order_row *order_rows_find(const struct order_rows *orders, const struct uuid *id) {
    return bsearch(id, orders->rows, orders->count, sizeof(*orders->rows), compare_to_id);
}

/* --- parcels --- */

static const struct pg_statement load_tracking = {
    .name = "order_load_tracking",
    .sql = "SELECT id, tracking_number FROM orders.orders WHERE id = ANY ($1::uuid[])",
    .param_count = 1,
};

/* Has been shipped and is to be completed by its payment, which does not know its parcel. */
static bool is_being_captured(const struct order_row *order) {
    return order->state.status == ORDER_CONFIRMED && (order->state.steps & STEP_SHIPPED) != 0;
}

static enum status take_tracking(struct batch *batch, struct pg_array *ids,
                                 const struct order_rows *orders, struct error *error) {
    struct pg_param param = pg_array(ids);
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &load_tracking, &param, &result, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++) {
        struct uuid id = pg_get_uuid(result, row, 0);
        struct order_row *order = order_rows_find(orders, &id);
        if (order != NULL && !pg_is_null(result, row, 1))
            order->tracking_number = arena_slice(batch->arena, pg_get_slice(result, row, 1));
    }
    pg_result_free(&result);
    return status;
}

static enum status load_parcels(struct batch *batch, const struct order_rows *orders,
                                struct error *error) {
    struct pg_array ids;
    enum status status = STATUS_OK;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < orders->count; i++) {
        if (is_being_captured(&orders->rows[i]))
            pg_array_add_uuid(&ids, &orders->rows[i].snapshot.order_id);
    }
    if (ids.count > 0)
        status = take_tracking(batch, &ids, orders, error);
    pg_array_fini(&ids);
    return status;
}

/* --- items --- */

static const struct pg_statement load_items = {
    .name = "order_load_items",
    .sql = "SELECT order_id, sku, quantity - coalesce(cancelled, 0), unit_price_minor"
           " FROM orders.order_items"
           " WHERE order_id = ANY ($1::uuid[]) AND quantity > coalesce(cancelled, 0)"
           " ORDER BY order_id, line",
    .param_count = 1,
};

/* Rows of one order stand together, so each order's items are a run of one array. An order may have
   come since the orders were loaded. */
static void take_items(const struct pg_result *result, struct arena *arena,
                       const struct order_rows *orders) {
    size_t count = (size_t)pg_rows(result);
    struct order_item *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    struct order_row *order = NULL;
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        struct uuid id = pg_get_uuid(result, row, 0);
        items[i] = (struct order_item){
            .sku = arena_slice(arena, pg_get_slice(result, row, 1)),
            .quantity = pg_get_int64(result, row, 2),
            .unit_price_minor = pg_get_int64(result, row, 3),
        };
        if (order == NULL || uuid_compare(&order->snapshot.order_id, &id) != 0) {
            order = order_rows_find(orders, &id);
            if (order == NULL)
                continue;
            order->snapshot.items = &items[i];
        }
        order->snapshot.item_count++;
    }
}

static enum status query_items(struct batch *batch, struct pg_array *ids, struct pg_result **result,
                               struct error *error) {
    struct pg_param param = pg_array(ids);
    return ids->count > 0 ? pg_query(batch->pg, &load_items, &param, result, error)
                          : pg_await(batch->pg, error);
}

/* Nearly always leads to an announcement, which carries the items. Where another event does, they
   are asked for then. */
static bool is_mostly_announced(enum event_type type) {
    return type == EVENT_PAYMENT_SUCCEEDED || type == EVENT_PAYMENT_AUTHORIZED ||
           type == EVENT_PAYMENT_CAPTURED || type == EVENT_SHIPPING_SHIPPED;
}

/* The items are asked for behind the orders, whose rows were committed together. */
enum status order_store_load(struct batch *batch, struct order_rows *orders, struct error *error) {
    struct pg_array ids;
    struct pg_result *rows = NULL, *items = NULL;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < batch->count; i++) {
        if (is_mostly_announced(batch->items[i]->event.type))
            pg_array_add_uuid(&ids, &batch->items[i]->event.order_id);
    }
    enum status status = batch_queue_orders(batch, &load_orders, &rows, error);
    if (status == STATUS_OK)
        status = query_items(batch, &ids, &items, error);
    if (status == STATUS_OK)
        status = take_orders(rows, batch->arena, orders, error);
    if (status == STATUS_OK && items != NULL)
        take_items(items, batch->arena, orders);
    if (status == STATUS_OK)
        status = load_parcels(batch, orders, error);
    pg_result_free(&rows);
    pg_result_free(&items);
    pg_array_fini(&ids);
    return status;
}

enum status order_store_load_items(struct batch *batch, struct order_rows *orders,
                                   struct error *error) {
    struct pg_array ids;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < orders->count; i++) {
        if (orders->rows[i].needs_items && orders->rows[i].snapshot.item_count == 0)
            pg_array_add_uuid(&ids, &orders->rows[i].snapshot.order_id);
    }
    if (ids.count > 0)
        status = query_items(batch, &ids, &result, error);
    if (status == STATUS_OK && result != NULL)
        take_items(result, batch->arena, orders);
    pg_result_free(&result);
    pg_array_fini(&ids);
    return status;
}

/* --- storing --- */

static const struct pg_statement update_orders = {
    .name = "order_update",
    .sql = "UPDATE orders.orders o SET status = d.status, reason = coalesce(d.reason, o.reason),"
           " steps = d.steps, tracking_number = coalesce(d.tracking_number, o.tracking_number),"
           " timeline = o.timeline || d.timeline::jsonb, updated_at = now(),"
           " version = o.version + d.changes"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int8[], $5::text[], $6::text[],"
           "  $7::int8[]) AS d(id, status, reason, steps, tracking_number, timeline, changes)"
           " WHERE o.id = d.id",
    .param_count = 7,
};

enum { SET_ID, SET_STATUS, SET_REASON, SET_STEPS, SET_TRACKING, SET_TIMELINE, SET_CHANGES, SETS };

static void add_update(struct pg_array *column, const struct order_row *order) {
    pg_array_add_uuid(&column[SET_ID], &order->snapshot.order_id);
    pg_array_add_slice(&column[SET_STATUS], slice_of(order_status_name(order->state.status)));
    pg_array_add_optional(&column[SET_REASON], slice_of(order_reason_name(order->reason)));
    pg_array_add_int64(&column[SET_STEPS], order->state.steps);
    pg_array_add_optional(&column[SET_TRACKING], order->tracking_number);
    pg_array_add_slice(&column[SET_TIMELINE], order->timeline);
    pg_array_add_int64(&column[SET_CHANGES], order->changes);
}

/* By a statement of its own, since few orders have any. */
static enum status note_given_back(struct batch *batch, const struct order_rows *orders,
                                   struct error *error) {
    static const struct pg_statement note = {
        .name = "order_note_given_back",
        .sql = "UPDATE orders.orders o"
               " SET refunded_minor = greatest(coalesce(o.refunded_minor, 0), d.minor)"
               " FROM unnest($1::uuid[], $2::int8[]) AS d(id, minor) WHERE o.id = d.id",
        .param_count = 2,
    };
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64};
    struct pg_columns amounts;
    enum status status = STATUS_OK;
    pg_columns_init(&amounts, types, 2);
    for (size_t i = 0; i < orders->count; i++) {
        if (orders->rows[i].given_back_minor == 0)
            continue;
        pg_array_add_uuid(&amounts.arrays[0], &orders->rows[i].snapshot.order_id);
        pg_array_add_int64(&amounts.arrays[1], orders->rows[i].given_back_minor);
    }
    if (amounts.arrays[0].count > 0)
        status = pg_columns_queue(&amounts, batch->pg, &note, error);
    pg_columns_fini(&amounts);
    return status;
}

/* Likewise: few customers are asked. */
static enum status note_actions(struct batch *batch, const struct order_rows *orders,
                                struct error *error) {
    static const struct pg_statement note = {
        .name = "order_note_actions",
        .sql = "UPDATE orders.orders o"
               " SET action_until = timestamptz 'epoch' + d.until_us * interval '1 microsecond'"
               " FROM unnest($1::uuid[], $2::int8[]) AS d(id, until_us) WHERE o.id = d.id",
        .param_count = 2,
    };
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64};
    struct pg_columns limits;
    enum status status = STATUS_OK;
    pg_columns_init(&limits, types, 2);
    for (size_t i = 0; i < orders->count; i++) {
        if (orders->rows[i].action_until_us == 0)
            continue;
        pg_array_add_uuid(&limits.arrays[0], &orders->rows[i].snapshot.order_id);
        pg_array_add_int64(&limits.arrays[1], orders->rows[i].action_until_us);
    }
    if (limits.arrays[0].count > 0)
        status = pg_columns_queue(&limits, batch->pg, &note, error);
    pg_columns_fini(&limits);
    return status;
}

enum status order_store_update(struct batch *batch, const struct order_rows *orders,
                               struct error *error) {
    static const enum pg_array_type types[SETS] = {
        PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_INT64,
        PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64,
    };
    struct pg_columns updates;
    enum status status = STATUS_OK;
    pg_columns_init(&updates, types, SETS);
    for (size_t i = 0; i < orders->count; i++) {
        if (orders->rows[i].changes > 0)
            add_update(updates.arrays, &orders->rows[i]);
    }
    if (updates.arrays[SET_ID].count > 0)
        status = pg_columns_queue(&updates, batch->pg, &update_orders, error);
    pg_columns_fini(&updates);
    if (status == STATUS_OK)
        status = note_given_back(batch, orders, error);
    return status == STATUS_OK ? note_actions(batch, orders, error) : status;
}

/* --- what is no event of a stream --- */

struct delivery **order_store_tell(const struct pg_result *result, enum event_type event,
                                   struct arena *arena, size_t *count) {
    *count = (size_t)pg_rows(result);
    struct delivery **items = arena_alloc(arena, (*count + 1) * sizeof(struct delivery *));
    for (size_t i = 0; i < *count; i++) {
        struct uuid id = pg_get_uuid(result, (int)i, 0);
        items[i] = arena_alloc(arena, sizeof(**items));
        items[i]->attempt = 1;
        /* The command that began the order stands for the cause. */
        items[i]->event = (struct event){
            .type = event,
            .id = id,
            .order_id = id,
            .correlation_id = arena_slice(arena, pg_get_slice(result, (int)i, 1)),
            .time_us = clock_now_us(),
        };
        (void)trace_parse(pg_get_slice(result, (int)i, 2), &items[i]->event.trace);
    }
    return items;
}

/* --- the catalog --- */

static const struct pg_statement put_catalog = {
    .name = "order_put_catalog",
    .sql = "INSERT INTO orders.catalog AS c (sku, price_minor, currency, active, version)"
           " SELECT DISTINCT ON (sku) sku, price_minor, currency, active <> 0, version"
           " FROM unnest($1::text[], $2::int8[], $3::text[], $4::int8[], $5::int8[])"
           "      AS d(sku, price_minor, currency, active, version)"
           " ORDER BY sku, version DESC"
           " ON CONFLICT (sku) DO UPDATE SET price_minor = EXCLUDED.price_minor,"
           "  currency = EXCLUDED.currency, active = EXCLUDED.active, version = EXCLUDED.version"
           " WHERE c.version < EXCLUDED.version",
    .param_count = 5,
};

enum { PUT_SKU, PUT_PRICE, PUT_CURRENCY, PUT_ACTIVE, PUT_VERSION, PUTS };

enum status order_store_put_catalog(struct batch *batch, const struct catalog_change *changes,
                                    size_t count, struct error *error) {
    static const enum pg_array_type types[PUTS] = {
        PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64,
    };
    struct pg_columns puts;
    pg_columns_init(&puts, types, PUTS);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_slice(&puts.arrays[PUT_SKU], changes[i].price.sku);
        pg_array_add_int64(&puts.arrays[PUT_PRICE], changes[i].price.price_minor);
        pg_array_add_slice(&puts.arrays[PUT_CURRENCY], changes[i].price.currency);
        pg_array_add_int64(&puts.arrays[PUT_ACTIVE], changes[i].price.is_active);
        pg_array_add_int64(&puts.arrays[PUT_VERSION], changes[i].version);
    }
    enum status status = pg_columns_queue(&puts, batch->pg, &put_catalog, error);
    pg_columns_fini(&puts);
    return status;
}

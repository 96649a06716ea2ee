#include "services/order/store_cancel.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- keeping --- */

/* The order's id in orders.orders is what a wish and its order meet at: the wish takes it, as a row
   that this transaction deletes again, so that a submit waits for the wish's commit. An id that is
   taken is left alone, once its transaction has ended. Answers with the ids taken. */
static const struct pg_statement keep_cancels = {
    .name = "order_keep_cancels",
    .sql = "WITH d AS ("
           " SELECT order_id, tenant, event_id, correlation_id, traceparent,"
           "        least(now(), timestamptz 'epoch' + at_us * interval '1 microsecond')"
           "          AS wanted_at"
           " FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::int8[])"
           "      AS u(order_id, tenant, event_id, correlation_id, traceparent, at_us)"
           "), held AS ("
           " INSERT INTO orders.orders (id, tenant, customer_id, flow, status, currency,"
           "  total_minor, payment_method, correlation_id, traceparent, timeline, accepted_at)"
           " SELECT order_id, tenant, '', '', 'PENDING', '', 0, '', correlation_id, traceparent,"
           "  '[]', wanted_at"
           " FROM d ORDER BY order_id ON CONFLICT (id) DO NOTHING RETURNING id"
           "), kept AS ("
           " INSERT INTO orders.early_cancels"
           "  (order_id, tenant, event_id, correlation_id, traceparent, wanted_at)"
           " SELECT order_id, tenant, event_id, correlation_id, traceparent, wanted_at"
           " FROM d JOIN held ON held.id = d.order_id"
           " ON CONFLICT (order_id, tenant) DO NOTHING"
           ") SELECT id FROM held",
    .param_count = 6,
};

static const struct pg_statement let_go = {
    .name = "order_let_go",
    .sql = "DELETE FROM orders.orders WHERE id = ANY ($1::uuid[])",
    .param_count = 1,
};

/* As with the keys: those whose day is over go as new ones come, twice as fast. */
static const struct pg_statement prune_cancels = {
    .name = "order_prune_cancels",
    .sql = "DELETE FROM orders.early_cancels WHERE ctid = ANY (ARRAY("
           " SELECT ctid FROM orders.early_cancels"
           " WHERE wanted_at < now() - interval '25 hours'"
           " ORDER BY wanted_at LIMIT 2 * $1::int8 FOR UPDATE SKIP LOCKED))",
    .param_count = 1,
};

enum {
    KEEP_ORDER,
    KEEP_TENANT,
    KEEP_EVENT,
    KEEP_CORRELATION,
    KEEP_TRACEPARENT,
    KEEP_AT,
    KEEP_COLUMNS
};

static void add_cancel(struct pg_array *column, const struct early_cancel *cancel) {
    const struct event *event = &cancel->delivery->event;
    char traceparent[TRACEPARENT_SIZE];
    trace_format(&event->trace, traceparent);
    pg_array_add_uuid(&column[KEEP_ORDER], &event->order_id);
    pg_array_add_slice(&column[KEEP_TENANT], cancel->tenant);
    pg_array_add_uuid(&column[KEEP_EVENT], &event->id);
    pg_array_add_slice(&column[KEEP_CORRELATION], event->correlation_id);
    pg_array_add_slice(&column[KEEP_TRACEPARENT], slice_of(traceparent));
    pg_array_add_int64(&column[KEEP_AT], event->time_us);
}

static enum status let_go_of(struct pg *pg, const struct pg_result *held, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (int row = 0; row < pg_rows(held); row++) {
        struct uuid id = pg_get_uuid(held, row, 0);
        pg_array_add_uuid(&ids, &id);
    }
    struct pg_param param = pg_array(&ids);
    struct pg_param count = pg_int64(ids.count);
    enum status status = STATUS_OK;
    if (ids.count > 0)
        status = pg_queue(pg, &let_go, &param, error);
    if (ids.count > 0 && status == STATUS_OK)
        status = pg_queue(pg, &prune_cancels, &count, error);
    pg_array_fini(&ids);
    return status;
}

enum status order_store_keep_cancels(struct batch *batch, const struct early_cancel *cancels,
                                     size_t count, struct error *error) {
    static const enum pg_array_type types[KEEP_COLUMNS] = {
        PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_INT64,
    };
    struct pg_columns columns;
    struct pg_result *held = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, KEEP_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        if (cancels[i].tenant.len > 0)
            add_cancel(columns.arrays, &cancels[i]);
    }
    if (columns.arrays[KEEP_ORDER].count > 0)
        status = pg_columns_query(&columns, batch->pg, &keep_cancels, &held, error);
    if (status == STATUS_OK && held != NULL)
        status = let_go_of(batch->pg, held, error);
    pg_result_free(&held);
    pg_columns_fini(&columns);
    return status;
}

/* --- taking --- */

static const struct pg_statement take_cancels = {
    .name = "order_take_cancels",
    .sql = "DELETE FROM orders.early_cancels c"
           " USING unnest($1::uuid[], $2::text[], $3::int8[]) AS d(order_id, tenant, at_us)"
           " WHERE c.order_id = d.order_id AND c.tenant = d.tenant"
           "   AND c.wanted_at > least(now(), timestamptz 'epoch' + d.at_us * interval"
           "                           '1 microsecond') - interval '24 hours'"
           " RETURNING c.order_id, c.event_id, c.correlation_id, c.traceparent, c.wanted_at",
    .param_count = 3,
};

enum { TAKE_ORDER, TAKE_TENANT, TAKE_AT, TAKE_COLUMNS };
enum { TAKEN_ORDER, TAKEN_EVENT, TAKEN_CORRELATION, TAKEN_TRACEPARENT, TAKEN_AT };

static struct delivery *make_delivery(const struct pg_result *result, int row,
                                      struct arena *arena) {
    struct delivery *delivery = arena_alloc(arena, sizeof(*delivery));
    delivery->attempt = 1;
    delivery->event = (struct event){
        .type = EVENT_ORDER_CANCEL,
        .id = pg_get_uuid(result, row, TAKEN_EVENT),
        .order_id = pg_get_uuid(result, row, TAKEN_ORDER),
        .correlation_id = arena_slice(arena, pg_get_slice(result, row, TAKEN_CORRELATION)),
        .time_us = pg_get_time_us(result, row, TAKEN_AT),
    };
    (void)trace_parse(pg_get_slice(result, row, TAKEN_TRACEPARENT), &delivery->event.trace);
    return delivery;
}

enum status order_store_ask_wishes(struct batch *batch, const struct new_order *orders,
                                   size_t count, struct pg_result **wishes, struct error *error) {
    static const enum pg_array_type types[TAKE_COLUMNS] = {PG_ARRAY_UUID, PG_ARRAY_TEXT,
                                                           PG_ARRAY_INT64};
    struct pg_columns columns;
    pg_columns_init(&columns, types, TAKE_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[TAKE_ORDER], &orders[i].snapshot.order_id);
        pg_array_add_slice(&columns.arrays[TAKE_TENANT], orders[i].snapshot.tenant);
        pg_array_add_int64(&columns.arrays[TAKE_AT], orders[i].delivery->event.time_us);
    }
    enum status status = pg_columns_query(&columns, batch->pg, &take_cancels, wishes, error);
    pg_columns_fini(&columns);
    return status;
}

static bool is_of_a_new_order(const struct delivery *cancel, const struct new_order *orders,
                              size_t count) {
    for (size_t i = 0; i < count; i++)
        if (orders[i].is_new &&
            uuid_compare(&orders[i].snapshot.order_id, &cancel->event.order_id) == 0)
            return true;
    return false;
}

void order_store_tell_wishes(const struct pg_result *wishes, const struct new_order *orders,
                             size_t count, struct batch *told) {
    size_t found = (size_t)pg_rows(wishes);
    told->items = arena_alloc(told->arena, (found + 1) * sizeof(struct delivery *));
    told->count = 0;
    for (size_t i = 0; i < found; i++) {
        struct delivery *cancel = make_delivery(wishes, (int)i, told->arena);
        if (is_of_a_new_order(cancel, orders, count))
            told->items[told->count++] = cancel;
    }
}

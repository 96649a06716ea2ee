#include "services/payment/action_store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* --- beginning, and the end --- */

/* Whoever challenged it before keeps what was stored then. */
static const struct pg_statement add_actions = {
    .name = "action_add",
    .sql = "INSERT INTO payments.actions (order_id, until, due_at, event)"
           " SELECT order_id, timestamptz 'epoch' + until_us * interval '1 microsecond',"
           "  now() + interval '2 seconds', event"
           " FROM unnest($1::uuid[], $2::int8[], $3::text[]) AS d(order_id, until_us, event)"
           " ORDER BY order_id ON CONFLICT (order_id) DO NOTHING",
    .param_count = 3,
};

static const struct pg_statement end_actions = {
    .name = "action_end",
    .sql = "DELETE FROM payments.actions WHERE order_id = ANY ($1::uuid[])",
    .param_count = 1,
};

static enum status begin(struct batch *batch, const struct payment_rows *payments,
                         struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64, PG_ARRAY_TEXT};
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < payments->count; i++) {
        const struct payment_row *row = &payments->rows[i];
        if (row->action.until_us == 0)
            continue;
        pg_array_add_uuid(&columns.arrays[0], &row->order.order_id);
        pg_array_add_int64(&columns.arrays[1], row->action.until_us);
        pg_array_add_slice(&columns.arrays[2], row->action.event);
    }
    if (columns.arrays[0].count > 0)
        status = pg_columns_queue(&columns, batch->pg, &add_actions, error);
    pg_columns_fini(&columns);
    return status;
}

enum status action_store_save(struct batch *batch, const struct payment_rows *payments,
                              struct error *error) {
    struct pg_array ended;
    enum status status = begin(batch, payments, error);
    pg_array_init(&ended, PG_ARRAY_UUID);
    for (size_t i = 0; i < payments->count; i++) {
        if (payments->rows[i].was_challenged)
            pg_array_add_uuid(&ended, &payments->rows[i].order.order_id);
    }
    const struct pg_param param = pg_array(&ended);
    if (status == STATUS_OK && ended.count > 0)
        status = pg_queue(batch->pg, &end_actions, &param, error);
    pg_array_fini(&ended);
    return status;
}

/* --- asking --- */

/* A time that is further away than any turn is of a clock that was ahead. */
static const struct pg_statement take_due = {
    .name = "action_take_due",
    .sql = "UPDATE payments.actions SET due_at = now() + greatest(interval '2 seconds',"
           "  least(until - now(), (now() - asked_at) / 2))"
           " WHERE order_id = ANY (ARRAY("
           "  SELECT order_id FROM payments.actions"
           "   WHERE due_at <= now() OR due_at > now() + interval '24 hours'"
           "   ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED))"
           " RETURNING until, event",
};

/* What was taken in once is an event; one that a later version cannot read waits for its end. */
static bool read_due(const struct pg_result *result, int row, struct arena *arena,
                     struct due_action *due) {
    struct error error = {0};
    due->until_us = pg_get_time_us(result, row, 0);
    due->delivery.payload = arena_slice(arena, pg_get_slice(result, row, 1));
    due->delivery.attempt = 1;
    return event_decode(due->delivery.payload, arena, &due->delivery.event, &error) == STATUS_OK;
}

enum status action_store_take_due(struct batch *batch, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &take_due, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    size_t rows = (size_t)pg_rows(result);
    batch->items = arena_alloc(batch->arena, (rows + 1) * sizeof(*batch->items));
    batch->count = 0;
    for (size_t i = 0; i < rows; i++) {
        struct due_action *due = arena_alloc(batch->arena, sizeof(*due));
        if (read_due(result, (int)i, batch->arena, due))
            batch->items[batch->count++] = &due->delivery;
    }
    pg_result_free(&result);
    return STATUS_OK;
}

enum status action_store_hasten(struct pg *pg, const struct uuid *order_id, bool *waits,
                                struct error *error) {
    static const struct pg_statement hasten = {
        .name = "action_hasten",
        .sql = "UPDATE payments.actions SET due_at = least(due_at, now())"
               " WHERE order_id = $1::uuid RETURNING order_id",
        .param_count = 1,
    };
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &hasten, &param, &result, error);
    if (status == STATUS_OK)
        *waits = pg_rows(result) > 0;
    pg_result_free(&result);
    return status;
}

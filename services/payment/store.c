#include "services/payment/store.h"

#include "services/payment/action_store.h"
#include "shared/base/clock.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

#define OWED_ATTEMPT 5

/* --- before the provider is asked --- */

static const struct pg_statement add_payments = {
    .name = "payment_add",
    .sql = "INSERT INTO payments.payments (order_id, status, amount_minor, currency,"
           "  payment_method)"
           " SELECT DISTINCT ON (order_id) order_id, status, amount_minor, currency, payment_method"
           " FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::text[], $5::text[])"
           "      AS d(order_id, status, amount_minor, currency, payment_method)"
           " ORDER BY order_id ON CONFLICT (order_id) DO NOTHING",
    .param_count = 5,
};

enum status payment_store_add(struct batch *batch, const struct payment_order *orders, size_t count,
                              struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_INT64,
                                               PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &orders[i].order_id);
        pg_array_add_slice(&columns.arrays[1], slice_of(payment_status_name(orders[i].as)));
        pg_array_add_int64(&columns.arrays[2], orders[i].amount_minor);
        pg_array_add_slice(&columns.arrays[3], orders[i].currency);
        pg_array_add_slice(&columns.arrays[4], orders[i].payment_method);
    }
    enum status status = STATUS_OK;
    if (count > 0)
        status = pg_columns_queue(&columns, batch->pg, &add_payments, error);
    pg_columns_fini(&columns);
    return status;
}

/* --- loading --- */

#define OF_ORDERS                                                                                  \
    "SELECT order_id, status, amount_minor, currency, payment_method, coalesce(charge_id, '')"     \
    " FROM payments.payments WHERE order_id = ANY ($1::uuid[]) ORDER BY order_id"

static const struct pg_statement load_payments = {"payment_load", OF_ORDERS " FOR UPDATE", 1};
/* A lock would end with the transaction, before anything is done about what was read. */
static const struct pg_statement read_payments = {"payment_read", OF_ORDERS, 1};

static enum status take_payments(const struct pg_result *result, struct arena *arena,
                                 struct payment_rows *payments, struct error *error) {
    size_t count = (size_t)pg_rows(result);
    struct payment_row *rows = arena_alloc(arena, (count + 1) * sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        if (!payment_status_parse(pg_get_slice(result, row, 1), &rows[i].status))
            return error_set(error, STATUS_INTERNAL, "unknown payment status");
        rows[i].order = (struct payment_order){
            .order_id = pg_get_uuid(result, row, 0),
            .amount_minor = pg_get_int64(result, row, 2),
            .currency = arena_slice(arena, pg_get_slice(result, row, 3)),
            .payment_method = arena_slice(arena, pg_get_slice(result, row, 4)),
        };
        rows[i].known_charge_id = arena_slice(arena, pg_get_slice(result, row, 5));
    }
    *payments = (struct payment_rows){rows, count};
    return STATUS_OK;
}

enum status payment_store_load(struct batch *batch, struct payment_rows *payments,
                               struct error *error) {
    struct pg_result *result = NULL;
    enum status status = batch_query_orders(batch, &load_payments, &result, error);
    if (status == STATUS_OK)
        status = take_payments(result, batch->arena, payments, error);
    pg_result_free(&result);
    return status;
}

enum status payment_store_commit_and_read(struct batch *batch, struct payment_rows *payments,
                                          struct error *error) {
    struct pg_result *result = NULL;
    enum status status = batch_queue_orders(batch, &read_payments, &result, error);
    if (status == STATUS_OK)
        status = pg_commit(batch->pg, error);
    if (status == STATUS_OK)
        status = take_payments(result, batch->arena, payments, error);
    pg_result_free(&result);
    return status;
}

/* As after all deliveries; the order stands for the cause. */
static struct delivery *owed_delivery(struct arena *arena, const struct uuid *order_id) {
    struct delivery *delivery = arena_alloc(arena, sizeof(*delivery));
    char text[UUID_TEXT_SIZE];
    uuid_format(order_id, text);
    struct slice subject = arena_slice(arena, slice_of(text));
    delivery->attempt = OWED_ATTEMPT;
    delivery->event = (struct event){
        .id = *order_id,
        .order_id = *order_id,
        .subject = subject,
        .correlation_id = subject,
        .trace = trace_start(),
        .time_us = clock_now_us(),
    };
    return delivery;
}

/* The second: of a clock that was ahead. */
#define IS_LEFT_ALONE                                                                              \
    "(updated_at < now() - interval '5 minutes' OR updated_at > now() + interval '1 minute')"

enum status payment_store_find_owed(struct batch *batch, struct error *error) {
    static const struct pg_statement find = {
        .name = "payment_find_owed",
        .sql =
            "SELECT order_id FROM ("
            " (SELECT order_id, updated_at FROM payments.payments WHERE status = 'REFUNDING'"
            "  AND " IS_LEFT_ALONE " ORDER BY updated_at LIMIT 100)"
            " UNION ALL (SELECT order_id, updated_at FROM payments.payments"
            "  WHERE status IN ('CAPTURING', 'VOIDING', 'ABANDONED') AND (status <> 'ABANDONED'"
            "   OR (charge_id IS NULL AND decline_code IS NULL))"
            "  AND " IS_LEFT_ALONE " ORDER BY updated_at LIMIT 100)"
            " UNION ALL (SELECT order_id, updated_at FROM payments.payments"
            "  WHERE status = 'WITHDRAWING' AND " IS_LEFT_ALONE "  ORDER BY updated_at LIMIT 100)"
            " UNION ALL (SELECT order_id, updated_at FROM payments.payments"
            "  WHERE status = 'VOIDED' AND payment_method <> '' AND charge_id IS NULL"
            "  AND decline_code IS NULL AND " IS_LEFT_ALONE " ORDER BY updated_at LIMIT 100)"
            ") owed ORDER BY updated_at LIMIT 100",
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &find, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    batch->count = (size_t)pg_rows(result);
    batch->items = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*batch->items));
    for (size_t i = 0; i < batch->count; i++) {
        const struct uuid order_id = pg_get_uuid(result, (int)i, 0);
        batch->items[i] = owed_delivery(batch->arena, &order_id);
    }
    pg_result_free(&result);
    return STATUS_OK;
}

static int compare_to_id(const void *key, const void *element) {
    return uuid_compare(key, &((const struct payment_row *)element)->order.order_id);
}

struct payment_row *payment_rows_find(const struct payment_rows *payments,
                                      const struct uuid *order_id) {
    return bsearch(order_id, payments->rows, payments->count, sizeof(*payments->rows),
                   compare_to_id);
}

/* --- saving --- */

#define SAVE                                                                                       \
    "UPDATE payments.payments p SET status = d.status, updated_at = now(),"                        \
    " charge_id = coalesce(d.charge_id, p.charge_id),"                                             \
    " refund_id = coalesce(d.refund_id, p.refund_id),"                                             \
    " decline_code = coalesce(d.decline_code, p.decline_code)"

static const struct pg_statement save_payments = {
    .name = "payment_save",
    .sql = SAVE " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])"
                "      AS d(order_id, status, charge_id, refund_id, decline_code)"
                " WHERE p.order_id = d.order_id",
    .param_count = 5,
};

/* Payments in steps have amounts besides, which those charged at once do without. */
static const struct pg_statement save_steps = {
    .name = "payment_save_steps",
    .sql = SAVE ", authorized_minor = coalesce(d.authorized_minor, p.authorized_minor),"
                " captured_minor = coalesce(d.captured_minor, p.captured_minor)"
                " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],"
                "             $6::int8[], $7::int8[])"
                "      AS d(order_id, status, charge_id, refund_id, decline_code,"
                "           authorized_minor, captured_minor)"
                " WHERE p.order_id = d.order_id",
    .param_count = 7,
};

enum { SAVE_ID, SAVE_STATUS, SAVE_CHARGE, SAVE_REFUND, SAVE_DECLINE, SAVES };
enum { SAVE_AUTHORIZED = SAVES, SAVE_CAPTURED, STEP_SAVES };

static bool is_in_steps(const struct payment_row *row) {
    return row->is_authorized || row->is_captured;
}

static void add_row(struct pg_array *column, const struct payment_row *row) {
    pg_array_add_uuid(&column[SAVE_ID], &row->order.order_id);
    pg_array_add_slice(&column[SAVE_STATUS], slice_of(payment_status_name(row->status)));
    pg_array_add_optional(&column[SAVE_CHARGE], slice_of(row->charge_id));
    pg_array_add_optional(&column[SAVE_REFUND], slice_of(row->refund_id));
    pg_array_add_optional(&column[SAVE_DECLINE], slice_of(row->decline_code));
}

static void add_amount(struct pg_array *column, bool is_set, int64_t amount_minor) {
    if (is_set)
        pg_array_add_int64(column, amount_minor);
    else
        pg_array_add_null(column);
}

static enum status save(struct batch *batch, const struct payment_rows *payments, bool in_steps,
                        struct error *error) {
    static const enum pg_array_type types[STEP_SAVES] = {
        PG_ARRAY_UUID, PG_ARRAY_TEXT,  PG_ARRAY_TEXT,  PG_ARRAY_TEXT,
        PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64,
    };
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, in_steps ? STEP_SAVES : SAVES);
    for (size_t i = 0; i < payments->count; i++) {
        const struct payment_row *row = &payments->rows[i];
        if (!row->is_changed || is_in_steps(row) != in_steps)
            continue;
        add_row(columns.arrays, row);
        if (!in_steps)
            continue;
        add_amount(&columns.arrays[SAVE_AUTHORIZED], row->is_authorized, row->order.amount_minor);
        add_amount(&columns.arrays[SAVE_CAPTURED], row->is_captured, row->order.amount_minor);
    }
    if (columns.arrays[SAVE_ID].count > 0)
        status =
            pg_columns_queue(&columns, batch->pg, in_steps ? &save_steps : &save_payments, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement save_amount = {
    .name = "payment_save_amount",
    .sql = "UPDATE payments.payments SET amount_minor = $2::int8,"
           " cut_minor = coalesce(cut_minor, 0) + amount_minor - $2::int8"
           " WHERE order_id = $1::uuid",
    .param_count = 2,
};

/* Few orders are sent in part. */
static enum status save_amounts(struct batch *batch, const struct payment_rows *payments,
                                struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < payments->count && status == STATUS_OK; i++) {
        const struct payment_order *order = &payments->rows[i].order;
        const struct pg_param params[] = {pg_uuid(&order->order_id), pg_int64(order->amount_minor)};
        if (payments->rows[i].takes_less)
            status = pg_queue(batch->pg, &save_amount, params, error);
    }
    return status;
}

enum status payment_store_save(struct batch *batch, const struct payment_rows *payments,
                               struct error *error) {
    enum status status = save(batch, payments, false, error);
    if (status == STATUS_OK)
        status = save(batch, payments, true, error);
    if (status == STATUS_OK)
        status = save_amounts(batch, payments, error);
    return status == STATUS_OK ? action_store_save(batch, payments, error) : status;
}

#include "services/analytics/store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <assert.h>

/* --- facts ------------------------------------------------------------------------------------ */

/* In the order of enum fact, as everything that goes with it below. */
#define FACT_COLUMNS                                                                               \
    "created_us, reserved_us, rejected_us, released_us, paid_us, declined_us, refunded_us,"        \
    " confirmed_us, shipped_us, unshipped_us, completed_us, failed_us, cancelled_us, notified_us," \
    " unnotified_us, flow, reason, captured_minor, captured_currency, refunded_minor,"             \
    " refunded_currency"

enum {
    COLUMN_ORDER,
    COLUMN_FACTS,
    COLUMN_FLOW = COLUMN_FACTS + FACT_COUNT,
    COLUMN_REASON,
    COLUMN_CAPTURED,
    COLUMN_CAPTURED_CURRENCY,
    COLUMN_REFUNDED,
    COLUMN_REFUNDED_CURRENCY,
    COLUMNS
};

static_assert(FACT_COUNT == 15 && COLUMNS <= PG_COLUMNS_MAX, "FACT_COLUMNS lists them all");

static struct slice take_text(struct arena *arena, const struct pg_result *rows, int row,
                              int column) {
    return arena_slice(arena, pg_get_slice(rows, row, column));
}

static struct order_facts take_facts(struct arena *arena, const struct pg_result *rows, int row) {
    struct order_facts facts = {.order_id = pg_get_uuid(rows, row, COLUMN_ORDER)};
    for (int i = 0; i < FACT_COUNT; i++)
        facts.at_us[i] = pg_get_int64(rows, row, COLUMN_FACTS + i);
    facts.flow = take_text(arena, rows, row, COLUMN_FLOW);
    facts.reason = take_text(arena, rows, row, COLUMN_REASON);
    facts.captured.minor = pg_get_int64(rows, row, COLUMN_CAPTURED);
    facts.captured.currency = take_text(arena, rows, row, COLUMN_CAPTURED_CURRENCY);
    facts.refunded.minor = pg_get_int64(rows, row, COLUMN_REFUNDED);
    facts.refunded.currency = take_text(arena, rows, row, COLUMN_REFUNDED_CURRENCY);
    return facts;
}

/* New orders get their row first, so that two batches never both find none. */
static const struct pg_statement make_facts = {
    .name = "analytics_make",
    .sql = "INSERT INTO order_facts (order_id) SELECT id FROM unnest($1::uuid[]) AS id"
           " ON CONFLICT DO NOTHING",
    .param_count = 1,
};

static const struct pg_statement lock_facts = {
    .name = "analytics_lock",
    .sql = "SELECT order_id, " FACT_COLUMNS " FROM order_facts WHERE order_id = ANY ($1::uuid[])"
           " ORDER BY order_id FOR UPDATE",
    .param_count = 1,
};

enum status facts_store_lock(struct pg *pg, struct arena *arena, const struct order_facts *wanted,
                             size_t count, struct order_facts **known, struct error *error) {
    struct pg_array ids;
    struct pg_result *rows = NULL;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++)
        pg_array_add_uuid(&ids, &wanted[i].order_id);
    struct pg_param param = pg_array(&ids);
    enum status status = pg_queue(pg, &make_facts, &param, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &lock_facts, &param, &rows, error);
    if (status == STATUS_OK && (size_t)pg_rows(rows) != count)
        status = error_set(error, STATUS_SERIALIZATION, "order_facts changed meanwhile");
    if (status == STATUS_OK) {
        struct order_facts *found = arena_alloc(arena, count * sizeof(*found));
        for (size_t i = 0; i < count; i++)
            found[i] = take_facts(arena, rows, (int)i);
        *known = found;
    }
    pg_result_free(&rows);
    pg_array_fini(&ids);
    return status;
}

static const struct pg_statement save_facts = {
    .name = "analytics_save",
    .sql = "UPDATE order_facts f SET (" FACT_COLUMNS ") ="
           " (d.t1, d.t2, d.t3, d.t4, d.t5, d.t6, d.t7, d.t8, d.t9, d.t10, d.t11, d.t12, d.t13,"
           "  d.t14, d.t15, d.flow, d.reason, d.captured, d.captured_in, d.refunded, d.refunded_in)"
           " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],"
           "  $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[],"
           "  $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::text[], $18::text[],"
           "  $19::int8[], $20::text[], $21::int8[], $22::text[])"
           "  AS d(order_id, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15,"
           "       flow, reason, captured, captured_in, refunded, refunded_in)"
           " WHERE f.order_id = d.order_id",
    .param_count = COLUMNS,
};

static void add_facts(struct pg_array *columns, const struct order_facts *facts) {
    pg_array_add_uuid(&columns[COLUMN_ORDER], &facts->order_id);
    for (int i = 0; i < FACT_COUNT; i++)
        pg_array_add_int64(&columns[COLUMN_FACTS + i], facts->at_us[i]);
    pg_array_add_slice(&columns[COLUMN_FLOW], facts->flow);
    pg_array_add_slice(&columns[COLUMN_REASON], facts->reason);
    pg_array_add_int64(&columns[COLUMN_CAPTURED], facts->captured.minor);
    pg_array_add_slice(&columns[COLUMN_CAPTURED_CURRENCY], facts->captured.currency);
    pg_array_add_int64(&columns[COLUMN_REFUNDED], facts->refunded.minor);
    pg_array_add_slice(&columns[COLUMN_REFUNDED_CURRENCY], facts->refunded.currency);
}

enum status facts_store_save(struct pg *pg, const struct order_facts *facts, size_t count,
                             struct error *error) {
    enum pg_array_type types[COLUMNS];
    struct pg_columns columns;
    enum status status = STATUS_OK;
    for (int i = 0; i < COLUMNS; i++)
        types[i] = PG_ARRAY_INT64;
    types[COLUMN_ORDER] = PG_ARRAY_UUID;
    types[COLUMN_FLOW] = types[COLUMN_REASON] = PG_ARRAY_TEXT;
    types[COLUMN_CAPTURED_CURRENCY] = types[COLUMN_REFUNDED_CURRENCY] = PG_ARRAY_TEXT;
    pg_columns_init(&columns, types, COLUMNS);
    for (size_t i = 0; i < count; i++)
        add_facts(columns.arrays, &facts[i]);
    if (count > 0)
        status = pg_columns_queue(&columns, pg, &save_facts, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement page_facts = {
    .name = "analytics_page",
    .sql = "SELECT order_id, " FACT_COLUMNS " FROM order_facts WHERE order_id > $1::uuid"
           " ORDER BY order_id LIMIT $2::int8",
    .param_count = 2,
};

enum status facts_store_page(struct pg *pg, struct arena *arena, const struct uuid *after,
                             int64_t count, struct order_facts **facts, size_t *found,
                             struct error *error) {
    const struct pg_param params[] = {pg_uuid(after), pg_int64(count)};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &page_facts, params, &rows, error);
    if (status != STATUS_OK)
        return status;
    *found = (size_t)pg_rows(rows);
    *facts = arena_alloc(arena, (*found + 1) * sizeof(**facts));
    for (size_t i = 0; i < *found; i++)
        (*facts)[i] = take_facts(arena, rows, (int)i);
    pg_result_free(&rows);
    return STATUS_OK;
}

/* --- counts ----------------------------------------------------------------------------------- */

static const struct pg_statement add_counts = {
    .name = "analytics_count",
    .sql = "INSERT INTO counts AS c (granularity, at, measure, label, bin, value)"
           " SELECT granularity, to_timestamp(at), measure, label, bin, value"
           " FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::int8[])"
           "      AS d(granularity, at, measure, label, bin, value)"
           " ON CONFLICT (granularity, at, measure, label, bin)"
           " DO UPDATE SET value = c.value + excluded.value",
    .param_count = 6,
};

enum status counts_store_add(struct pg *pg, const struct tally *tally, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_TEXT,
                                               PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64};
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, 6);
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_row *row = &tally->rows[i];
        pg_array_add_slice(&columns.arrays[0], slice_of(granularity_name(row->granularity)));
        pg_array_add_int64(&columns.arrays[1], row->at_us / 1000000);
        pg_array_add_slice(&columns.arrays[2], slice_of(measure_name(row->measure)));
        pg_array_add_slice(&columns.arrays[3], row->label);
        pg_array_add_int64(&columns.arrays[4], row->bin);
        pg_array_add_int64(&columns.arrays[5], row->value);
    }
    if (tally->count > 0)
        status = pg_columns_queue(&columns, pg, &add_counts, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement read_counts = {
    .name = "analytics_read",
    .sql = "SELECT at, measure, label, bin, value FROM counts"
           " WHERE granularity = $1::text AND at >= to_timestamp($2::int8)"
           "   AND at < to_timestamp($3::int8 / 1e6::float8) AND value <> 0"
           " ORDER BY at, measure, label, bin",
    .param_count = 3,
};

enum status counts_store_read(struct pg *pg, const struct period *period, struct pg_result **rows,
                              struct error *error) {
    const struct pg_param params[] = {
        pg_text(slice_of(granularity_name(period->granularity))),
        pg_int64(period->from_us / 1000000),
        pg_int64(period->to_us),
    };
    return pg_query(pg, &read_counts, params, rows, error);
}

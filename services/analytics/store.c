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

#define GIVEN_FACTS                                                                                \
    "unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],"   \
    " $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[],"    \
    " $15::int8[], $16::int8[], $17::text[], $18::text[], $19::int8[], $20::text[], $21::int8[],"  \
    " $22::text[]) AS d(order_id, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14,"    \
    " t15, flow, reason, captured, captured_in, refunded, refunded_in)"

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

/* Of the table, so that `omctl rebuild analytics` waits for this transaction; and of all writers of
   this projection but one, since they come for the same orders at the same time, and each would
   wait for the rows of the others, one by one. */
static const struct pg_statement lock_table = {
    .name = "analytics_lock_table",
    .sql = "LOCK TABLE order_facts IN ROW EXCLUSIVE MODE",
};
static const struct pg_statement lock_writers = {
    .name = "analytics_lock_writers",
    .sql = "SELECT pg_advisory_xact_lock("
           "hashtextextended('om.order_facts.' || current_schema(), 0)) IS NULL",
};

static const struct pg_statement load_facts = {
    .name = "analytics_load",
    .sql = "SELECT order_id, " FACT_COLUMNS " FROM order_facts WHERE order_id = ANY ($1::uuid[])"
           " ORDER BY order_id",
    .param_count = 1,
};

enum status facts_store_lock(struct pg *pg, struct arena *arena, const struct order_facts *wanted,
                             size_t count, struct order_facts **known, size_t *found,
                             struct error *error) {
    struct pg_array ids;
    struct pg_result *rows = NULL;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++)
        pg_array_add_uuid(&ids, &wanted[i].order_id);
    struct pg_param param = pg_array(&ids);
    enum status status = pg_queue(pg, &lock_table, NULL, error);
    if (status == STATUS_OK)
        status = pg_queue(pg, &lock_writers, NULL, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &load_facts, &param, &rows, error);
    if (status == STATUS_OK) {
        *found = (size_t)pg_rows(rows);
        *known = arena_alloc(arena, (*found + 1) * sizeof(**known));
        for (size_t i = 0; i < *found; i++)
            (*known)[i] = take_facts(arena, rows, (int)i);
    }
    pg_result_free(&rows);
    pg_array_fini(&ids);
    return status;
}

/* --- writing facts ---------------------------------------------------------------------------- */

static void add_value(struct pg_array *column, int which, const struct order_facts *facts) {
    switch (which) {
    case COLUMN_ORDER:
        pg_array_add_uuid(column, &facts->order_id);
        break;
    case COLUMN_FLOW:
        pg_array_add_slice(column, facts->flow);
        break;
    case COLUMN_REASON:
        pg_array_add_slice(column, facts->reason);
        break;
    case COLUMN_CAPTURED:
        pg_array_add_int64(column, facts->captured.minor);
        break;
    case COLUMN_CAPTURED_CURRENCY:
        pg_array_add_slice(column, facts->captured.currency);
        break;
    case COLUMN_REFUNDED:
        pg_array_add_int64(column, facts->refunded.minor);
        break;
    case COLUMN_REFUNDED_CURRENCY:
        pg_array_add_slice(column, facts->refunded.currency);
        break;
    default:
        pg_array_add_int64(column, facts->at_us[which - COLUMN_FACTS]);
    }
}

static enum pg_array_type type_of(int which) {
    bool is_text = which == COLUMN_FLOW || which == COLUMN_REASON ||
                   which == COLUMN_CAPTURED_CURRENCY || which == COLUMN_REFUNDED_CURRENCY;
    if (which == COLUMN_ORDER)
        return PG_ARRAY_UUID;
    return is_text ? PG_ARRAY_TEXT : PG_ARRAY_INT64;
}

/* `which` are the columns of the statement's parameters; NULL: all, in the order of the table. */
static void fill_columns(struct pg_columns *columns, const int *which, size_t column_count,
                         const struct order_facts *facts, size_t count) {
    enum pg_array_type types[COLUMNS] = {0};
    for (size_t i = 0; i < column_count; i++)
        types[i] = type_of(which != NULL ? which[i] : (int)i);
    pg_columns_init(columns, types, column_count);
    for (size_t i = 0; i < column_count; i++)
        for (size_t row = 0; row < count; row++)
            add_value(&columns->arrays[i], which != NULL ? which[i] : (int)i, &facts[row]);
}

#define AT(fact) (COLUMN_FACTS + FACT_##fact)
#define TOLD(fact) (1u << FACT_##fact)

/* A batch's events come from one stream, which tells of a few columns only, and the others need not
   travel. Refunds are rare: they go with all, as what is mixed does. */
static const struct save {
    unsigned told;
    struct pg_statement statement;
    int columns[COLUMNS];
} saves[] = {
    {TOLD(CREATED) | TOLD(CONFIRMED) | TOLD(COMPLETED) | TOLD(FAILED) | TOLD(CANCELLED),
     {"analytics_save_orders",
      "UPDATE order_facts f SET created_us = d.created, confirmed_us = d.confirmed,"
      " completed_us = d.completed, failed_us = d.failed, cancelled_us = d.cancelled,"
      " flow = d.flow, reason = d.reason"
      " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],"
      "  $7::text[], $8::text[])"
      "  AS d(order_id, created, confirmed, completed, failed, cancelled, flow, reason)"
      " WHERE f.order_id = d.order_id",
      8},
     {COLUMN_ORDER, AT(CREATED), AT(CONFIRMED), AT(COMPLETED), AT(FAILED), AT(CANCELLED),
      COLUMN_FLOW, COLUMN_REASON}},
    {TOLD(RESERVED) | TOLD(REJECTED) | TOLD(RELEASED),
     {"analytics_save_stock",
      "UPDATE order_facts f SET reserved_us = d.reserved, rejected_us = d.rejected,"
      " released_us = d.released"
      " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[])"
      "      AS d(order_id, reserved, rejected, released) WHERE f.order_id = d.order_id",
      4},
     {COLUMN_ORDER, AT(RESERVED), AT(REJECTED), AT(RELEASED)}},
    {TOLD(PAID) | TOLD(DECLINED),
     {"analytics_save_payments",
      "UPDATE order_facts f SET paid_us = d.paid, declined_us = d.declined,"
      " captured_minor = d.captured, captured_currency = d.captured_in"
      " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::text[])"
      "      AS d(order_id, paid, declined, captured, captured_in)"
      " WHERE f.order_id = d.order_id",
      5},
     {COLUMN_ORDER, AT(PAID), AT(DECLINED), COLUMN_CAPTURED, COLUMN_CAPTURED_CURRENCY}},
    {TOLD(SHIPPED) | TOLD(UNSHIPPED) | TOLD(NOTIFIED) | TOLD(UNNOTIFIED),
     {"analytics_save_last",
      "UPDATE order_facts f SET shipped_us = d.shipped, unshipped_us = d.unshipped,"
      " notified_us = d.notified, unnotified_us = d.unnotified"
      " FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[])"
      "      AS d(order_id, shipped, unshipped, notified, unnotified)"
      " WHERE f.order_id = d.order_id",
      5},
     {COLUMN_ORDER, AT(SHIPPED), AT(UNSHIPPED), AT(NOTIFIED), AT(UNNOTIFIED)}},
};

static const struct pg_statement save_all = {
    .name = "analytics_save",
    .sql = "UPDATE order_facts f SET (" FACT_COLUMNS ") ="
           " (d.t1, d.t2, d.t3, d.t4, d.t5, d.t6, d.t7, d.t8, d.t9, d.t10, d.t11, d.t12, d.t13,"
           "  d.t14, d.t15, d.flow, d.reason, d.captured, d.captured_in, d.refunded, d.refunded_in)"
           " FROM " GIVEN_FACTS " WHERE f.order_id = d.order_id",
    .param_count = COLUMNS,
};

static const struct save *find_save(unsigned told) {
    for (size_t i = 0; i < sizeof(saves) / sizeof(saves[0]); i++)
        if ((told & ~saves[i].told) == 0)
            return &saves[i];
    return NULL;
}

enum status facts_store_save(struct pg *pg, const struct order_facts *facts, size_t count,
                             unsigned told, struct error *error) {
    const struct save *save = find_save(told);
    const struct pg_statement *statement = save != NULL ? &save->statement : &save_all;
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    fill_columns(&columns, save != NULL ? save->columns : NULL, (size_t)statement->param_count,
                 facts, count);
    enum status status = pg_columns_queue(&columns, pg, statement, error);
    pg_columns_fini(&columns);
    return status;
}

/* Refuses the transaction where there is a row already. */
static const struct pg_statement make_facts = {
    .name = "analytics_make",
    .sql = "WITH made AS (INSERT INTO order_facts (order_id, " FACT_COLUMNS ")"
           "  SELECT d.* FROM " GIVEN_FACTS " ON CONFLICT DO NOTHING RETURNING true"
           ") SELECT om.require_rows(count(*), cardinality($1::uuid[])) FROM made",
    .param_count = COLUMNS,
};

enum status facts_store_make(struct pg *pg, const struct order_facts *facts, size_t count,
                             struct error *error) {
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    fill_columns(&columns, NULL, COLUMNS, facts, count);
    enum status status = pg_columns_queue(&columns, pg, &make_facts, error);
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

#define ADD_COUNTS(table)                                                                          \
    "INSERT INTO " table " AS c (granularity, at, measure, label, bin, value)"                     \
    " SELECT granularity, to_timestamp(at), measure, label, bin, value"                            \
    " FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::int8[])"         \
    "      AS d(granularity, at, measure, label, bin, value)"                                      \
    " ON CONFLICT (granularity, at, measure, label, bin)"                                          \
    " DO UPDATE SET value = c.value + excluded.value"

static const struct pg_statement add_counts = {"analytics_count", ADD_COUNTS("counts"), 6};
static const struct pg_statement keep_counts = {"analytics_keep_counts",
                                                ADD_COUNTS("archived_counts"), 6};

static enum status queue_counts(struct pg *pg, const struct pg_statement *statement,
                                const struct tally *tally, struct error *error) {
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
        status = pg_columns_queue(&columns, pg, statement, error);
    pg_columns_fini(&columns);
    return status;
}

enum status counts_store_add(struct pg *pg, const struct tally *tally, struct error *error) {
    return queue_counts(pg, &add_counts, tally, error);
}

enum status counts_store_keep(struct pg *pg, const struct tally *tally, struct error *error) {
    return queue_counts(pg, &keep_counts, tally, error);
}

enum status counts_store_take(struct pg *pg, struct error *error) {
    return pg_script(pg, "INSERT INTO counts SELECT * FROM analytics.archived_counts", error);
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

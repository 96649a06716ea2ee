#include "services/loyalty/store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* The balance is found by its key, not by a join: it may have been committed after this statement's
   snapshot was taken, as the ledger's row may have been. */
#define ADD_TO_BALANCES(points, moves)                                                             \
    " INSERT INTO loyalty.balances AS b (tenant, customer_id, points)"                             \
    " SELECT tenant, customer_id, " points "::int8 FROM " moves " WHERE customer_id IS NOT NULL"   \
    " GROUP BY tenant, customer_id ORDER BY tenant, customer_id"                                   \
    " ON CONFLICT (tenant, customer_id)"                                                           \
    " DO UPDATE SET points = b.points + excluded.points, updated_at = now()"

/* A refund of a part that came first limits what is earned. */
static const struct pg_statement earn_points = {
    .name = "loyalty_earn",
    .sql = "WITH earned AS ("
           "  INSERT INTO loyalty.points AS p (order_id, tenant, customer_id, points, status)"
           "  SELECT DISTINCT ON (order_id) order_id, tenant, customer_id, points, 'EARNED'"
           "  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int8[])"
           "       AS d(order_id, tenant, customer_id, points)"
           "  ORDER BY order_id ON CONFLICT (order_id) DO UPDATE SET tenant = excluded.tenant,"
           "   customer_id = excluded.customer_id, points = least(p.points, excluded.points),"
           "   status = 'EARNED', updated_at = now() WHERE p.status = 'LIMITED'"
           "  RETURNING tenant, customer_id, points)" ADD_TO_BALANCES("sum(points)", "earned"),
    .param_count = 4,
};

static const struct pg_statement take_points_back = {
    .name = "loyalty_take_back",
    .sql = "WITH returned AS ("
           "  INSERT INTO loyalty.points AS p (order_id, points, status)"
           "  SELECT DISTINCT order_id, 0, 'RETURNED' FROM unnest($1::uuid[]) AS d(order_id)"
           "  ORDER BY order_id ON CONFLICT (order_id)"
           "  DO UPDATE SET status = 'RETURNED', updated_at = now() WHERE p.status <> 'RETURNED'"
           "  RETURNING p.tenant, p.customer_id, p.points)" ADD_TO_BALANCES("-sum(points)",
                                                                            "returned"),
    .param_count = 1,
};

static const struct pg_statement limit_points = {
    .name = "loyalty_limit",
    .sql = "WITH limited AS ("
           "  INSERT INTO loyalty.points AS p (order_id, points, status)"
           "  SELECT order_id, min(points), 'LIMITED'"
           "  FROM unnest($1::uuid[], $2::int8[]) AS d(order_id, points)"
           "  GROUP BY order_id ORDER BY order_id ON CONFLICT (order_id)"
           "  DO UPDATE SET points = excluded.points, moved = excluded.points - p.points,"
           "   updated_at = now() WHERE p.status <> 'RETURNED' AND p.points > excluded.points"
           "  RETURNING p.tenant, p.customer_id, p.moved)" ADD_TO_BALANCES("sum(moved)", "limited"),
    .param_count = 2,
};

static const struct pg_statement read_balance = {
    .name = "loyalty_read",
    .sql = "SELECT points FROM loyalty.balances"
           " WHERE tenant = $1::text AND customer_id = $2::text",
    .param_count = 2,
};

enum status loyalty_store_earn(struct batch *batch, const struct points_entry *entries,
                               size_t count, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_INT64};
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &entries[i].order_id);
        pg_array_add_slice(&columns.arrays[1], entries[i].tenant);
        pg_array_add_slice(&columns.arrays[2], entries[i].customer_id);
        pg_array_add_int64(&columns.arrays[3], entries[i].points);
    }
    enum status status = STATUS_OK;
    if (count > 0)
        status = pg_columns_queue(&columns, batch->pg, &earn_points, error);
    pg_columns_fini(&columns);
    return status;
}

enum status loyalty_store_take_back(struct batch *batch, const struct points_entry *entries,
                                    size_t count, struct error *error) {
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID}, 1);
    for (size_t i = 0; i < count; i++)
        pg_array_add_uuid(&columns.arrays[0], &entries[i].order_id);
    if (count > 0)
        status = pg_columns_queue(&columns, batch->pg, &take_points_back, error);
    pg_columns_fini(&columns);
    return status;
}

enum status loyalty_store_limit(struct batch *batch, const struct points_entry *entries,
                                size_t count, struct error *error) {
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID, PG_ARRAY_INT64}, 2);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &entries[i].order_id);
        pg_array_add_int64(&columns.arrays[1], entries[i].points);
    }
    if (count > 0)
        status = pg_columns_queue(&columns, batch->pg, &limit_points, error);
    pg_columns_fini(&columns);
    return status;
}

enum status loyalty_store_read(struct pg *pg, const struct customer *customer, int64_t *points,
                               struct error *error) {
    const struct pg_param key[] = {pg_text(customer->tenant), pg_text(customer->id)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_balance, key, &result, error);
    if (status != STATUS_OK)
        return status;
    *points = pg_rows(result) > 0 ? pg_get_int64(result, 0, 0) : 0;
    pg_result_free(&result);
    return STATUS_OK;
}

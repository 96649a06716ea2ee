#include "services/order/lines/line_store.h"

#include "shared/pg/pg_result.h"

static const struct pg_statement lock_order = {
    .name = "line_lock_order",
    .sql = "SELECT FROM orders.orders WHERE id = $1::uuid AND tenant = $2::text"
           " AND ($3::text = '' OR customer_id = $3::text) FOR UPDATE",
    .param_count = 3,
};

enum status line_store_lock_order(struct pg *pg, const struct order_sought *sought,
                                  struct error *error) {
    const struct pg_param key[] = {pg_uuid(&sought->id), pg_text(sought->tenant),
                                   pg_text(sought->customer)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &lock_order, key, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such order");
    pg_result_free(&result);
    return status;
}

static const struct pg_statement load_lines = {
    .name = "line_load",
    .sql = "SELECT sku, unit_price_minor, quantity - coalesce(cancelled, 0),"
           " quantity - coalesce(cancelled, 0) - coalesce(coming_back, 0)"
           " FROM orders.order_items WHERE order_id = $1::uuid ORDER BY line",
    .param_count = 1,
};

enum status line_store_load(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                            struct order_lines *lines, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &load_lines, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    lines->count = (size_t)pg_rows(result);
    lines->rows = arena_alloc(arena, (lines->count + 1) * sizeof(*lines->rows));
    for (size_t i = 0; i < lines->count; i++)
        lines->rows[i] = (struct order_line){
            .sku = arena_slice(arena, pg_get_slice(result, (int)i, 0)),
            .unit_price_minor = pg_get_int64(result, (int)i, 1),
            .quantity = pg_get_int64(result, (int)i, 2),
            .left = pg_get_int64(result, (int)i, 3),
        };
    pg_result_free(&result);
    return STATUS_OK;
}

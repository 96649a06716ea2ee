#include "services/inventory/catalog_store.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

/* --- products --- */

enum {
    PRODUCT_SKU,
    PRODUCT_NAME,
    PRODUCT_PRICE,
    PRODUCT_CURRENCY,
    PRODUCT_ACTIVE,
    PRODUCT_VERSION,
    PRODUCT_ON_HAND
};
#define PRODUCT_COLUMNS                                                                            \
    "SELECT p.sku, p.name, p.price_minor, p.currency, p.active, p.version,"                        \
    " coalesce(s.on_hand, 0) + CASE WHEN s.elsewhere THEN (SELECT coalesce(sum(w.on_hand), 0)"     \
    "  FROM inventory.warehouse_stock w WHERE w.sku = p.sku)::int8 ELSE 0 END"                     \
    " FROM inventory.products p LEFT JOIN inventory.stock s USING (sku)"

static struct product take_product(const struct pg_result *result, int row, struct arena *arena) {
    return (struct product){
        .sku = arena_slice(arena, pg_get_slice(result, row, PRODUCT_SKU)),
        .name = arena_slice(arena, pg_get_slice(result, row, PRODUCT_NAME)),
        .currency = arena_slice(arena, pg_get_slice(result, row, PRODUCT_CURRENCY)),
        .price_minor = pg_get_int64(result, row, PRODUCT_PRICE),
        .is_active = pg_get_bool(result, row, PRODUCT_ACTIVE),
        .version = pg_get_int64(result, row, PRODUCT_VERSION),
        .on_hand = pg_get_int64(result, row, PRODUCT_ON_HAND),
    };
}

static enum status find_one(struct pg *pg, const struct pg_statement *statement, struct slice sku,
                            struct arena *arena, struct product *product, struct error *error) {
    struct pg_result *result = NULL;
    const struct pg_param param = pg_text(sku);
    enum status status = pg_query(pg, statement, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such product");
    else
        *product = take_product(result, 0, arena);
    pg_result_free(&result);
    return status;
}

static enum status find_all(struct pg *pg, const struct pg_statement *statement,
                            const struct pg_param *params, struct arena *arena,
                            struct product **products, size_t *count, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, statement, params, &result, error);
    if (status != STATUS_OK)
        return status;
    size_t found = (size_t)pg_rows(result);
    struct product *rows = arena_alloc(arena, (found + 1) * sizeof(*rows));
    for (size_t i = 0; i < found; i++)
        rows[i] = take_product(result, (int)i, arena);
    *products = rows;
    *count = found;
    pg_result_free(&result);
    return STATUS_OK;
}

enum status catalog_store_find(struct pg *pg, struct slice sku, struct arena *arena,
                               struct product *product, struct error *error) {
    static const struct pg_statement find = {
        .name = "catalog_find",
        .sql = PRODUCT_COLUMNS " WHERE p.sku = $1::text",
        .param_count = 1,
    };
    return find_one(pg, &find, sku, arena, product, error);
}

enum status catalog_store_lock(struct pg *pg, struct slice sku, struct arena *arena,
                               struct product *product, struct error *error) {
    static const struct pg_statement lock = {
        .name = "catalog_lock",
        .sql = PRODUCT_COLUMNS " WHERE p.sku = $1::text FOR NO KEY UPDATE OF p",
        .param_count = 1,
    };
    return find_one(pg, &lock, sku, arena, product, error);
}

enum status catalog_store_page(struct pg *pg, struct slice after, int64_t limit,
                               struct arena *arena, struct product **products, size_t *count,
                               struct error *error) {
    static const struct pg_statement page = {
        .name = "catalog_page",
        .sql = PRODUCT_COLUMNS " WHERE p.sku COLLATE \"C\" > $1::text"
                               " ORDER BY p.sku COLLATE \"C\" LIMIT $2::int8",
        .param_count = 2,
    };
    const struct pg_param params[] = {pg_text(after), pg_int64(limit)};
    return find_all(pg, &page, params, arena, products, count, error);
}

enum status catalog_store_list(struct pg *pg, struct pg_array *skus, struct arena *arena,
                               struct product **products, size_t *count, struct error *error) {
    static const struct pg_statement list = {
        .name = "catalog_list",
        .sql = PRODUCT_COLUMNS " WHERE p.sku = ANY ($1::text[]) ORDER BY p.sku COLLATE \"C\"",
        .param_count = 1,
    };
    const struct pg_param param = pg_array(skus);
    return find_all(pg, &list, &param, arena, products, count, error);
}

/* In the order of the statements' first five parameters. */
#define PRODUCT_PARAMS(product)                                                                    \
    pg_text((product)->sku), pg_text((product)->name), pg_int64((product)->price_minor),           \
        pg_text((product)->currency), pg_text(slice_of((product)->is_active ? "true" : "false"))

enum status catalog_store_insert(struct pg *pg, const struct product *product,
                                 struct error *error) {
    static const struct pg_statement insert = {
        .name = "catalog_insert",
        .sql = "WITH added AS ("
               "  INSERT INTO inventory.products (sku, name, price_minor, "
               "currency, active)"
               "  VALUES ($1::text, $2::text, $3::int8, $4::text, $5::bool)"
               "  ON CONFLICT (sku) DO NOTHING RETURNING sku)"
               " INSERT INTO inventory.stock (sku, received, on_hand)"
               " SELECT sku, 0, 0 FROM added RETURNING true",
        .param_count = 5,
    };
    struct pg_result *result = NULL;
    const struct pg_param params[] = {PRODUCT_PARAMS(product)};
    enum status status = pg_query(pg, &insert, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_SERIALIZATION, "the product was made meanwhile");
    pg_result_free(&result);
    return status;
}

enum status catalog_store_update(struct pg *pg, const struct product *product,
                                 struct error *error) {
    static const struct pg_statement update = {
        .name = "catalog_update",
        .sql = "UPDATE inventory.products SET name = $2::text, price_minor = "
               "$3::int8,"
               " currency = $4::text, active = $5::bool, version = $6::int8, "
               "updated_at = now()"
               " WHERE sku = $1::text",
        .param_count = 6,
    };
    const struct pg_param params[] = {PRODUCT_PARAMS(product), pg_int64(product->version)};
    return pg_queue(pg, &update, params, error);
}

/* --- stock --- */

enum status catalog_store_lock_stock(struct pg *pg, struct slice sku, int64_t *on_hand,
                                     struct error *error) {
    static const struct pg_statement lock = {
        .name = "catalog_lock_stock",
        .sql = "SELECT on_hand FROM inventory.stock WHERE sku = $1::text FOR UPDATE",
        .param_count = 1,
    };
    struct pg_result *result = NULL;
    const struct pg_param param = pg_text(sku);
    enum status status = pg_query(pg, &lock, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such product");
    else
        *on_hand = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return status;
}

enum status catalog_store_find_adjustment(struct pg *pg, const struct uuid *id, struct arena *arena,
                                          struct adjustment *adjustment, struct error *error) {
    static const struct pg_statement find = {
        .name = "catalog_find_adjustment",
        .sql = "SELECT sku, delta, reason, on_hand, warehouse FROM inventory.stock_adjustments"
               " WHERE id = $1::uuid",
        .param_count = 1,
    };
    struct pg_result *result = NULL;
    const struct pg_param param = pg_uuid(id);
    enum status status = pg_query(pg, &find, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such adjustment");
    else
        *adjustment = (struct adjustment){
            .id = *id,
            .sku = arena_slice(arena, pg_get_slice(result, 0, 0)),
            .delta = pg_get_int64(result, 0, 1),
            .reason = arena_slice(arena, pg_get_slice(result, 0, 2)),
            .on_hand = pg_get_int64(result, 0, 3),
            .warehouse = arena_slice(arena, pg_get_slice(result, 0, 4)),
        };
    pg_result_free(&result);
    return status;
}

/* --- other warehouses --- */

/* Nothing where it is there, there are 15, or another is made at this moment. */
static const struct pg_statement make_warehouse = {
    .name = "catalog_make_warehouse",
    .sql = "INSERT INTO inventory.warehouses (name, rank)"
           " SELECT $1::text, coalesce(max(rank), 0) + 1 FROM inventory.warehouses"
           " HAVING NOT coalesce(bool_or(name = $1::text), false) AND coalesce(max(rank), 0) < 15"
           " ON CONFLICT DO NOTHING",
    .param_count = 1,
};

static const struct pg_statement lock_elsewhere = {
    .name = "catalog_lock_elsewhere",
    .sql = "SELECT on_hand FROM inventory.warehouse_stock"
           " WHERE sku = $1::text AND warehouse = $2::text FOR UPDATE",
    .param_count = 2,
};

static const struct pg_statement make_elsewhere = {
    .name = "catalog_make_elsewhere",
    .sql =
        "WITH marked AS (UPDATE inventory.stock SET elsewhere = true WHERE sku = $1::text)"
        " INSERT INTO inventory.warehouse_stock (sku, warehouse)"
        " SELECT $1::text, name FROM inventory.warehouses WHERE name = $2::text RETURNING on_hand",
    .param_count = 2,
};

static const struct pg_statement count_warehouses = {
    .name = "catalog_count_warehouses",
    .sql = "SELECT count(*) FROM inventory.warehouses",
};

/* Why a warehouse could not be made. */
static enum status refuse_warehouse(struct pg *pg, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &count_warehouses, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    bool is_full = pg_get_int64(result, 0, 0) >= WAREHOUSES_MAX - 1;
    pg_result_free(&result);
    if (is_full)
        return error_set(error, STATUS_CONFLICT, "there are %d warehouses besides main already",
                         WAREHOUSES_MAX - 1);
    return error_set(error, STATUS_SERIALIZATION, "a warehouse was made meanwhile");
}

/* Of no row `found` says so. */
static enum status ask_on_hand(struct pg *pg, const struct pg_statement *statement,
                               const struct pg_param *params, int64_t *on_hand, bool *found,
                               struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, statement, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *found = pg_rows(result) > 0;
    if (*found)
        *on_hand = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status catalog_store_lock_elsewhere(struct pg *pg, struct slice sku, struct slice warehouse,
                                         int64_t *on_hand, struct error *error) {
    const struct pg_param params[] = {pg_text(sku), pg_text(warehouse)};
    bool found;
    enum status status = ask_on_hand(pg, &lock_elsewhere, params, on_hand, &found, error);
    if (status != STATUS_OK || found)
        return status;
    status = pg_queue(pg, &make_warehouse, &params[1], error);
    if (status == STATUS_OK)
        status = ask_on_hand(pg, &make_elsewhere, params, on_hand, &found, error);
    if (status != STATUS_OK || found)
        return status;
    return refuse_warehouse(pg, error);
}

static const struct pg_statement adjust_elsewhere = {
    .name = "catalog_adjust_elsewhere",
    .sql = "WITH entry AS ("
           "  INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand, warehouse)"
           "  VALUES ($1::uuid, $2::text, $3::int8, $4::text, $5::int8, $6::text)"
           "  ON CONFLICT (id) DO NOTHING RETURNING sku, delta, warehouse)"
           " UPDATE inventory.warehouse_stock s SET received = s.received + entry.delta,"
           "  on_hand = s.on_hand + entry.delta FROM entry"
           " WHERE s.sku = entry.sku AND s.warehouse = entry.warehouse RETURNING true",
    .param_count = 6,
};

static enum status query_levels(struct pg *pg, const struct pg_statement *statement,
                                const struct pg_param *params, struct arena *arena,
                                struct stock_levels *levels, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, statement, params, &result, error);
    if (status != STATUS_OK)
        return status;
    size_t count = (size_t)pg_rows(result);
    *levels = (struct stock_levels){arena_alloc(arena, (count + 1) * sizeof(*levels->rows)), count};
    for (size_t i = 0; i < count; i++)
        levels->rows[i] = (struct stock_level){
            .warehouse = arena_slice(arena, pg_get_slice(result, (int)i, 0)),
            .received = pg_get_int64(result, (int)i, 1),
            .on_hand = pg_get_int64(result, (int)i, 2),
            .reserved = pg_get_int64(result, (int)i, 3),
            .shipped = pg_get_int64(result, (int)i, 4),
        };
    pg_result_free(&result);
    return STATUS_OK;
}

enum status catalog_store_levels(struct pg *pg, struct slice sku, struct arena *arena,
                                 struct stock_levels *levels, struct error *error) {
    static const struct pg_statement find = {
        .name = "catalog_levels",
        .sql = "SELECT name, received, on_hand, reserved, shipped FROM ("
               "  SELECT 'main' AS name, 0 AS rank, received, on_hand, reserved, shipped"
               "  FROM inventory.stock WHERE sku = $1::text"
               "  UNION ALL SELECT w.name, w.rank, s.received, s.on_hand, s.reserved, s.shipped"
               "  FROM inventory.warehouse_stock s JOIN inventory.warehouses w"
               "   ON w.name = s.warehouse WHERE s.sku = $1::text) l ORDER BY rank",
        .param_count = 1,
    };
    const struct pg_param param = pg_text(sku);
    return query_levels(pg, &find, &param, arena, levels, error);
}

enum status catalog_store_warehouses(struct pg *pg, struct arena *arena,
                                     struct stock_levels *levels, struct error *error) {
    static const struct pg_statement list = {
        .name = "catalog_warehouses",
        .sql = "SELECT name, received, on_hand, reserved, shipped FROM ("
               "  SELECT 'main' AS name, 0 AS rank, coalesce(sum(received), 0)::int8 AS received,"
               "   coalesce(sum(on_hand), 0)::int8 AS on_hand,"
               "   coalesce(sum(reserved), 0)::int8 AS reserved,"
               "   coalesce(sum(shipped), 0)::int8 AS shipped FROM inventory.stock"
               "  UNION ALL SELECT w.name, w.rank, coalesce(sum(s.received), 0)::int8,"
               "   coalesce(sum(s.on_hand), 0)::int8, coalesce(sum(s.reserved), 0)::int8,"
               "   coalesce(sum(s.shipped), 0)::int8 FROM inventory.warehouses w"
               "  LEFT JOIN inventory.warehouse_stock s ON s.warehouse = w.name"
               "  GROUP BY w.name, w.rank) l ORDER BY rank",
    };
    return query_levels(pg, &list, NULL, arena, levels, error);
}

enum status catalog_store_adjust(struct pg *pg, const struct adjustment *adjustment,
                                 struct error *error) {
    static const struct pg_statement adjust = {
        .name = "catalog_adjust",
        .sql = "WITH entry AS ("
               "  INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, "
               "on_hand)"
               "  VALUES ($1::uuid, $2::text, $3::int8, $4::text, $5::int8)"
               "  ON CONFLICT (id) DO NOTHING RETURNING sku, delta)"
               " UPDATE inventory.stock s SET received = s.received + entry.delta,"
               "  on_hand = s.on_hand + entry.delta"
               " FROM entry WHERE s.sku = entry.sku RETURNING true",
        .param_count = 5,
    };
    struct pg_result *result = NULL;
    const struct pg_param params[] = {
        pg_uuid(&adjustment->id),    pg_text(adjustment->sku),      pg_int64(adjustment->delta),
        pg_text(adjustment->reason), pg_int64(adjustment->on_hand), pg_text(adjustment->warehouse),
    };
    const struct pg_statement *statement =
        adjustment->warehouse.len > 0 ? &adjust_elsewhere : &adjust;
    enum status status = pg_query(pg, statement, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_SERIALIZATION, "the adjustment was made meanwhile");
    pg_result_free(&result);
    return status;
}

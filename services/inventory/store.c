#include "services/inventory/store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

static const char *const status_names[] = {
    [RESERVATION_NONE] = "",
    [RESERVATION_RESERVED] = "RESERVED",
    [RESERVATION_REJECTED] = "REJECTED",
    [RESERVATION_RELEASED] = "RELEASED",
    [RESERVATION_SHIPPED] = "SHIPPED",
    [RESERVATION_ALLOCATED] = "ALLOCATED",
};
#define STATUS_NAMES (sizeof(status_names) / sizeof(status_names[0]))

static bool parse_status(struct slice text, enum reservation_status *status) {
    int found = slice_index(text, status_names, (int)STATUS_NAMES);
    if (found > 0)
        *status = (enum reservation_status)found;
    return found > 0;
}

/* --- reservations --- */

/* A row a line, or one without a SKU for a reservation that holds nothing. */
static const struct pg_statement load_reservations = {
    .name = "inventory_load",
    .sql = "SELECT r.order_id, r.status, l.sku, l.quantity, l.warehouse"
           " FROM inventory.reservations r LEFT JOIN LATERAL"
           "  unnest(r.skus, r.quantities, r.warehouses) AS l(sku, quantity, warehouse) ON true"
           " WHERE r.order_id = ANY ($1::uuid[]) ORDER BY r.order_id FOR UPDATE OF r",
    .param_count = 1,
};

static int compare_ids(const void *a, const void *b) {
    return uuid_compare(&((const struct reservation *)a)->order_id,
                        &((const struct reservation *)b)->order_id);
}

static int compare_to_id(const void *key, const void *element) {
    return uuid_compare(key, &((const struct reservation *)element)->order_id);
}

struct reservation *reservations_find(const struct reservations *reservations,
                                      const struct uuid *order_id) {
    return bsearch(order_id, reservations->rows, reservations->count, sizeof(*reservations->rows),
                   compare_to_id);
}

/* One blank reservation for each distinct order of the batch. */
static struct reservations blank_reservations(const struct batch *batch) {
    struct reservation *rows = arena_alloc(batch->arena, batch->count * sizeof(*rows));
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++)
        rows[i].order_id = batch->items[i]->event.order_id;
    qsort(rows, batch->count, sizeof(*rows), compare_ids);
    for (size_t i = 0; i < batch->count; i++) {
        if (kept == 0 || compare_ids(&rows[kept - 1], &rows[i]) != 0)
            rows[kept++] = rows[i];
    }
    return (struct reservations){rows, kept};
}

static const struct slice main_warehouse = SLICE_LITERAL("main");

/* Main is empty in memory, and null or "main" where it is stored. */
static struct slice take_warehouse(struct slice stored, struct arena *arena) {
    return slice_equal(stored, main_warehouse) ? (struct slice){0} : arena_slice(arena, stored);
}

struct slice warehouse_name(struct slice warehouse) {
    return warehouse.len > 0 ? warehouse : main_warehouse;
}

static enum status take_reservations(const struct pg_result *result, struct arena *arena,
                                     const struct reservations *reservations, struct error *error) {
    size_t count = (size_t)pg_rows(result);
    struct stock_line *lines = arena_alloc(arena, (count + 1) * sizeof(*lines));
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        struct uuid id = pg_get_uuid(result, row, 0);
        struct reservation *reservation = reservations_find(reservations, &id);
        if (reservation->stored_status == RESERVATION_NONE) {
            reservation->lines = &lines[i];
            if (!parse_status(pg_get_slice(result, row, 1), &reservation->status))
                return error_set(error, STATUS_INTERNAL, "unknown reservation status");
            reservation->stored_status = reservation->status;
        }
        if (pg_is_null(result, row, 2))
            continue;
        lines[i] = (struct stock_line){arena_slice(arena, pg_get_slice(result, row, 2)),
                                       pg_get_int64(result, row, 3),
                                       take_warehouse(pg_get_slice(result, row, 4), arena)};
        reservation->line_count++;
    }
    return STATUS_OK;
}

/* --- stock --- */

/* The SKUs asked for, and those that the orders hold, whose reservations are locked by now. */
static const struct pg_statement lock_stock = {
    .name = "inventory_lock_stock",
    .sql =
        "SELECT sku, on_hand, elsewhere FROM inventory.stock WHERE sku = ANY ($1::text[] || ARRAY("
        "  SELECT unnest(skus) FROM inventory.reservations WHERE order_id = ANY ($2::uuid[])))"
        " ORDER BY sku COLLATE \"C\" FOR UPDATE",
    .param_count = 2,
};

/* What other warehouses have of SKUs whose rows of main are locked by now. */
static const struct pg_statement lock_elsewhere = {
    .name = "inventory_lock_elsewhere",
    .sql = "SELECT s.sku, s.on_hand, s.warehouse, w.rank FROM inventory.warehouse_stock s"
           " JOIN inventory.warehouses w ON w.name = s.warehouse WHERE s.sku = ANY ($1::text[])"
           " ORDER BY s.sku COLLATE \"C\", w.rank FOR UPDATE OF s",
    .param_count = 1,
};

static enum status query_elsewhere(struct batch *batch, const struct pg_result *stocked,
                                   struct pg_result **result, struct error *error) {
    struct pg_array skus;
    enum status status = STATUS_OK;
    pg_array_init(&skus, PG_ARRAY_TEXT);
    for (int row = 0; row < pg_rows(stocked); row++) {
        if (pg_get_bool(stocked, row, 2))
            pg_array_add_slice(&skus, pg_get_slice(stocked, row, 0));
    }
    const struct pg_param param = pg_array(&skus);
    if (skus.count > 0)
        status = pg_query(batch->pg, &lock_elsewhere, &param, result, error);
    pg_array_fini(&skus);
    return status;
}

static struct stock_row take_row(const struct pg_result *result, int row, struct arena *arena) {
    return (struct stock_row){.sku = arena_slice(arena, pg_get_slice(result, row, 0)),
                              .on_hand = pg_get_int64(result, row, 1)};
}

/* Merges both, which are in the order of SKUs; of one SKU main comes first. `elsewhere` is NULL
   where nobody looked there. */
static void take_stock(const struct pg_result *result, const struct pg_result *elsewhere,
                       struct arena *arena, struct stock *stock) {
    int others = elsewhere != NULL ? pg_rows(elsewhere) : 0, other = 0;
    size_t count = (size_t)pg_rows(result) + (size_t)others, filled = 0;
    struct stock_row *rows = arena_alloc(arena, (count + 1) * sizeof(*rows));
    for (int row = 0; row < pg_rows(result); row++) {
        const struct slice sku = pg_get_slice(result, row, 0);
        rows[filled] = take_row(result, row, arena);
        rows[filled++].is_elsewhere = pg_get_bool(result, row, 2);
        for (; other < others && slice_equal(pg_get_slice(elsewhere, other, 0), sku); other++) {
            rows[filled] = take_row(elsewhere, other, arena);
            rows[filled].warehouse = arena_slice(arena, pg_get_slice(elsewhere, other, 2));
            rows[filled++].rank = (int)pg_get_int64(elsewhere, other, 3);
        }
    }
    *stock = (struct stock){rows, filled};
}

static enum status query_stock(struct batch *batch, const struct stock_wanted *wanted,
                               struct pg_result **result, struct error *error) {
    struct pg_array skus, holders;
    pg_array_init(&skus, PG_ARRAY_TEXT);
    pg_array_init(&holders, PG_ARRAY_UUID);
    for (size_t i = 0; i < wanted->sku_count; i++)
        pg_array_add_slice(&skus, wanted->skus[i]);
    for (size_t i = 0; i < wanted->holder_count; i++)
        pg_array_add_uuid(&holders, &wanted->holders[i]);
    const struct pg_param params[] = {pg_array(&skus), pg_array(&holders)};
    enum status status = pg_query(batch->pg, &lock_stock, params, result, error);
    pg_array_fini(&skus);
    pg_array_fini(&holders);
    return status;
}

enum status inventory_store_load(struct batch *batch, const struct stock_wanted *wanted,
                                 struct reservations *reservations, struct stock *stock,
                                 struct error *error) {
    struct reservations loaded = blank_reservations(batch);
    struct pg_result *rows = NULL, *stocked = NULL, *elsewhere = NULL;
    enum status status = batch_queue_orders(batch, &load_reservations, &rows, error);
    if (status == STATUS_OK)
        status = query_stock(batch, wanted, &stocked, error);
    if (status == STATUS_OK)
        status = query_elsewhere(batch, stocked, &elsewhere, error);
    if (status == STATUS_OK)
        status = take_reservations(rows, batch->arena, &loaded, error);
    if (status == STATUS_OK) {
        take_stock(stocked, elsewhere, batch->arena, stock);
        *reservations = loaded;
    }
    pg_result_free(&rows);
    pg_result_free(&stocked);
    pg_result_free(&elsewhere);
    return status;
}

static const struct pg_statement move_stock = {
    .name = "inventory_move_stock",
    .sql = "UPDATE inventory.stock s SET on_hand = s.on_hand + d.on_hand,"
           " reserved = s.reserved + d.reserved, shipped = s.shipped + d.shipped"
           " FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[])"
           "      AS d(sku, on_hand, reserved, shipped) WHERE s.sku = d.sku",
    .param_count = 4,
};

static const struct pg_statement move_elsewhere = {
    .name = "inventory_move_elsewhere",
    .sql = "UPDATE inventory.warehouse_stock s SET on_hand = s.on_hand + d.on_hand,"
           " reserved = s.reserved + d.reserved, shipped = s.shipped + d.shipped"
           " FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::text[])"
           "      AS d(sku, on_hand, reserved, shipped, warehouse)"
           " WHERE s.sku = d.sku AND s.warehouse = d.warehouse",
    .param_count = 5,
};

enum { MOVE_SKU, MOVE_ON_HAND, MOVE_RESERVED, MOVE_SHIPPED, MOVES, MOVE_WAREHOUSE = MOVES };

static bool has_moved(const struct stock_row *row) {
    return row->on_hand_move != 0 || row->reserved_move != 0 || row->shipped_move != 0;
}

static void add_move(struct pg_array *column, const struct stock_row *row) {
    pg_array_add_slice(&column[MOVE_SKU], row->sku);
    pg_array_add_int64(&column[MOVE_ON_HAND], row->on_hand_move);
    pg_array_add_int64(&column[MOVE_RESERVED], row->reserved_move);
    pg_array_add_int64(&column[MOVE_SHIPPED], row->shipped_move);
    if (row->rank > 0)
        pg_array_add_slice(&column[MOVE_WAREHOUSE], row->warehouse);
}

static enum status save_moves(struct pg *pg, const struct stock *stock, bool is_main,
                              struct error *error) {
    static const enum pg_array_type types[MOVES + 1] = {
        PG_ARRAY_TEXT, PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_TEXT};
    struct pg_columns moves;
    enum status status = STATUS_OK;
    pg_columns_init(&moves, types, is_main ? MOVES : MOVES + 1);
    for (size_t i = 0; i < stock->count; i++) {
        const struct stock_row *row = &stock->rows[i];
        if (has_moved(row) && (row->rank == 0) == is_main)
            add_move(moves.arrays, row);
    }
    if (moves.arrays[MOVE_SKU].count > 0)
        status = pg_columns_queue(&moves, pg, is_main ? &move_stock : &move_elsewhere, error);
    pg_columns_fini(&moves);
    return status;
}

static enum status save_stock(struct pg *pg, const struct stock *stock, struct error *error) {
    enum status status = save_moves(pg, stock, true, error);
    return status == STATUS_OK ? save_moves(pg, stock, false, error) : status;
}

/* --- saving --- */

/* An array in an array's element has to travel as text. Refuses the transaction where there is a
   reservation already: it was made since the batch loaded those that there were. */
#define INSERT_RESERVATIONS(columns, values, params)                                               \
    "WITH made AS ("                                                                               \
    " INSERT INTO inventory.reservations (order_id, status, skus, quantities, reason" columns ")"  \
    " SELECT order_id, status, skus::text[], quantities::int8[], reason" values                    \
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]" params ")"           \
    "      AS d(order_id, status, skus, quantities, reason" columns ")"                            \
    " ORDER BY order_id ON CONFLICT DO NOTHING RETURNING true"                                     \
    ") SELECT om.require_rows(count(*), cardinality($1::uuid[])) FROM made"

static const struct pg_statement insert_reservations = {
    .name = "inventory_insert",
    .sql = INSERT_RESERVATIONS("", "", ""),
    .param_count = 5,
};

static const struct pg_statement insert_allocated = {
    .name = "inventory_insert_allocated",
    .sql = INSERT_RESERVATIONS(", warehouses", ", warehouses::text[]", ", $6::text[]"),
    .param_count = 6,
};

static const struct pg_statement update_reservations = {
    .name = "inventory_update",
    .sql = "UPDATE inventory.reservations r SET status = d.status, updated_at = now()"
           " FROM unnest($1::uuid[], $2::text[]) AS d(order_id, status)"
           " WHERE r.order_id = d.order_id",
    .param_count = 2,
};

/* The text form of an array, https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO */
static void write_element(struct buf *out, size_t i, struct slice text) {
    buf_append_text(out, i > 0 ? ",\"" : "\"");
    for (size_t j = 0; j < text.len; j++) {
        if (text.ptr[j] == '"' || text.ptr[j] == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, text.ptr[j]);
    }
    buf_append_char(out, '"');
}

static void write_skus(struct buf *out, const struct reservation *reservation) {
    buf_clear(out);
    buf_append_char(out, '{');
    for (size_t i = 0; i < reservation->line_count; i++)
        write_element(out, i, reservation->lines[i].sku);
    buf_append_char(out, '}');
}

static void write_warehouses(struct buf *out, const struct reservation *reservation) {
    buf_clear(out);
    buf_append_char(out, '{');
    for (size_t i = 0; i < reservation->line_count; i++)
        write_element(out, i, warehouse_name(reservation->lines[i].warehouse));
    buf_append_char(out, '}');
}

static void write_quantities(struct buf *out, const struct reservation *reservation) {
    buf_clear(out);
    buf_append_char(out, '{');
    for (size_t i = 0; i < reservation->line_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_int(out, reservation->lines[i].quantity);
    }
    buf_append_char(out, '}');
}

enum { NEW_ORDER, NEW_STATUS, NEW_SKUS, NEW_QUANTITIES, NEW_REASON, NEWS, NEW_WAREHOUSES = NEWS };

static void add_new(struct pg_array *column, const struct reservation *reservation,
                    struct buf *scratch) {
    pg_array_add_uuid(&column[NEW_ORDER], &reservation->order_id);
    pg_array_add_slice(&column[NEW_STATUS], slice_of(status_names[reservation->status]));
    write_skus(scratch, reservation);
    pg_array_add_slice(&column[NEW_SKUS], buf_slice(scratch));
    write_quantities(scratch, reservation);
    pg_array_add_slice(&column[NEW_QUANTITIES], buf_slice(scratch));
    pg_array_add_optional(&column[NEW_REASON], slice_of(order_reason_name(reservation->reason)));
    if (reservation->status == RESERVATION_ALLOCATED) {
        write_warehouses(scratch, reservation);
        pg_array_add_slice(&column[NEW_WAREHOUSES], buf_slice(scratch));
    }
}

static bool is_new(const struct reservation *reservation, bool is_allocated) {
    return reservation->stored_status == RESERVATION_NONE &&
           reservation->status != RESERVATION_NONE &&
           (reservation->status == RESERVATION_ALLOCATED) == is_allocated;
}

static enum status save_new(struct pg *pg, const struct reservations *reservations,
                            bool is_allocated, struct error *error) {
    static const enum pg_array_type types[NEWS + 1] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                                       PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_columns news;
    struct buf scratch = {0};
    enum status status = STATUS_OK;
    pg_columns_init(&news, types, is_allocated ? NEWS + 1 : NEWS);
    for (size_t i = 0; i < reservations->count; i++) {
        if (is_new(&reservations->rows[i], is_allocated))
            add_new(news.arrays, &reservations->rows[i], &scratch);
    }
    if (news.arrays[NEW_ORDER].count > 0)
        status = pg_columns_queue(&news, pg,
                                  is_allocated ? &insert_allocated : &insert_reservations, error);
    buf_fini(&scratch);
    pg_columns_fini(&news);
    return status;
}

static enum status save_changed(struct pg *pg, const struct reservations *reservations,
                                struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT};
    struct pg_columns changes;
    enum status status = STATUS_OK;
    pg_columns_init(&changes, types, 2);
    for (size_t i = 0; i < reservations->count; i++) {
        const struct reservation *reservation = &reservations->rows[i];
        if (reservation->stored_status == RESERVATION_NONE ||
            reservation->stored_status == reservation->status)
            continue;
        pg_array_add_uuid(&changes.arrays[0], &reservation->order_id);
        pg_array_add_slice(&changes.arrays[1], slice_of(status_names[reservation->status]));
    }
    if (changes.arrays[0].count > 0)
        status = pg_columns_queue(&changes, pg, &update_reservations, error);
    pg_columns_fini(&changes);
    return status;
}

static const struct pg_statement cut_reservations = {
    .name = "inventory_cut",
    .sql = "UPDATE inventory.reservations r SET skus = d.skus::text[],"
           " quantities = d.quantities::int8[], warehouses = d.warehouses::text[],"
           " updated_at = now()"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])"
           "      AS d(order_id, skus, quantities, warehouses) WHERE r.order_id = d.order_id",
    .param_count = 4,
};

enum { CUT_ORDER, CUT_SKUS, CUT_QUANTITIES, CUT_WAREHOUSES, CUTS };

/* Null where main gives all of it. */
static void add_cut(struct pg_array *column, const struct reservation *reservation,
                    struct buf *scratch) {
    bool is_elsewhere = false;
    for (size_t i = 0; i < reservation->line_count; i++)
        is_elsewhere |= reservation->lines[i].warehouse.len > 0;
    pg_array_add_uuid(&column[CUT_ORDER], &reservation->order_id);
    write_skus(scratch, reservation);
    pg_array_add_slice(&column[CUT_SKUS], buf_slice(scratch));
    write_quantities(scratch, reservation);
    pg_array_add_slice(&column[CUT_QUANTITIES], buf_slice(scratch));
    write_warehouses(scratch, reservation);
    pg_array_add_optional(&column[CUT_WAREHOUSES],
                          is_elsewhere ? buf_slice(scratch) : (struct slice){0});
}

/* Few orders have pieces cancelled. */
static enum status save_cut(struct pg *pg, const struct reservations *reservations,
                            struct error *error) {
    static const enum pg_array_type types[CUTS] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                                   PG_ARRAY_TEXT};
    struct pg_columns columns;
    struct buf scratch = {0};
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, CUTS);
    for (size_t i = 0; i < reservations->count; i++) {
        if (reservations->rows[i].is_cut)
            add_cut(columns.arrays, &reservations->rows[i], &scratch);
    }
    if (columns.arrays[CUT_ORDER].count > 0)
        status = pg_columns_queue(&columns, pg, &cut_reservations, error);
    buf_fini(&scratch);
    pg_columns_fini(&columns);
    return status;
}

enum status inventory_store_save(struct batch *batch, const struct stock *stock,
                                 const struct reservations *reservations, struct error *error) {
    enum status status = save_stock(batch->pg, stock, error);
    if (status == STATUS_OK)
        status = save_changed(batch->pg, reservations, error);
    if (status == STATUS_OK)
        status = save_new(batch->pg, reservations, false, error);
    if (status == STATUS_OK)
        status = save_new(batch->pg, reservations, true, error);
    if (status == STATUS_OK)
        status = save_cut(batch->pg, reservations, error);
    return status;
}

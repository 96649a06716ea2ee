#include "services/inventory/returned.h"

#include "shared/contract/order_lines.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* Pieces to restock, of all returns of a batch; a row each. */
struct restocked {
    struct pg_array returns, orders, skus, quantities;
};

enum { RESTOCKED_COLUMNS = 4 };

/* In the order in which every transaction locks stock (store.h). */
static const struct pg_statement lock_stock = {
    .name = "inventory_lock_returned",
    .sql = "SELECT FROM inventory.stock WHERE sku = ANY ($1::text[])"
           " ORDER BY sku COLLATE \"C\" FOR UPDATE",
    .param_count = 1,
};

static const struct pg_statement restock = {
    .name = "inventory_restock",
    .sql = "WITH noted AS ("
           " INSERT INTO inventory.returns (return_id, order_id, skus, quantities)"
           " SELECT return_id, order_id, array_agg(sku), array_agg(quantity)"
           " FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[])"
           "      AS d(return_id, order_id, sku, quantity)"
           " GROUP BY return_id, order_id ORDER BY return_id"
           " ON CONFLICT (return_id) DO NOTHING RETURNING skus, quantities"
           "), come AS ("
           " SELECT sku, sum(quantity)::int8 AS quantity"
           " FROM noted, unnest(skus, quantities) AS u(sku, quantity) GROUP BY sku"
           ") UPDATE inventory.stock s SET on_hand = s.on_hand + come.quantity,"
           "  returned = s.returned + come.quantity FROM come WHERE s.sku = come.sku",
    .param_count = RESTOCKED_COLUMNS,
};

static void add_return(struct restocked *restocked, const struct delivery *delivery,
                       const struct order_returned *returned) {
    for (size_t i = 0; i < returned->items.count; i++) {
        const struct line_wish *item = &returned->items.rows[i];
        if (item->fate != LINE_RESTOCKED)
            continue;
        pg_array_add_uuid(&restocked->returns, &returned->return_id);
        pg_array_add_uuid(&restocked->orders, &delivery->event.order_id);
        pg_array_add_slice(&restocked->skus, returned->lines.rows[item->line - 1].sku);
        pg_array_add_int64(&restocked->quantities, item->quantity);
    }
}

/* A return may come twice in one batch. */
static bool came_before(const struct batch *batch, size_t count, const struct uuid *return_id) {
    for (size_t i = 0; i < count; i++) {
        const struct order_returned *other = batch->items[i]->state;
        if (other != NULL && uuid_compare(&other->return_id, return_id) == 0)
            return true;
    }
    return false;
}

static void take_returns(struct batch *batch, struct restocked *restocked) {
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        struct order_returned *returned = arena_alloc(batch->arena, sizeof(*returned));
        struct error invalid;
        if (order_returned_parse(delivery->event.data, batch->arena, returned, &invalid) !=
            STATUS_OK) {
            delivery_reject(delivery, STATUS_INVALID, "%s", invalid.text);
        } else if (!came_before(batch, i, &returned->return_id)) {
            delivery->state = returned;
            add_return(restocked, delivery, returned);
        }
    }
}

static enum status store(struct pg *pg, struct restocked *restocked, struct error *error) {
    const struct pg_param params[RESTOCKED_COLUMNS] = {
        pg_array(&restocked->returns), pg_array(&restocked->orders), pg_array(&restocked->skus),
        pg_array(&restocked->quantities)};
    if (restocked->skus.count == 0)
        return STATUS_OK;
    enum status status = pg_queue(pg, &lock_stock, &params[2], error);
    return status == STATUS_OK ? pg_queue(pg, &restock, params, error) : status;
}

static enum status returned_apply(struct batch *batch, struct error *error) {
    struct restocked restocked;
    pg_array_init(&restocked.returns, PG_ARRAY_UUID);
    pg_array_init(&restocked.orders, PG_ARRAY_UUID);
    pg_array_init(&restocked.skus, PG_ARRAY_TEXT);
    pg_array_init(&restocked.quantities, PG_ARRAY_INT64);
    take_returns(batch, &restocked);
    enum status status = store(batch->pg, &restocked, error);
    pg_array_fini(&restocked.returns);
    pg_array_fini(&restocked.orders);
    pg_array_fini(&restocked.skus);
    pg_array_fini(&restocked.quantities);
    return status;
}

const struct handler stock_returned_handler = {
    .apply = returned_apply, .once = ONCE_BY_EFFECT, .patience_ms = 1000};

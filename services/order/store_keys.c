#include "services/order/store_keys.h"

#include "services/order/store.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- claiming --- */

#define IS_FREE "k.created_at <= EXCLUDED.created_at - interval '24 hours'"
#define IS_LATER "k.sequence > EXCLUDED.sequence AND k.stored_us >= EXCLUDED.stored_us"
#define IS_OPEN IS_FREE " OR " IS_LATER
#define TAKE(column)                                                                               \
    column " = CASE WHEN " IS_OPEN " THEN EXCLUDED." column " ELSE k." column " END,"

/* No key is from the future. Answers with the places of the orders whose key stands for another, or
   was taken from another. DO UPDATE returns the owner also where nothing changes, and waits for
   another instance claiming the same key. */
static const struct pg_statement claim_keys = {
    .name = "order_claim_keys",
    .sql = "WITH d AS ("
           " SELECT tenant, key_hash, order_id, sequence, stored_us, place,"
           "        least(now(), timestamptz 'epoch' + at_us * interval '1 microsecond')"
           "          AS accepted_at"
           " FROM unnest($1::text[], $2::bytea[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[],"
           "      $7::int8[]) AS u(tenant, key_hash, order_id, sequence, stored_us, at_us, place)"
           "), claimed AS ("
           " INSERT INTO orders.idempotency_keys AS k"
           "  (tenant, key_hash, order_id, sequence, stored_us, created_at)"
           " SELECT DISTINCT ON (tenant, key_hash) tenant, key_hash, order_id, sequence,"
           "  stored_us, accepted_at"
           " FROM d ORDER BY tenant, key_hash, sequence, place"
           " ON CONFLICT (tenant, key_hash) DO UPDATE SET"
           "  ousted_id = CASE WHEN " IS_FREE " THEN NULL"
           "   WHEN " IS_LATER " AND k.order_id <> EXCLUDED.order_id THEN k.order_id"
           "   ELSE k.ousted_id END,"
           "  " TAKE("order_id") TAKE("sequence")
               TAKE("stored_us") "  created_at = CASE WHEN " IS_OPEN " THEN EXCLUDED.created_at"
                                 "   ELSE least(k.created_at, now()) END"
                                 " RETURNING tenant, key_hash, order_id, ousted_id"
                                 ") SELECT d.place, c.order_id <> d.order_id, c.ousted_id"
                                 "  FROM d JOIN claimed c USING (tenant, key_hash)"
                                 "  WHERE c.order_id <> d.order_id OR c.ousted_id IS NOT NULL",
    .param_count = 7,
};

/* Keys whose day is over go as new ones come, twice as fast: the table stays bounded and no
   clean-up is ever long. */
static const struct pg_statement prune_keys = {
    .name = "order_prune_keys",
    .sql = "DELETE FROM orders.idempotency_keys WHERE ctid = ANY (ARRAY("
           " SELECT ctid FROM orders.idempotency_keys"
           " WHERE created_at < now() - interval '25 hours'"
           " ORDER BY created_at LIMIT 2 * $1::int8 FOR UPDATE SKIP LOCKED))",
    .param_count = 1,
};

enum { KEY_TENANT, KEY_HASH, KEY_ORDER, KEY_SEQUENCE, KEY_STORED, KEY_AT, KEY_PLACE, KEY_COLUMNS };
enum { CLAIM_PLACE, CLAIM_IS_ANOTHERS, CLAIM_OUSTED };

static void add_key(struct pg_array *column, const struct new_order *order, size_t place) {
    pg_array_add_slice(&column[KEY_TENANT], order->snapshot.tenant);
    pg_array_add_slice(&column[KEY_HASH], (struct slice){(const char *)order->key_hash, 32});
    pg_array_add_uuid(&column[KEY_ORDER], &order->snapshot.order_id);
    pg_array_add_int64(&column[KEY_SEQUENCE], (int64_t)order->delivery->sequence);
    pg_array_add_int64(&column[KEY_STORED], order->delivery->stored_us);
    pg_array_add_int64(&column[KEY_AT], order->delivery->event.time_us);
    pg_array_add_int64(&column[KEY_PLACE], (int64_t)place);
}

enum status order_store_claim_keys(struct batch *batch, const struct new_order *orders,
                                   size_t count, struct pg_result **claims, struct error *error) {
    static const enum pg_array_type types[KEY_COLUMNS] = {
        PG_ARRAY_TEXT,  PG_ARRAY_BYTES, PG_ARRAY_UUID,  PG_ARRAY_INT64,
        PG_ARRAY_INT64, PG_ARRAY_INT64, PG_ARRAY_INT64,
    };
    struct pg_columns keys;
    enum status status = STATUS_OK;
    pg_columns_init(&keys, types, KEY_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        if (orders[i].key_hash != NULL)
            add_key(keys.arrays, &orders[i], i);
    }
    struct pg_param key_count = pg_int64(keys.arrays[KEY_ORDER].count);
    if (keys.arrays[KEY_ORDER].count > 0)
        status = pg_queue(batch->pg, &prune_keys, &key_count, error);
    if (keys.arrays[KEY_ORDER].count > 0 && status == STATUS_OK)
        status = pg_columns_queue_into(&keys, batch->pg, &claim_keys, claims, error);
    pg_columns_fini(&keys);
    return status;
}

void order_store_take_claims(const struct pg_result *claims, struct new_order *orders) {
    for (int row = 0; row < pg_rows(claims); row++) {
        struct new_order *order = &orders[pg_get_int64(claims, row, CLAIM_PLACE)];
        order->is_key_conflict = pg_get_bool(claims, row, CLAIM_IS_ANOTHERS);
        order->has_ousted = !order->is_key_conflict;
        if (order->has_ousted)
            order->ousted = pg_get_uuid(claims, row, CLAIM_OUSTED);
    }
}

/* --- ousting --- */

static const struct pg_statement lock_ousted = {
    .name = "order_lock_ousted",
    .sql = "SELECT o.id, o.correlation_id, o.traceparent, u.place,"
           "  o.status IN ('CONFIRMED', 'COMPLETED')"
           " FROM unnest($1::uuid[], $2::int8[]) AS u(id, place) JOIN orders.orders o USING (id)"
           " ORDER BY o.id FOR UPDATE OF o",
    .param_count = 2,
};

/* With sequence 0, which none is below. */
static const struct pg_statement give_back = {
    .name = "order_give_back",
    .sql = "UPDATE orders.idempotency_keys k SET order_id = ousted_id, sequence = 0,"
           "  ousted_id = NULL"
           " FROM unnest($1::text[], $2::bytea[]) AS d(tenant, key_hash)"
           " WHERE k.tenant = d.tenant AND k.key_hash = d.key_hash AND k.ousted_id IS NOT NULL",
    .param_count = 2,
};

enum { OUSTED_PLACE = 3, OUSTED_IS_CONFIRMED };

static enum status return_keys(struct batch *batch, const struct pg_result *ousted,
                               struct new_order *orders, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_TEXT, PG_ARRAY_BYTES};
    struct pg_columns keys;
    enum status status = STATUS_OK;
    pg_columns_init(&keys, types, 2);
    for (int row = 0; row < pg_rows(ousted); row++) {
        struct new_order *order = &orders[pg_get_int64(ousted, row, OUSTED_PLACE)];
        if (!pg_get_bool(ousted, row, OUSTED_IS_CONFIRMED))
            continue;
        order->is_key_conflict = true;
        pg_array_add_slice(&keys.arrays[0], order->snapshot.tenant);
        pg_array_add_slice(&keys.arrays[1], (struct slice){(const char *)order->key_hash, 32});
    }
    if (keys.arrays[0].count > 0)
        status = pg_columns_queue(&keys, batch->pg, &give_back, error);
    pg_columns_fini(&keys);
    return status;
}

enum status order_store_oust(struct batch *batch, struct new_order *orders, size_t count,
                             struct batch *told, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64};
    struct pg_columns columns;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, 2);
    for (size_t i = 0; i < count; i++) {
        if (!orders[i].has_ousted)
            continue;
        pg_array_add_uuid(&columns.arrays[0], &orders[i].ousted);
        pg_array_add_int64(&columns.arrays[1], (int64_t)i);
    }
    if (columns.arrays[0].count > 0)
        status = pg_columns_query(&columns, batch->pg, &lock_ousted, &result, error);
    if (status == STATUS_OK && result != NULL) {
        told->items = order_store_tell(result, ORDER_KEY_TAKEN, batch->arena, &told->count);
        status = return_keys(batch, result, orders, error);
    }
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

/* --- holding --- */

static const struct pg_statement hold = {
    .name = "order_hold",
    .sql = "INSERT INTO orders.held_orders (order_id, sequence)"
           " SELECT * FROM unnest($1::uuid[], $2::int8[])",
    .param_count = 2,
};

static const struct pg_statement see_held = {
    .name = "order_see_held",
    .sql = "SELECT EXISTS (SELECT FROM orders.held_orders),"
           " (extract(epoch FROM clock_timestamp()) * 1000000)::int8",
};

static const struct pg_statement let_start = {
    .name = "order_let_start",
    .sql = "WITH let AS ("
           " DELETE FROM orders.held_orders WHERE order_id = ANY (ARRAY("
           "  SELECT order_id FROM orders.held_orders"
           "  WHERE sequence <= $1::int8 OR held_at < now() - $3::int8 * interval '1 second'"
           "    OR held_at <= timestamptz 'epoch' + $4::int8 * interval '1 microsecond'"
           "    OR held_at > now() + interval '1 minute'" /* of a clock that was ahead */
           "  ORDER BY sequence LIMIT $2::int8 FOR UPDATE SKIP LOCKED)) RETURNING order_id"
           ") SELECT o.id, o.correlation_id, o.traceparent FROM let"
           "  JOIN orders.orders o ON o.id = let.order_id",
    .param_count = 4,
};

enum status order_store_hold(struct batch *batch, const struct new_order *orders, size_t count,
                             struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64};
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, 2);
    for (size_t i = 0; i < count; i++) {
        if (!new_order_is_held(&orders[i]))
            continue;
        pg_array_add_uuid(&columns.arrays[0], &orders[i].snapshot.order_id);
        pg_array_add_int64(&columns.arrays[1], (int64_t)orders[i].delivery->sequence);
    }
    if (columns.arrays[0].count > 0)
        status = pg_columns_queue(&columns, batch->pg, &hold, error);
    pg_columns_fini(&columns);
    return status;
}

enum status order_store_see_held(struct batch *batch, struct held_sight *sight,
                                 struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &see_held, NULL, &result, error);
    if (status == STATUS_OK)
        *sight = (struct held_sight){pg_get_bool(result, 0, 0), pg_get_int64(result, 0, 1)};
    pg_result_free(&result);
    return status;
}

enum status order_store_let_start(struct batch *batch, const struct held_limits *limits,
                                  struct batch *told, struct error *error) {
    const struct pg_param params[] = {
        pg_int64((int64_t)limits->sequence),
        pg_int64(limits->most),
        pg_int64(limits->most_s),
        pg_int64(limits->held_us),
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &let_start, params, &result, error);
    if (status == STATUS_OK)
        told->items = order_store_tell(result, ORDER_MAY_START, batch->arena, &told->count);
    pg_result_free(&result);
    return status;
}

#include "services/webhooks/store.h"

#include "services/webhooks/public_event.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#define TYPES(...) ((enum pg_array_type[]){__VA_ARGS__})

/* --- who wants what --------------------------------------------------------------------------- */

static const struct pg_statement read_interests = {
    .name = "webhooks_interests",
    .sql = "SELECT DISTINCT tenant, unnest(event_types) FROM webhooks.endpoints"
           " WHERE enabled AND tenant = ANY ($1::text[])",
    .param_count = 1,
};

enum status webhooks_store_interests(struct batch *batch, struct pg_array *tenants,
                                     struct interests *interests, struct error *error) {
    const struct pg_param param = pg_array(tenants);
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &read_interests, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    interests->count = (size_t)pg_rows(result);
    interests->rows = arena_alloc(batch->arena, (interests->count + 1) * sizeof(struct interest));
    for (size_t i = 0; i < interests->count; i++)
        interests->rows[i] = (struct interest){
            .tenant = arena_slice(batch->arena, pg_get_slice(result, (int)i, 0)),
            .name = arena_slice(batch->arena, pg_get_slice(result, (int)i, 1)),
        };
    pg_result_free(&result);
    return STATUS_OK;
}

#define WANTS_REFUNDS                                                                              \
    " enabled AND event_types && '{" PUBLIC_EVENT_REFUNDED ",\"" PUBLIC_EVENT_ALL "\"}'::text[]"

static const struct pg_statement ask_for_refunds = {
    .name = "webhooks_wants_refunds",
    .sql = "SELECT EXISTS (SELECT FROM webhooks.endpoints WHERE" WANTS_REFUNDS ")",
};

enum status webhooks_store_wants_refunds(struct batch *batch, bool *wants, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &ask_for_refunds, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    *wants = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- deliveries ------------------------------------------------------------------------------- */

#define TIME_OF(us) "(timestamptz 'epoch' + " us " * interval '1 microsecond')"
#define NEW_ENOUGH(time) time " >= e.created_at - interval '" WEBHOOK_GRACE_S " seconds'"

/* Locked rows are there at the end, too: a webhook that is just being deleted gets none. */
static const struct pg_statement add_deliveries = {
    .name = "webhooks_add",
    .sql = "INSERT INTO webhooks.deliveries (endpoint_id, event_id, event_type, order_id, body)"
           " SELECT e.id, d.event_id, d.name, d.order_id, d.body"
           " FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int8[], $6::bytea[])"
           "      AS d(event_id, order_id, tenant, name, time_us, body)"
           " JOIN webhooks.endpoints e ON e.tenant = d.tenant AND e.enabled"
           "  AND e.event_types && ARRAY[d.name, '" PUBLIC_EVENT_ALL "']"
           "  AND " NEW_ENOUGH(TIME_OF(
               "d.time_us")) " ORDER BY e.id, d.event_id FOR KEY SHARE OF e ON CONFLICT DO NOTHING",
    .param_count = 6,
};

enum status webhooks_store_add(struct batch *batch, const struct new_delivery *deliveries,
                               size_t count, struct error *error) {
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    pg_columns_init(&columns,
                    TYPES(PG_ARRAY_UUID, PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                          PG_ARRAY_INT64, PG_ARRAY_BYTES),
                    6);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &deliveries[i].event_id);
        pg_array_add_uuid(&columns.arrays[1], &deliveries[i].order_id);
        pg_array_add_slice(&columns.arrays[2], deliveries[i].tenant);
        pg_array_add_slice(&columns.arrays[3], slice_of(deliveries[i].name));
        pg_array_add_int64(&columns.arrays[4], deliveries[i].time_us);
        pg_array_add_slice(&columns.arrays[5], deliveries[i].body);
    }
    enum status status = pg_columns_queue(&columns, batch->pg, &add_deliveries, error);
    pg_columns_fini(&columns);
    return status;
}

/* --- refunds ---------------------------------------------------------------------------------- */

/* The row of an order has both halves with whichever comes second. */
#define SEND_KNOWN                                                                                 \
    " INSERT INTO webhooks.deliveries (endpoint_id, event_id, event_type, order_id, body)"         \
    " SELECT e.id, k.event_id, '" PUBLIC_EVENT_REFUNDED "', k.order_id, k.body"                    \
    " FROM known k JOIN webhooks.endpoints e ON e.tenant = k.tenant AND" WANTS_REFUNDS             \
    "  AND " NEW_ENOUGH("k.event_time") " WHERE k.event_id IS NOT NULL"                            \
                                        " ORDER BY e.id, k.event_id FOR KEY SHARE OF e"            \
                                        " ON CONFLICT DO NOTHING"

static const struct pg_statement add_ends = {
    .name = "webhooks_add_ends",
    .sql = "WITH known AS (INSERT INTO webhooks.refunds AS r (order_id, tenant)"
           "  SELECT DISTINCT ON (order_id) order_id, tenant"
           "  FROM unnest($1::uuid[], $2::text[]) AS d(order_id, tenant) ORDER BY order_id"
           "  ON CONFLICT (order_id) DO UPDATE SET tenant = excluded.tenant"
           "  RETURNING r.*)" SEND_KNOWN,
    .param_count = 2,
};

enum status webhooks_store_add_ends(struct batch *batch, const struct new_delivery *ends,
                                    size_t count, struct error *error) {
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, TYPES(PG_ARRAY_UUID, PG_ARRAY_TEXT), 2);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &ends[i].order_id);
        pg_array_add_slice(&columns.arrays[1], ends[i].tenant);
    }
    enum status status = pg_columns_queue(&columns, batch->pg, &add_ends, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement add_refunds = {
    .name = "webhooks_add_refunds",
    .sql = "WITH known AS ("
           "  INSERT INTO webhooks.refunds AS r (order_id, event_id, event_time, body)"
           "  SELECT DISTINCT ON (order_id) order_id, event_id, " TIME_OF(
               "time_us") ", body"
                          "  FROM unnest($1::uuid[], $2::uuid[], $3::int8[], $4::bytea[])"
                          "       AS d(order_id, event_id, time_us, body) ORDER BY order_id"
                          "  ON CONFLICT (order_id) DO UPDATE SET event_id = excluded.event_id,"
                          "   event_time = excluded.event_time, body = excluded.body"
                          "  RETURNING r.*)" SEND_KNOWN,
    .param_count = 4,
};

enum status webhooks_store_add_refunds(struct batch *batch, const struct new_delivery *refunds,
                                       size_t count, struct error *error) {
    struct pg_columns columns;
    if (count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, TYPES(PG_ARRAY_UUID, PG_ARRAY_UUID, PG_ARRAY_INT64, PG_ARRAY_BYTES),
                    4);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &refunds[i].order_id);
        pg_array_add_uuid(&columns.arrays[1], &refunds[i].event_id);
        pg_array_add_int64(&columns.arrays[2], refunds[i].time_us);
        pg_array_add_slice(&columns.arrays[3], refunds[i].body);
    }
    enum status status = pg_columns_queue(&columns, batch->pg, &add_refunds, error);
    pg_columns_fini(&columns);
    return status;
}

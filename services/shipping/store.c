#include "services/shipping/store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

static const char *const status_names[] = {
    [SHIPMENT_SHIPPED] = "SHIPPED",
    [SHIPMENT_FAILED] = "FAILED",
    [SHIPMENT_STOPPED] = "STOPPED",
};

/* Answers with the places of those inserted. */
static const struct pg_statement add_shipments = {
    .name = "shipping_add",
    .sql = "WITH d AS ("
           " SELECT DISTINCT ON (order_id) order_id, status, carrier, tracking_number, place"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[])"
           "      AS u(order_id, status, carrier, tracking_number, place)"
           " ORDER BY order_id, place"
           "), added AS ("
           " INSERT INTO shipping.shipments (order_id, status, carrier, tracking_number)"
           " SELECT order_id, status, carrier, tracking_number FROM d ORDER BY order_id"
           " ON CONFLICT (order_id) DO NOTHING RETURNING order_id"
           ") SELECT d.place FROM d JOIN added USING (order_id)",
    .param_count = 5,
};

enum { ADD_ORDER, ADD_STATUS, ADD_CARRIER, ADD_TRACKING, ADD_PLACE, ADDS };

enum status shipping_store_add(struct batch *batch, struct shipment *shipments, size_t count,
                               struct error *error) {
    static const enum pg_array_type types[ADDS] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                                   PG_ARRAY_TEXT, PG_ARRAY_INT64};
    struct pg_columns columns;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, ADDS);
    for (size_t i = 0; i < count; i++) {
        const struct shipment *shipment = &shipments[i];
        pg_array_add_uuid(&columns.arrays[ADD_ORDER], &shipment->order_id);
        pg_array_add_slice(&columns.arrays[ADD_STATUS], slice_of(status_names[shipment->status]));
        pg_array_add_slice(&columns.arrays[ADD_CARRIER], slice_of(shipment->carrier));
        pg_array_add_slice(&columns.arrays[ADD_TRACKING], slice_of(shipment->tracking_number));
        pg_array_add_int64(&columns.arrays[ADD_PLACE], (int64_t)i);
    }
    if (count > 0)
        status = pg_columns_query(&columns, batch->pg, &add_shipments, &result, error);
    for (int row = 0; status == STATUS_OK && count > 0 && row < pg_rows(result); row++)
        shipments[pg_get_int64(result, row, 0)].is_new = true;
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

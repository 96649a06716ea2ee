#include "services/shipping/store.h"

#include "shared/pg_columns.h"

static const struct pg_statement add_shipments = {
    .name = "shipping_add",
    .sql = "INSERT INTO shipping.shipments (order_id, status, carrier, tracking_number)"
           " SELECT order_id, 'SHIPPED', carrier, tracking_number"
           " FROM unnest($1::uuid[], $2::text[], $3::text[])"
           "      AS d(order_id, carrier, tracking_number)"
           " ORDER BY order_id ON CONFLICT (order_id) DO NOTHING",
    .param_count = 3,
};

enum status shipping_store_add(struct batch *batch, const struct shipment *shipments, size_t count,
                               struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_columns columns;
    pg_columns_init(&columns, types, 3);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&columns.arrays[0], &shipments[i].order_id);
        pg_array_add_slice(&columns.arrays[1], slice_of(shipments[i].carrier));
        pg_array_add_slice(&columns.arrays[2], slice_of(shipments[i].tracking_number));
    }
    enum status status = STATUS_OK;
    if (count > 0)
        status = pg_columns_queue(&columns, batch->pg, &add_shipments, error);
    pg_columns_fini(&columns);
    return status;
}

#include "services/order/shipments.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- reading events --- */

static void take_allocated(const struct order_snapshot *order, struct arena *arena,
                           struct shipment_facts *facts) {
    facts->count = order->allocation_count;
    facts->rows = arena_alloc(arena, facts->count * sizeof(*facts->rows));
    for (size_t i = 0; i < facts->count; i++)
        facts->rows[i] = (struct shipment_fact){
            .part = (int64_t)i + 1,
            .warehouse = order->allocations[i].warehouse,
            .items = order->allocations[i].items,
            .item_count = order->allocations[i].item_count,
        };
}

/* Of an event that leads to the order's confirmation. */
static enum status read_allocations(const struct event *event, struct arena *arena,
                                    struct shipment_facts *facts, struct error *error) {
    struct order_snapshot *order = &facts->allocated;
    enum status status = order_allocations_parse(event->data, arena, order, error);
    if (status != STATUS_OK || order->allocation_count == 0)
        return status;
    facts->is_allocation = true;
    take_allocated(order, arena, facts);
    return STATUS_OK;
}

static enum status read_parcel(const struct json_value *object, struct arena *arena,
                               struct shipment_fact *fact, struct error *error) {
    struct order_allocation allocation;
    enum status status = order_allocation_parse(object, arena, &allocation, error);
    if (status == STATUS_OK)
        status = json_tree_get_int64(object, "part", &fact->part, error);
    if (status == STATUS_OK && (fact->part < 1 || fact->part > ORDER_MAX_ALLOCATIONS))
        status = error_set(error, STATUS_INVALID, "part: out of range");
    if (status == STATUS_OK)
        status = json_tree_get_string(object, "carrier", &fact->carrier, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(object, "trackingNumber", &fact->tracking_number, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_INVALID : status;
    fact->warehouse = allocation.warehouse;
    fact->items = allocation.items;
    fact->item_count = allocation.item_count;
    return STATUS_OK;
}

static enum status read_part(const struct event *event, struct arena *arena,
                             struct shipment_facts *facts, struct error *error) {
    facts->rows = arena_alloc(arena, sizeof(*facts->rows));
    facts->count = 1;
    return read_parcel(event->data, arena, &facts->rows[0], error);
}

/* One other warehouse has sent all of it, in one parcel. */
static enum status read_only_one(const struct event *event, struct arena *arena,
                                 struct shipment_facts *facts, struct error *error) {
    enum status status = read_allocations(event, arena, facts, error);
    if (status != STATUS_OK || facts->count != 1)
        return status;
    status = json_tree_get_string(event->data, "carrier", &facts->rows[0].carrier, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(event->data, "trackingNumber",
                                      &facts->rows[0].tracking_number, error);
    return status == STATUS_NOT_FOUND ? STATUS_INVALID : status;
}

/* The last parcel's event tells of all. */
static enum status read_all(const struct event *event, struct arena *arena,
                            struct shipment_facts *facts, struct error *error) {
    const struct json_value *array;
    enum status status = json_tree_get_array(event->data, "shipments", &array, error);
    if (status == STATUS_NOT_FOUND)
        return read_only_one(event, arena, facts, error);
    if (status != STATUS_OK)
        return status;
    facts->rows = arena_alloc(arena, (array->count + 1) * sizeof(*facts->rows));
    for (const struct json_value *one = array->first; one != NULL; one = one->next) {
        status = read_parcel(one, arena, &facts->rows[facts->count++], error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status shipments_read(const struct event *event, struct arena *arena,
                           struct shipment_facts *facts, struct error *error) {
    switch (event->type) {
    case EVENT_INVENTORY_RESERVED:
    case EVENT_PAYMENT_SUCCEEDED:
    case EVENT_PAYMENT_AUTHORIZED:
        return read_allocations(event, arena, facts, error);
    case EVENT_SHIPPING_PART_SHIPPED:
        return read_part(event, arena, facts, error);
    case EVENT_SHIPPING_SHIPPED:
        return read_all(event, arena, facts, error);
    default:
        return STATUS_OK;
    }
}

/* --- storing --- */

/* Several events of a batch may tell of one; what has left stays as it was told first. */
static const struct pg_statement save_shipments = {
    .name = "order_save_shipments",
    .sql = "INSERT INTO orders.shipments AS s"
           " (order_id, part, warehouse, items, carrier, tracking_number, shipped_at)"
           " SELECT DISTINCT ON (order_id, part) order_id, part, warehouse, items::jsonb, carrier,"
           "  tracking_number, CASE WHEN tracking_number IS NOT NULL"
           "   THEN timestamptz 'epoch' + at_us * interval '1 microsecond' END"
           " FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::text[],"
           "  $7::int8[]) AS d(order_id, part, warehouse, items, carrier, tracking_number, at_us)"
           " ORDER BY order_id, part, tracking_number IS NULL, at_us"
           " ON CONFLICT (order_id, part) DO UPDATE SET warehouse = EXCLUDED.warehouse,"
           "  items = EXCLUDED.items, carrier = EXCLUDED.carrier,"
           "  tracking_number = EXCLUDED.tracking_number, shipped_at = EXCLUDED.shipped_at"
           " WHERE s.tracking_number IS NULL",
    .param_count = 7,
};

enum {
    SAVE_ORDER,
    SAVE_PART,
    SAVE_WAREHOUSE,
    SAVE_ITEMS,
    SAVE_CARRIER,
    SAVE_TRACKING,
    SAVE_AT,
    SAVES
};

static void add_fact(struct pg_array *column, const struct shipment_note *note,
                     const struct shipment_fact *fact, struct buf *scratch) {
    buf_clear(scratch);
    struct json_writer w = json_writer(scratch);
    order_item_list_write(fact->items, fact->item_count, &w);
    pg_array_add_uuid(&column[SAVE_ORDER], &note->order_id);
    pg_array_add_int64(&column[SAVE_PART], fact->part);
    pg_array_add_slice(&column[SAVE_WAREHOUSE], fact->warehouse);
    pg_array_add_slice(&column[SAVE_ITEMS], buf_slice(scratch));
    pg_array_add_optional(&column[SAVE_CARRIER], fact->carrier);
    pg_array_add_optional(&column[SAVE_TRACKING], fact->tracking_number);
    pg_array_add_int64(&column[SAVE_AT], note->at_us);
}

enum status shipments_save(struct batch *batch, const struct shipment_note *notes, size_t count,
                           struct error *error) {
    static const enum pg_array_type types[SAVES] = {PG_ARRAY_UUID, PG_ARRAY_INT64, PG_ARRAY_TEXT,
                                                    PG_ARRAY_TEXT, PG_ARRAY_TEXT,  PG_ARRAY_TEXT,
                                                    PG_ARRAY_INT64};
    struct pg_columns columns;
    struct buf scratch = {0};
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, SAVES);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < notes[i].facts->count; j++)
            add_fact(columns.arrays, &notes[i], &notes[i].facts->rows[j], &scratch);
    }
    if (columns.arrays[SAVE_ORDER].count > 0)
        status = pg_columns_queue(&columns, batch->pg, &save_shipments, error);
    buf_fini(&scratch);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement drop_unsent = {
    .name = "order_drop_unsent",
    .sql = "DELETE FROM orders.shipments WHERE order_id = $1::uuid AND tracking_number IS NULL",
    .param_count = 1,
};

enum status shipments_cut(struct batch *batch, const struct order_snapshot *order, int64_t at_us,
                          struct error *error) {
    struct shipment_facts facts;
    const struct pg_param id = pg_uuid(&order->order_id);
    if (order->allocation_count == 0)
        return STATUS_OK;
    take_allocated(order, batch->arena, &facts);
    const struct shipment_note note = {order->order_id, at_us, &facts};
    enum status status = pg_queue(batch->pg, &drop_unsent, &id, error);
    return status == STATUS_OK ? shipments_save(batch, &note, 1, error) : status;
}

/* --- loading --- */

static const struct pg_statement load_shipments = {
    .name = "order_load_shipments",
    .sql = "SELECT order_id, '{\"allocations\":'"
           "  || jsonb_agg(jsonb_build_object('warehouse', warehouse, 'items', items)"
           "       ORDER BY part)::text || '}'"
           " FROM orders.shipments WHERE order_id = ANY ($1::uuid[]) GROUP BY order_id",
    .param_count = 1,
};

static bool is_wanted(const struct order_row *order) {
    return order->needs_items && (order->state.steps & STEP_ALLOCATED) != 0 &&
           order->snapshot.allocation_count == 0;
}

static enum status take_shipments(const struct pg_result *result, struct arena *arena,
                                  const struct order_rows *orders, struct error *error) {
    for (int row = 0; row < pg_rows(result); row++) {
        struct uuid id = pg_get_uuid(result, row, 0);
        struct order_row *order = order_rows_find(orders, &id);
        const struct json_value *data;
        if (order == NULL)
            continue;
        enum status status =
            json_tree_parse(arena_slice(arena, pg_get_slice(result, row, 1)), arena, &data, error);
        if (status == STATUS_OK)
            status = order_allocations_parse(data, arena, &order->snapshot, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status shipments_load(struct batch *batch, const struct order_rows *orders,
                           struct error *error) {
    struct pg_array ids;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < orders->count; i++) {
        if (is_wanted(&orders->rows[i]))
            pg_array_add_uuid(&ids, &orders->rows[i].snapshot.order_id);
    }
    const struct pg_param param = pg_array(&ids);
    if (ids.count > 0)
        status = pg_query(batch->pg, &load_shipments, &param, &result, error);
    if (status == STATUS_OK && result != NULL)
        status = take_shipments(result, batch->arena, orders, error);
    pg_result_free(&result);
    pg_array_fini(&ids);
    return status;
}

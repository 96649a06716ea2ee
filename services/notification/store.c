#include "services/notification/store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

static const struct pg_statement load_records = {
    .name = "notification_load",
    .sql = "SELECT order_id, kind, channel FROM notifications.notifications"
           " WHERE order_id = ANY ($1::uuid[]) ORDER BY order_id",
    .param_count = 1,
};

enum status notification_store_load(struct batch *batch, struct notice_records *records,
                                    struct error *error) {
    struct pg_result *result = NULL;
    enum status status = batch_query_orders(batch, &load_records, &result, error);
    if (status != STATUS_OK)
        return status;
    int found = pg_rows(result);
    records->rows = arena_alloc(batch->arena, ((size_t)found + 1) * sizeof(*records->rows));
    records->count = 0;
    for (int row = 0; row < found; row++) {
        struct notice_record *record = &records->rows[records->count];
        record->order_id = pg_get_uuid(result, row, 0);
        if (notice_kind_parse(pg_get_slice(result, row, 1), &record->kind) &&
            notify_channel_parse(pg_get_slice(result, row, 2), &record->channel))
            records->count++;
    }
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement add_records = {
    .name = "notification_add",
    .sql =
        "INSERT INTO notifications.notifications (order_id, kind, channel, status, detail, event)"
        " SELECT order_id, kind, channel, status, nullif(detail, ''), nullif(event, '')"
        " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])"
        "      AS d(order_id, kind, channel, status, detail, event)"
        " ORDER BY order_id, kind, channel ON CONFLICT DO NOTHING",
    .param_count = 6,
};

static const char *status_of(const struct notice_record *record) {
    if (record->is_erased)
        return "ERASED";
    return record->has_failed ? "FAILED" : "SENT";
}

enum status notification_store_add(struct pg *pg, const struct notice_records *records,
                                   struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_BYTES};
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < records->count; i++) {
        const struct notice_record *record = &records->rows[i];
        pg_array_add_uuid(&columns.arrays[0], &record->order_id);
        pg_array_add_slice(&columns.arrays[1], slice_of(notice_kind_name(record->kind)));
        pg_array_add_slice(&columns.arrays[2], slice_of(notify_channel_name(record->channel)));
        pg_array_add_slice(&columns.arrays[3], slice_of(status_of(record)));
        pg_array_add_slice(&columns.arrays[4], record->detail);
        pg_array_add_slice(&columns.arrays[5], record->event);
    }
    enum status status = STATUS_OK;
    if (records->count > 0)
        status = pg_columns_queue(&columns, pg, &add_records, error);
    pg_columns_fini(&columns);
    return status;
}

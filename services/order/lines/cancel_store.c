#include "services/order/lines/cancel_store.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- asking for one --------------------------------------------------------------------------- */

static const struct pg_statement find_cancel = {
    .name = "line_cancel_find",
    .sql = "SELECT order_id, reason, items FROM orders.line_cancels WHERE id = $1::uuid",
    .param_count = 1,
};

enum status cancel_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct line_cancel *found, struct error *error) {
    const struct pg_param param = pg_uuid(id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_cancel, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such cancellation");
    if (status == STATUS_OK)
        *found = (struct line_cancel){
            .id = *id,
            .order_id = pg_get_uuid(result, 0, 0),
            .reason = arena_slice(arena, pg_get_slice(result, 0, 1)),
            .items = arena_slice(arena, pg_get_slice(result, 0, 2)),
        };
    pg_result_free(&result);
    return status;
}

static const struct pg_statement read_stand = {
    .name = "line_cancel_stand",
    .sql = "SELECT status, steps,"
           " EXISTS (SELECT FROM orders.held_orders h WHERE h.order_id = o.id)"
           " FROM orders.orders o WHERE id = $1::uuid",
    .param_count = 1,
};

enum status cancel_store_read_stand(struct pg *pg, const struct uuid *order_id,
                                    struct line_stand *stand, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_stand, &param, &result, error);
    if (status == STATUS_OK &&
        (pg_rows(result) == 0 || !order_status_parse(pg_get_slice(result, 0, 0), &stand->status)))
        status = error_set(error, STATUS_INTERNAL, "an order of an unknown status");
    if (status == STATUS_OK) {
        stand->steps = (unsigned)pg_get_int64(result, 0, 1);
        stand->is_held = pg_get_bool(result, 0, 2);
    }
    pg_result_free(&result);
    return status;
}

#define CANCEL_PIECES                                                                              \
    "UPDATE orders.order_items i SET cancelled = coalesce(i.cancelled, 0) + d.quantity"

static const struct pg_statement add_cancel = {
    .name = "line_cancel_add",
    .sql = "WITH made AS ("
           " INSERT INTO orders.line_cancels (id, order_id, status, reason, items, lines,"
           "  quantities) VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::int8[],"
           "  $7::int8[])"
           ") " CANCEL_PIECES " FROM unnest($6::int8[], $7::int8[]) AS d(line, quantity)"
           " WHERE i.order_id = $2::uuid AND i.line = d.line"
           "  AND $3::text = '" LINE_CANCEL_CANCELLED "'",
    .param_count = 7,
};

enum status cancel_store_add(struct pg *pg, const struct line_cancel *added,
                             const struct order_lines *lines, struct error *error) {
    struct pg_array places, quantities;
    pg_array_init(&places, PG_ARRAY_INT64);
    pg_array_init(&quantities, PG_ARRAY_INT64);
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->rows[i].taken == 0)
            continue;
        pg_array_add_int64(&places, (int64_t)i + 1);
        pg_array_add_int64(&quantities, lines->rows[i].taken);
    }
    const struct pg_param params[] = {
        pg_uuid(&added->id),    pg_uuid(&added->order_id), pg_text(slice_of(added->status)),
        pg_text(added->reason), pg_text(added->items),     pg_array(&places),
        pg_array(&quantities),
    };
    enum status status = pg_queue(pg, &add_cancel, params, error);
    pg_array_fini(&places);
    pg_array_fini(&quantities);
    return status;
}

/* --- what became of it ------------------------------------------------------------------------ */

static const struct pg_statement load_cancelled = {
    .name = "line_cancel_load",
    .sql = "SELECT i.sku, i.cancelled, i.unit_price_minor, c.id, c.reason"
           " FROM orders.order_items i CROSS JOIN ("
           "  SELECT id, reason FROM orders.line_cancels WHERE order_id = $1::uuid"
           "   AND status = '" LINE_CANCEL_CANCELLED "' ORDER BY created_at, id LIMIT 1) c"
           " WHERE i.order_id = $1::uuid AND i.cancelled > 0 ORDER BY i.line",
    .param_count = 1,
};

static void take_cancelled(const struct pg_result *result, struct arena *arena,
                           struct lines_cancelled *cancelled) {
    size_t count = (size_t)pg_rows(result);
    *cancelled = (struct lines_cancelled){
        .id = pg_get_uuid(result, 0, 3),
        .reason = arena_slice(arena, pg_get_slice(result, 0, 4)),
        .items = arena_alloc(arena, count * sizeof(*cancelled->items)),
        .item_count = count,
    };
    for (size_t i = 0; i < count; i++) {
        struct order_item *item = &cancelled->items[i];
        *item = (struct order_item){
            .sku = arena_slice(arena, pg_get_slice(result, (int)i, 0)),
            .quantity = pg_get_int64(result, (int)i, 1),
            .unit_price_minor = pg_get_int64(result, (int)i, 2),
        };
        cancelled->amount_minor += item->quantity * item->unit_price_minor;
    }
}

enum status cancel_store_load(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                              struct lines_cancelled *cancelled, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &load_cancelled, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_INTERNAL, "no pieces of the order are cancelled");
    if (status == STATUS_OK)
        take_cancelled(result, arena, cancelled);
    pg_result_free(&result);
    return status;
}

static const struct pg_statement settle_cancel = {
    .name = "line_cancel_settle",
    .sql = "WITH settled AS ("
           " UPDATE orders.line_cancels SET status = '" LINE_CANCEL_CANCELLED "',"
           "  updated_at = now() WHERE id = $1::uuid AND status = '" LINE_CANCEL_REQUESTED "'"
           " RETURNING order_id, lines, quantities"
           ") " CANCEL_PIECES
           " FROM settled, unnest(settled.lines, settled.quantities) AS d(line, quantity)"
           " WHERE i.order_id = settled.order_id AND i.line = d.line",
    .param_count = 1,
};

enum status cancel_store_settle(struct pg *pg, const struct uuid *id, struct error *error) {
    const struct pg_param param = pg_uuid(id);
    return pg_queue(pg, &settle_cancel, &param, error);
}

static const struct pg_statement refuse_cancel = {
    .name = "line_cancel_refuse",
    .sql = "UPDATE orders.line_cancels SET status = 'REFUSED', updated_at = now()"
           " WHERE order_id = $1::uuid AND status = '" LINE_CANCEL_REQUESTED "'",
    .param_count = 1,
};

enum status cancel_store_refuse(struct pg *pg, const struct uuid *order_id, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    return pg_queue(pg, &refuse_cancel, &param, error);
}

/* --- for readers ------------------------------------------------------------------------------ */

/* What was all of the order, or waits for shipping, stands as the order does once that has ended.
 */
static const struct pg_statement read_cancel = {
    .name = "line_cancel_read",
    .sql = "SELECT CASE WHEN c.status NOT IN ('WHOLE', 'REQUESTED') THEN c.status"
           "  WHEN o.status = 'CANCELLED' THEN 'CANCELLED'"
           "  WHEN o.status IN ('COMPLETED', 'FAILED') THEN 'REFUSED' ELSE 'REQUESTED' END,"
           " c.order_id, c.reason, c.items, c.created_at, c.updated_at, o.status,"
           " (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('sku', i.sku, 'quantity',"
           "    i.quantity, 'unitPriceMinor', i.unit_price_minor, 'cancelled', i.cancelled))"
           "   ORDER BY i.line) FROM orders.order_items i WHERE i.order_id = o.id)::text"
           " FROM orders.line_cancels c JOIN orders.orders o ON o.id = c.order_id"
           " WHERE c.id = $1::uuid",
    .param_count = 1,
};

enum {
    READ_STATUS,
    READ_ORDER,
    READ_REASON,
    READ_ITEMS,
    READ_CREATED,
    READ_UPDATED,
    READ_ORDER_STATUS,
    READ_LINES
};

static void put_time(struct json_writer *w, const char *key, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    json_put_text(w, key, text);
}

static void write_cancel(struct buf *reply, const struct pg_result *result, const struct uuid *id) {
    char id_text[UUID_TEXT_SIZE], order_text[UUID_TEXT_SIZE];
    const struct uuid order_id = pg_get_uuid(result, 0, READ_ORDER);
    struct json_writer w = json_writer(reply);
    uuid_format(id, id_text);
    uuid_format(&order_id, order_text);
    json_begin_object(&w);
    json_put_text(&w, "cancellationId", id_text);
    json_put_text(&w, "orderId", order_text);
    json_put_string(&w, "status", pg_get_slice(result, 0, READ_STATUS));
    json_put_raw(&w, "items", pg_get_slice(result, 0, READ_ITEMS));
    json_put_string(&w, "reason", pg_get_slice(result, 0, READ_REASON));
    json_put_string(&w, "orderStatus", pg_get_slice(result, 0, READ_ORDER_STATUS));
    json_put_raw(&w, "lines", pg_get_slice(result, 0, READ_LINES));
    put_time(&w, "createdAt", pg_get_time_us(result, 0, READ_CREATED));
    put_time(&w, "updatedAt", pg_get_time_us(result, 0, READ_UPDATED));
    json_end_object(&w);
}

enum status cancel_store_read(struct pg *pg, const struct uuid *id, struct buf *reply,
                              struct error *error) {
    const struct pg_param param = pg_uuid(id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_cancel, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_INTERNAL, "a cancellation is gone");
    if (status == STATUS_OK)
        write_cancel(reply, result, id);
    pg_result_free(&result);
    return status;
}

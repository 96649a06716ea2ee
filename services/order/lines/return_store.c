#include "services/order/lines/return_store.h"

#include "shared/base/clock.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

static const char *const status_names[] = {
    [RETURN_REQUESTED] = "REQUESTED",
    [RETURN_RECEIVED] = "RECEIVED",
    [RETURN_RETURNED] = "RETURNED",
    [RETURN_REFUSED] = "REFUSED",
};

/* --- finding ---------------------------------------------------------------------------------- */

static const struct pg_statement find_return = {
    .name = "return_find",
    .sql = "SELECT order_id, status, reason, items, coalesce(received, '')"
           " FROM orders.returns WHERE id = $1::uuid",
    .param_count = 1,
};

static enum status take_return(const struct pg_result *result, const struct uuid *id,
                               struct arena *arena, struct order_return *found,
                               struct error *error) {
    int status = slice_index(pg_get_slice(result, 0, 1), status_names, RETURN_STATUS_COUNT);
    if (status < 0)
        return error_set(error, STATUS_INTERNAL, "unknown status of a return");
    *found = (struct order_return){
        .id = *id,
        .order_id = pg_get_uuid(result, 0, 0),
        .status = (enum return_status)status,
        .reason = arena_slice(arena, pg_get_slice(result, 0, 2)),
        .items = arena_slice(arena, pg_get_slice(result, 0, 3)),
        .received = arena_slice(arena, pg_get_slice(result, 0, 4)),
    };
    return STATUS_OK;
}

enum status return_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct order_return *found, struct error *error) {
    const struct pg_param param = pg_uuid(id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_return, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such return");
    if (status == STATUS_OK)
        status = take_return(result, id, arena, found, error);
    pg_result_free(&result);
    return status;
}

static const struct pg_statement is_in_time = {
    .name = "return_is_in_time",
    .sql = "SELECT coalesce(max((t ->> 'at')::timestamptz), now())"
           "  > now() - $2::int8 * interval '1 day'"
           " FROM orders.orders o, jsonb_array_elements(o.timeline) t"
           " WHERE o.id = $1::uuid AND t ->> 'event' = 'OrderCompleted'",
    .param_count = 2,
};

enum status return_store_is_in_time(struct pg *pg, const struct uuid *order_id, int64_t days,
                                    bool *in_time, struct error *error) {
    const struct pg_param params[] = {pg_uuid(order_id), pg_int64(days)};
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    *in_time = true;
    if (days > 0)
        status = pg_query(pg, &is_in_time, params, &result, error);
    if (status == STATUS_OK && days > 0)
        *in_time = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    return status;
}

static const struct pg_statement load_announced = {
    .name = "return_load_announced",
    .sql = "SELECT line, quantity FROM orders.return_items WHERE return_id = $1::uuid",
    .param_count = 1,
};

enum status return_store_load_announced(struct pg *pg, const struct uuid *id,
                                        struct order_lines *lines, struct error *error) {
    const struct pg_param param = pg_uuid(id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &load_announced, &param, &result, error);
    for (size_t i = 0; i < lines->count; i++)
        lines->rows[i].left = 0;
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++) {
        size_t place = (size_t)pg_get_int64(result, row, 0) - 1;
        if (place < lines->count)
            lines->rows[place].left = pg_get_int64(result, row, 1);
    }
    pg_result_free(&result);
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static const struct pg_statement add_return = {
    .name = "return_add",
    .sql = "WITH made AS ("
           " INSERT INTO orders.returns (id, order_id, reason, items)"
           " VALUES ($1::uuid, $2::uuid, $3::text, $4::text)"
           "), announced AS ("
           " INSERT INTO orders.return_items (return_id, line, quantity)"
           " SELECT $1::uuid, line, quantity FROM unnest($5::int8[], $6::int8[]) AS d(line,"
           "  quantity)"
           ") UPDATE orders.order_items i SET coming_back = coalesce(i.coming_back, 0) + d.quantity"
           " FROM unnest($5::int8[], $6::int8[]) AS d(line, quantity)"
           " WHERE i.order_id = $2::uuid AND i.line = d.line",
    .param_count = 6,
};

enum status return_store_add(struct pg *pg, const struct order_return *added,
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
        pg_uuid(&added->id),   pg_uuid(&added->order_id), pg_text(added->reason),
        pg_text(added->items), pg_array(&places),         pg_array(&quantities),
    };
    enum status status = pg_queue(pg, &add_return, params, error);
    pg_array_fini(&places);
    pg_array_fini(&quantities);
    return status;
}

static const struct pg_statement receive_return = {
    .name = "return_receive",
    .sql = "WITH noted AS ("
           " UPDATE orders.returns SET status = 'RECEIVED', received = $3::text,"
           "  updated_at = now() WHERE id = $1::uuid"
           "), come AS ("
           " UPDATE orders.return_items i SET restocked = d.restocked,"
           "  written_off = d.written_off"
           " FROM unnest($4::int8[], $5::int8[], $6::int8[]) AS d(line, restocked, written_off)"
           " WHERE i.return_id = $1::uuid AND i.line = d.line"
           " RETURNING i.line, i.quantity - d.restocked - d.written_off AS missing"
           ") UPDATE orders.order_items o SET coming_back = o.coming_back - come.missing"
           " FROM come WHERE o.order_id = $2::uuid AND o.line = come.line AND come.missing > 0",
    .param_count = 6,
};

enum { COME_LINE, COME_RESTOCKED, COME_WRITTEN_OFF, COME_COLUMNS };

enum status return_store_receive(struct pg *pg, const struct order_return *received,
                                 const struct line_receipt *receipts, size_t count,
                                 struct error *error) {
    struct pg_array columns[COME_COLUMNS];
    for (int i = 0; i < COME_COLUMNS; i++)
        pg_array_init(&columns[i], PG_ARRAY_INT64);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_int64(&columns[COME_LINE], (int64_t)i + 1);
        pg_array_add_int64(&columns[COME_RESTOCKED], receipts[i].restocked);
        pg_array_add_int64(&columns[COME_WRITTEN_OFF], receipts[i].written_off);
    }
    const struct pg_param params[] = {
        pg_uuid(&received->id),
        pg_uuid(&received->order_id),
        pg_text(received->received),
        pg_array(&columns[COME_LINE]),
        pg_array(&columns[COME_RESTOCKED]),
        pg_array(&columns[COME_WRITTEN_OFF]),
    };
    enum status status = pg_queue(pg, &receive_return, params, error);
    for (int i = 0; i < COME_COLUMNS; i++)
        pg_array_fini(&columns[i]);
    return status;
}

static const struct pg_statement refuse_return = {
    .name = "return_refuse",
    .sql = "WITH refused AS ("
           " UPDATE orders.returns SET status = 'REFUSED', note = $3::text, updated_at = now()"
           "  WHERE id = $1::uuid"
           ") UPDATE orders.order_items o SET coming_back = o.coming_back - i.quantity"
           " FROM orders.return_items i"
           " WHERE i.return_id = $1::uuid AND o.order_id = $2::uuid AND o.line = i.line",
    .param_count = 3,
};

enum status return_store_refuse(struct pg *pg, const struct order_return *refused,
                                struct slice note, struct error *error) {
    const struct pg_param params[] = {pg_uuid(&refused->id), pg_uuid(&refused->order_id),
                                      pg_text(note)};
    return pg_queue(pg, &refuse_return, params, error);
}

static const struct pg_statement note_refund = {
    .name = "return_note_refund",
    .sql = "UPDATE orders.returns SET status = 'RETURNED', refunded_minor = $2::int8,"
           " updated_at = now() WHERE id = $1::uuid AND status = 'RECEIVED'",
    .param_count = 2,
};

enum status return_store_note_refund(struct pg *pg, const struct uuid *id, int64_t refunded_minor,
                                     struct error *error) {
    const struct pg_param params[] = {pg_uuid(id), pg_int64(refunded_minor)};
    return pg_queue(pg, &note_refund, params, error);
}

/* --- for readers ------------------------------------------------------------------------------ */

#define RETURNS_MOST "1000"

/* A row without a return for an order that has none. */
static const struct pg_statement read_returns = {
    .name = "return_read",
    .sql = "SELECT r.id, r.status, r.reason, r.note, r.refunded_minor, r.created_at, r.updated_at,"
           " (SELECT jsonb_agg(jsonb_build_object('line', i.line, 'sku', o.sku,"
           "    'quantity', i.quantity, 'restocked', i.restocked, 'writtenOff', i.written_off)"
           "   ORDER BY i.line) FROM orders.return_items i"
           "  JOIN orders.order_items o ON o.order_id = r.order_id AND o.line = i.line"
           "  WHERE i.return_id = r.id)::text"
           " FROM orders.orders o LEFT JOIN orders.returns r ON r.order_id = o.id"
           "  AND ($4::uuid IS NULL OR r.id = $4::uuid)"
           " WHERE o.id = $1::uuid AND o.tenant = $2::text"
           "  AND ($3::text = '' OR o.customer_id = $3::text)"
           " ORDER BY r.created_at, r.id LIMIT " RETURNS_MOST,
    .param_count = 4,
};

enum {
    READ_ID,
    READ_STATUS,
    READ_REASON,
    READ_NOTE,
    READ_REFUNDED,
    READ_CREATED,
    READ_UPDATED,
    READ_ITEMS
};

static void put_time(struct json_writer *w, const char *key, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    json_put_text(w, key, text);
}

static void write_return(struct json_writer *w, const struct pg_result *result, int row,
                         const struct uuid *order_id) {
    char id_text[UUID_TEXT_SIZE], order_text[UUID_TEXT_SIZE];
    const struct uuid id = pg_get_uuid(result, row, READ_ID);
    uuid_format(&id, id_text);
    uuid_format(order_id, order_text);
    json_begin_object(w);
    json_put_text(w, "returnId", id_text);
    json_put_text(w, "orderId", order_text);
    json_put_string(w, "status", pg_get_slice(result, row, READ_STATUS));
    json_put_raw(w, "items", pg_get_slice(result, row, READ_ITEMS));
    json_put_string(w, "reason", pg_get_slice(result, row, READ_REASON));
    if (!pg_is_null(result, row, READ_NOTE))
        json_put_string(w, "note", pg_get_slice(result, row, READ_NOTE));
    if (!pg_is_null(result, row, READ_REFUNDED))
        json_put_int(w, "refundedMinor", pg_get_int64(result, row, READ_REFUNDED));
    put_time(w, "createdAt", pg_get_time_us(result, row, READ_CREATED));
    put_time(w, "updatedAt", pg_get_time_us(result, row, READ_UPDATED));
    json_end_object(w);
}

static void write_list(struct buf *reply, const struct pg_result *result,
                       const struct uuid *order_id) {
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_key(&w, "returns");
    json_begin_array(&w);
    for (int row = 0; row < pg_rows(result); row++) {
        if (!pg_is_null(result, row, READ_ID))
            write_return(&w, result, row, order_id);
    }
    json_end_array(&w);
    json_end_object(&w);
}

enum status return_store_read(struct pg *pg, const struct order_sought *sought,
                              const struct uuid *id, struct buf *reply, struct error *error) {
    const struct pg_param key[] = {pg_uuid(&sought->id), pg_text(sought->tenant),
                                   pg_text(sought->customer), id != NULL ? pg_uuid(id) : pg_null()};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_returns, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    if (pg_rows(result) == 0 || (id != NULL && pg_is_null(result, 0, READ_ID)))
        status = error_set(error, STATUS_NOT_FOUND, "no such return");
    else if (id != NULL)
        write_return(&w, result, 0, &sought->id);
    else
        write_list(reply, result, &sought->id);
    pg_result_free(&result);
    return status;
}

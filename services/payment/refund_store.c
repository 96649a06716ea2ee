#include "services/payment/refund_store.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* --- asking for one --- */

static const struct pg_statement lock_payment = {
    .name = "refund_lock_payment",
    .sql = "SELECT status, currency, coalesce(captured_minor, amount_minor),"
           " coalesce(refunded_minor, 0)"
           " FROM payments.payments WHERE order_id = $1::uuid FOR UPDATE",
    .param_count = 1,
};

enum status refund_store_lock(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                              struct refundable *payment, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum payment_status stands = PAYMENT_INTENT;
    enum status status = pg_query(pg, &lock_payment, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "the order has no payment");
    else if (status == STATUS_OK && !payment_status_parse(pg_get_slice(result, 0, 0), &stands))
        status = error_set(error, STATUS_INTERNAL, "unknown payment status");
    if (status == STATUS_OK)
        *payment = (struct refundable){
            .status = stands,
            .currency = arena_slice(arena, pg_get_slice(result, 0, 1)),
            .captured_minor = pg_get_int64(result, 0, 2),
            .refunded_minor = pg_get_int64(result, 0, 3),
        };
    pg_result_free(&result);
    return status;
}

static const struct pg_statement find_refund = {
    .name = "refund_find",
    .sql = "SELECT order_id, amount_minor, reason, status, coalesce(items, '')"
           " FROM payments.refunds WHERE id = $1::uuid",
    .param_count = 1,
};

enum status refund_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct refund *refund, struct error *error) {
    const struct pg_param param = pg_uuid(id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_refund, &param, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such refund");
    if (status == STATUS_OK)
        *refund = (struct refund){
            .id = *id,
            .order_id = pg_get_uuid(result, 0, 0),
            .amount_minor = pg_get_int64(result, 0, 1),
            .reason = arena_slice(arena, pg_get_slice(result, 0, 2)),
            .status = arena_slice(arena, pg_get_slice(result, 0, 3)),
            .items = arena_slice(arena, pg_get_slice(result, 0, 4)),
        };
    pg_result_free(&result);
    return status;
}

static const struct pg_statement read_lines = {
    .name = "refund_read_lines",
    .sql = "SELECT line, refunded FROM payments.refunded_lines WHERE order_id = $1::uuid",
    .param_count = 1,
};

enum status refund_store_read_lines(struct pg *pg, const struct uuid *order_id,
                                    struct order_lines *lines, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_lines, &param, &result, error);
    for (size_t i = 0; i < lines->count; i++) {
        lines->rows[i].left = lines->rows[i].quantity;
        lines->rows[i].taken = 0;
    }
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++) {
        size_t place = (size_t)pg_get_int64(result, row, 0) - 1;
        if (place < lines->count)
            lines->rows[place].left -= pg_get_int64(result, row, 1);
    }
    pg_result_free(&result);
    return status;
}

static const struct pg_statement add_refund = {
    .name = "refund_add",
    .sql = "WITH added AS ("
           " INSERT INTO payments.refunds (id, order_id, amount_minor, reason, is_return)"
           " VALUES ($1::uuid, $2::uuid, $3::int8, $4::text, $5::int8 <> 0) RETURNING order_id, "
           "amount_minor)"
           " UPDATE payments.payments p"
           " SET refunded_minor = coalesce(p.refunded_minor, 0) + added.amount_minor"
           " FROM added WHERE p.order_id = added.order_id",
    .param_count = 5,
};

static const struct pg_statement note_pieces = {
    .name = "refund_note_pieces",
    .sql = "WITH noted AS ("
           " UPDATE payments.refunds SET items = $3::text, lines = $4::int8[],"
           "  quantities = $6::int8[] WHERE id = $1::uuid"
           ") INSERT INTO payments.refunded_lines AS l (order_id, line, quantity, refunded)"
           " SELECT $2::uuid, line, quantity, taken"
           " FROM unnest($4::int8[], $5::int8[], $6::int8[]) AS d(line, quantity, taken)"
           " ORDER BY line ON CONFLICT (order_id, line)"
           " DO UPDATE SET refunded = l.refunded + excluded.refunded",
    .param_count = 6,
};

enum { PIECES_LINE, PIECES_QUANTITY, PIECES_TAKEN, PIECES };

static enum status add_pieces(struct pg *pg, const struct refund *refund,
                              const struct order_lines *lines, struct error *error) {
    struct pg_array columns[PIECES];
    for (int i = 0; i < PIECES; i++)
        pg_array_init(&columns[i], PG_ARRAY_INT64);
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->rows[i].taken == 0)
            continue;
        pg_array_add_int64(&columns[PIECES_LINE], (int64_t)i + 1);
        pg_array_add_int64(&columns[PIECES_QUANTITY], lines->rows[i].quantity);
        pg_array_add_int64(&columns[PIECES_TAKEN], lines->rows[i].taken);
    }
    const struct pg_param params[] = {
        pg_uuid(&refund->id),
        pg_uuid(&refund->order_id),
        pg_text(refund->items),
        pg_array(&columns[PIECES_LINE]),
        pg_array(&columns[PIECES_QUANTITY]),
        pg_array(&columns[PIECES_TAKEN]),
    };
    enum status status = pg_queue(pg, &note_pieces, params, error);
    for (int i = 0; i < PIECES; i++)
        pg_array_fini(&columns[i]);
    return status;
}

enum status refund_store_add(struct pg *pg, const struct refund *refund,
                             const struct order_lines *lines, struct error *error) {
    const struct pg_param params[] = {pg_uuid(&refund->id), pg_uuid(&refund->order_id),
                                      pg_int64(refund->amount_minor), pg_text(refund->reason),
                                      pg_int64(refund->is_return)};
    enum status status = pg_queue(pg, &add_refund, params, error);
    return status == STATUS_OK && lines->count > 0 ? add_pieces(pg, refund, lines, error) : status;
}

/* --- looking at them --- */

#define LIST(more)                                                                                 \
    "SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object("                              \
    "  'refundId', r.id, 'orderId', r.order_id, 'amountMinor', r.amount_minor,"                    \
    "  'currency', p.currency, 'items', r.items::jsonb, 'status', r.status, 'createdAt',"          \
    "  to_char(r.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" more         \
    " )) ORDER BY r.created_at, r.id), '[]')::text"                                                \
    " FROM payments.refunds r JOIN payments.payments p ON p.order_id = r.order_id"                 \
    " WHERE r.order_id = $1::uuid"

/* By [whether for an administrator]. */
static const struct pg_statement list_refunds[2] = {
    {.name = "refund_list", .sql = LIST(""), .param_count = 1},
    {.name = "refund_list_whole",
     .sql = LIST(", 'reason', r.reason, 'providerRefundId', r.refund_id, 'code', r.code,"
                 " 'attempts', r.attempts"),
     .param_count = 1},
};

enum status refund_store_list(struct pg *pg, const struct uuid *order_id, bool is_whole,
                              struct buf *out, struct error *error) {
    const struct pg_param param = pg_uuid(order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &list_refunds[is_whole], &param, &result, error);
    if (status == STATUS_OK)
        buf_append_slice(out, pg_get_slice(result, 0, 0));
    pg_result_free(&result);
    return status;
}

enum status refund_store_oldest(struct pg *pg, int64_t *age_s, struct error *error) {
    static const struct pg_statement find_oldest = {
        .name = "refund_oldest",
        .sql = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::int8"
               " FROM payments.refunds WHERE status = 'PENDING'",
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_oldest, NULL, &result, error);
    if (status == STATUS_OK)
        *age_s = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return status;
}

/* --- making those that are due --- */

/* A time that is further away than any turn is of a clock that was ahead. */
static const struct pg_statement take_due = {
    .name = "refund_take_due",
    .sql = "UPDATE payments.refunds r SET attempts = r.attempts + 1,"
           " due_at = now() + least(interval '5 minutes',"
           "                        interval '1 second' * 2 ^ least(r.attempts, 10))"
           " FROM payments.payments p WHERE p.order_id = r.order_id AND r.id = ANY (ARRAY("
           "  SELECT id FROM payments.refunds WHERE status = 'PENDING'"
           "   AND (due_at <= now() OR due_at > now() + interval '10 minutes')"
           "   AND created_at > now() - interval '23 hours'"
           "  ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED))"
           " RETURNING r.id, r.order_id, r.amount_minor, r.reason, r.attempts, p.currency,"
           "  coalesce(p.charge_id, ''), r.is_return",
};

enum {
    DUE_ID,
    DUE_ORDER,
    DUE_AMOUNT,
    DUE_REASON,
    DUE_ATTEMPTS,
    DUE_CURRENCY,
    DUE_CHARGE,
    DUE_IS_RETURN,
};

enum status refund_store_take_due(struct pg *pg, struct arena *arena, struct due_refunds *due,
                                  struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &take_due, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    due->count = (size_t)pg_rows(result);
    due->items = arena_alloc(arena, (due->count + 1) * sizeof(*due->items));
    for (size_t i = 0; i < due->count; i++) {
        int row = (int)i;
        due->items[i] = (struct due_refund){
            .refund = {.id = pg_get_uuid(result, row, DUE_ID),
                       .order_id = pg_get_uuid(result, row, DUE_ORDER),
                       .amount_minor = pg_get_int64(result, row, DUE_AMOUNT),
                       .reason = arena_slice(arena, pg_get_slice(result, row, DUE_REASON)),
                       .is_return = pg_get_bool(result, row, DUE_IS_RETURN)},
            .attempt = (int)pg_get_int64(result, row, DUE_ATTEMPTS),
            .currency = arena_slice(arena, pg_get_slice(result, row, DUE_CURRENCY)),
            .charge_id = arena_slice(arena, pg_get_slice(result, row, DUE_CHARGE)),
        };
    }
    pg_result_free(&result);
    return STATUS_OK;
}

/* The sums of what others have settled are read behind this. */
static const struct pg_statement lock_payments = {
    .name = "refund_lock_payments",
    .sql = "SELECT order_id FROM payments.payments WHERE order_id = ANY ($1::uuid[])"
           " ORDER BY order_id FOR UPDATE",
    .param_count = 1,
};

static const struct pg_statement settle_refunds = {
    .name = "refund_settle",
    .sql = "WITH settled AS ("
           " UPDATE payments.refunds r"
           " SET status = d.status, refund_id = d.refund_id, code = d.code"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])"
           "      AS d(id, status, refund_id, code)"
           " WHERE r.id = d.id AND r.status = 'PENDING'"
           " RETURNING r.id, r.order_id, r.amount_minor, r.status, r.lines, r.quantities"
           "), pieces AS ("
           " UPDATE payments.refunded_lines l SET refunded = l.refunded - s.pieces"
           " FROM (SELECT order_id, line, sum(pieces)::int8 AS pieces"
           "       FROM settled, unnest(lines, quantities) AS u(line, pieces)"
           "       WHERE status = 'REFUSED' GROUP BY order_id, line) s"
           " WHERE l.order_id = s.order_id AND l.line = s.line"
           "), refused AS ("
           " UPDATE payments.payments p SET refunded_minor = p.refunded_minor - s.minor"
           " FROM (SELECT order_id, sum(amount_minor)::int8 AS minor FROM settled"
           "       WHERE status = 'REFUSED' GROUP BY order_id) s WHERE p.order_id = s.order_id"
           ") SELECT s.id, coalesce(p.captured_minor, p.amount_minor),"
           "  ((SELECT coalesce(sum(amount_minor), 0) FROM payments.refunds r"
           "     WHERE r.order_id = s.order_id AND r.status = 'REFUNDED')"
           "   + (SELECT coalesce(sum(amount_minor), 0) FROM settled o"
           "     WHERE o.order_id = s.order_id AND o.status = 'REFUNDED'))::int8"
           " FROM settled s JOIN payments.payments p ON p.order_id = s.order_id",
    .param_count = 4,
};

static enum status take_settled(const struct pg_result *result, struct arena *arena,
                                struct settled_refunds *settled) {
    settled->count = (size_t)pg_rows(result);
    settled->items = arena_alloc(arena, (settled->count + 1) * sizeof(*settled->items));
    for (size_t i = 0; i < settled->count; i++)
        settled->items[i] = (struct settled_refund){
            .id = pg_get_uuid(result, (int)i, 0),
            .captured_minor = pg_get_int64(result, (int)i, 1),
            .refunded_minor = pg_get_int64(result, (int)i, 2),
        };
    return STATUS_OK;
}

enum status refund_store_settle(struct pg *pg, const struct due_refunds *due, struct arena *arena,
                                struct settled_refunds *settled, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_TEXT};
    struct pg_columns columns;
    struct pg_array orders;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    pg_array_init(&orders, PG_ARRAY_UUID);
    for (size_t i = 0; i < due->count; i++) {
        const struct due_refund *one = &due->items[i];
        if (one->outcome == NULL)
            continue;
        pg_array_add_uuid(&orders, &one->refund.order_id);
        pg_array_add_uuid(&columns.arrays[0], &one->refund.id);
        pg_array_add_slice(&columns.arrays[1], slice_of(one->outcome));
        pg_array_add_optional(&columns.arrays[2], slice_of(one->refund_id));
        pg_array_add_optional(&columns.arrays[3], slice_of(one->code));
    }
    const struct pg_param param = pg_array(&orders);
    if (orders.count > 0)
        status = pg_queue(pg, &lock_payments, &param, error);
    if (orders.count > 0 && status == STATUS_OK)
        status = pg_columns_query(&columns, pg, &settle_refunds, &result, error);
    if (status == STATUS_OK && result != NULL)
        status = take_settled(result, arena, settled);
    pg_result_free(&result);
    pg_array_fini(&orders);
    pg_columns_fini(&columns);
    return status;
}

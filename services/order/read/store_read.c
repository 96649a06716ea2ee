#include "services/order/read/store_read.h"

#include "shared/base/clock.h"
#include "shared/contract/order_message.h"
#include "shared/contract/order_payment.h"
#include "shared/contract/reservation_id.h"
#include "shared/pg/pg_result.h"

#include <string.h>

/* --- one order --- */

/* Whether the event is in its timeline. */
#define HAS(event) " o.timeline @> '[{\"event\": \"" event "\"}]'"

/* Null of an order that main alone serves: nobody looks for them then. */
#define SHIPMENTS                                                                                  \
    " CASE WHEN o.steps & 512 <> 0 THEN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object("   \
    "  'part', s.part, 'warehouse', s.warehouse, 'status',"                                        \
    "  CASE WHEN s.shipped_at IS NULL THEN 'ALLOCATED' ELSE 'SHIPPED' END, 'carrier', s.carrier,"  \
    "  'trackingNumber', s.tracking_number, 'shippedAt', to_char(s.shipped_at AT TIME ZONE 'UTC'," \
    "   'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'items', s.items)) ORDER BY s.part)"                 \
    " FROM orders.shipments s WHERE s.order_id = o.id) END::text"

#define READ_FROM                                                                                  \
    " FROM orders.orders o WHERE o.id = $1::uuid AND o.tenant = $2::text"                          \
    "  AND ($3::text = '' OR o.customer_id = $3::text)"

/* Where its customer is to confirm the payment. */
#define ACTION_URL                                                                                 \
    " CASE WHEN o.action_until IS NOT NULL THEN (SELECT entry->>'detail'"                          \
    "  FROM jsonb_array_elements(o.timeline) entry"                                                \
    "  WHERE entry->>'event' = 'PaymentActionRequired' LIMIT 1) END"

/* What its cancelled pieces are worth; null where there are none. */
#define CANCELLED_MINOR                                                                            \
    " CASE WHEN o.steps & 2048 <> 0 THEN (SELECT sum(i.cancelled * i.unit_price_minor)::int8"      \
    "  FROM orders.order_items i WHERE i.order_id = o.id) END"

static const struct pg_statement read_order = {
    .name = "order_read",
    .sql =
        "SELECT o.status, o.reason, o.updated_at, o.version, o.flow, o.steps, o.customer_id,"
        " o.currency, o.total_minor, o.tracking_number, o.accepted_at,"
        " (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('sku', i.sku, 'quantity',"
        "    i.quantity, 'unitPriceMinor', i.unit_price_minor, 'cancelled', i.cancelled))"
        "   ORDER BY i.line)"
        "  FROM orders.order_items i WHERE i.order_id = o.id)::text,"
        " o.timeline::text, o.refunded_minor," HAS("PaymentRefunded") "," HAS(
            "PaymentVoided") "," HAS("PaymentFailed") "," SHIPMENTS ", o.taken_at," ACTION_URL
                                                      ", o.action_until," CANCELLED_MINOR READ_FROM,
    .param_count = 3,
};

static const struct pg_statement read_status = {
    .name = "order_read_status",
    .sql = "SELECT status, reason, updated_at, version, flow, steps FROM orders.orders"
           " WHERE id = $1::uuid AND tenant = $2::text"
           "  AND ($3::text = '' OR customer_id = $3::text)",
    .param_count = 3,
};

/* The first columns of all that is read. */
enum { READ_STATUS, READ_REASON, READ_UPDATED, READ_VERSION, READ_FLOW, READ_STEPS };
/* The next columns, of an order whole and of one in a list. */
enum {
    READ_CUSTOMER = READ_STEPS + 1,
    READ_CURRENCY,
    READ_TOTAL,
    READ_TRACKING,
    READ_ACCEPTED,
};
/* The rest of read_order's. */
enum {
    READ_ITEMS = READ_ACCEPTED + 1,
    READ_TIMELINE,
    READ_REFUNDED,
    READ_HAS_REFUND,
    READ_HAS_VOID,
    READ_HAS_DECLINE,
    READ_SHIPMENTS,
    READ_TAKEN,
    READ_ACTION_URL,
    READ_ACTION_UNTIL,
    READ_CANCELLED,
};

static void put_time(struct json_writer *w, const char *key, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    json_put_text(w, key, text);
}

static void put_optional(struct json_writer *w, const char *key, const struct pg_result *result,
                         int row, int column) {
    if (!pg_is_null(result, row, column))
        json_put_string(w, key, pg_get_slice(result, row, column));
}

/* A word of a later version is a status without a message, or a reason that says nothing. */
static void put_message(struct json_writer *w, const struct pg_result *result, int row) {
    struct order_stand stand = {.steps = (unsigned)pg_get_int64(result, row, READ_STEPS)};
    (void)order_reason_parse(pg_get_slice(result, row, READ_REASON), &stand.reason);
    if (order_flow_parse(pg_get_slice(result, row, READ_FLOW), &stand.flow) &&
        order_status_parse(pg_get_slice(result, row, READ_STATUS), &stand.status))
        json_put_text(w, "message", order_message(&stand));
}

static void put_head(struct json_writer *w, const struct uuid *id, const struct pg_result *result,
                     int row) {
    char id_text[UUID_TEXT_SIZE];
    uuid_format(id, id_text);
    json_put_text(w, "orderId", id_text);
    json_put_string(w, "status", pg_get_slice(result, row, READ_STATUS));
    put_optional(w, "reason", result, row, READ_REASON);
    put_message(w, result, row);
    const char *shipment_status =
        order_shipment_status((unsigned)pg_get_int64(result, row, READ_STEPS));
    if (shipment_status != NULL)
        json_put_text(w, "shipmentStatus", shipment_status);
    put_time(w, "updatedAt", pg_get_time_us(result, row, READ_UPDATED));
    json_put_int(w, "version", pg_get_int64(result, row, READ_VERSION));
}

static void put_summary(struct json_writer *w, const struct pg_result *result, int row) {
    json_put_string(w, "flow", pg_get_slice(result, row, READ_FLOW));
    json_put_string(w, "customerId", pg_get_slice(result, row, READ_CUSTOMER));
    json_put_string(w, "currency", pg_get_slice(result, row, READ_CURRENCY));
    json_put_int(w, "totalMinor", pg_get_int64(result, row, READ_TOTAL));
    put_optional(w, "trackingNumber", result, row, READ_TRACKING);
    put_time(w, "createdAt", pg_get_time_us(result, row, READ_ACCEPTED));
}

/* What the order service knows of its order's money; payment has the books. */
static void put_payment(struct json_writer *w, const struct pg_result *result) {
    struct order_money money = {
        .steps = (unsigned)pg_get_int64(result, 0, READ_STEPS),
        .total_minor = pg_get_int64(result, 0, READ_TOTAL),
        .has_refund = pg_get_bool(result, 0, READ_HAS_REFUND),
        .has_void = pg_get_bool(result, 0, READ_HAS_VOID),
        .has_decline = pg_get_bool(result, 0, READ_HAS_DECLINE),
    };
    if (!pg_is_null(result, 0, READ_CANCELLED))
        money.cancelled_minor = pg_get_int64(result, 0, READ_CANCELLED);
    if (!pg_is_null(result, 0, READ_ACTION_URL)) {
        money.action_url = pg_get_slice(result, 0, READ_ACTION_URL);
        money.action_until_us = pg_get_time_us(result, 0, READ_ACTION_UNTIL);
    }
    if (!order_status_parse(pg_get_slice(result, 0, READ_STATUS), &money.status))
        return;
    /* Before there were parts, all was given back or nothing. */
    if (!pg_is_null(result, 0, READ_REFUNDED))
        money.refunded_minor = pg_get_int64(result, 0, READ_REFUNDED);
    else if (money.has_refund)
        money.refunded_minor = money.total_minor;
    order_payment_write(&money, w);
}

/* While it waits for its payment, and where warehouses know of it. */
static void put_reservation(struct json_writer *w, const struct order_sought *sought,
                            const struct pg_result *result) {
    unsigned steps = (unsigned)pg_get_int64(result, 0, READ_STEPS);
    bool is_held = (steps & STEP_RESERVED) != 0 && (steps & STEP_SHIPPED) == 0;
    bool is_unpaid = (steps & (STEP_PAID | STEP_AUTHORIZED)) == 0 &&
                     slice_is(pg_get_slice(result, 0, READ_STATUS), "PENDING");
    struct uuid id = reservation_id_of(&sought->id);
    char id_text[UUID_TEXT_SIZE];
    if (!is_held || (!is_unpaid && (steps & STEP_ALLOCATED) == 0))
        return;
    uuid_format(&id, id_text);
    json_key(w, "reservation");
    json_begin_object(w);
    json_put_text(w, "reservationId", id_text);
    int begins = pg_is_null(result, 0, READ_ACTION_UNTIL) ? READ_TAKEN : READ_ACTION_UNTIL;
    if (is_unpaid && sought->reservation_limit_s > 0)
        put_time(w, "expiresAt",
                 pg_get_time_us(result, 0, begins) +
                     sought->reservation_limit_s * INT64_C(1000000));
    json_end_object(w);
}

static enum status read_one(struct pg *pg, const struct pg_statement *statement,
                            const struct pg_param *key, struct pg_result **result,
                            struct error *error) {
    enum status status = pg_query(pg, statement, key, result, error);
    if (status == STATUS_OK && pg_rows(*result) == 0) {
        pg_result_free(result);
        status = error_set(error, STATUS_NOT_FOUND, "no such order");
    }
    return status;
}

enum status order_store_read(struct pg *pg, const struct order_sought *sought, struct buf *reply,
                             struct error *error) {
    const struct pg_param key[] = {pg_uuid(&sought->id), pg_text(sought->tenant),
                                   pg_text(sought->customer)};
    struct pg_result *result = NULL;
    enum status status = read_one(pg, &read_order, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_head(&w, &sought->id, result, 0);
    put_summary(&w, result, 0);
    put_payment(&w, result);
    json_put_raw(&w, "items", pg_get_slice(result, 0, READ_ITEMS));
    put_reservation(&w, sought, result);
    if (!pg_is_null(result, 0, READ_SHIPMENTS))
        json_put_raw(&w, "shipments", pg_get_slice(result, 0, READ_SHIPMENTS));
    json_put_raw(&w, "timeline", pg_get_slice(result, 0, READ_TIMELINE));
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status order_store_read_status(struct pg *pg, const struct order_sought *sought,
                                    struct buf *reply, struct error *error) {
    const struct pg_param key[] = {pg_uuid(&sought->id), pg_text(sought->tenant),
                                   pg_text(sought->customer)};
    struct pg_result *result = NULL;
    enum status status = read_one(pg, &read_status, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_head(&w, &sought->id, result, 0);
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- its history --- */

static const struct pg_statement read_history = {
    .name = "order_read_history",
    .sql =
        "SELECT status, reason, updated_at, version, flow, steps, timeline::text FROM orders.orders"
        " WHERE id = $1::uuid AND tenant = $2::text"
        "  AND ($3::text = '' OR customer_id = $3::text)",
    .param_count = 3,
};

enum { HISTORY_TIMELINE = READ_STEPS + 1 };

enum status order_store_read_history(struct pg *pg, const struct order_sought *sought,
                                     struct buf *reply, struct error *error) {
    const struct pg_param key[] = {pg_uuid(&sought->id), pg_text(sought->tenant),
                                   pg_text(sought->customer)};
    struct pg_result *result = NULL;
    enum status status = read_one(pg, &read_history, key, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_head(&w, &sought->id, result, 0);
    json_put_raw(&w, "timeline", pg_get_slice(result, 0, HISTORY_TIMELINE));
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- commands that have not taken effect --- */

/* A wish is noted in the order's steps, also where it comes too late, or waits for its order. */
static const struct pg_statement read_missing = {
    .name = "order_read_missing",
    .sql = "SELECT false, u.id FROM unnest($1::uuid[]) AS u(id)"
           " WHERE NOT EXISTS (SELECT FROM orders.orders o WHERE o.id = u.id)"
           "  AND NOT EXISTS (SELECT FROM orders.archived_ids a WHERE a.id = u.id)"
           " UNION ALL "
           "SELECT true, u.id FROM unnest($2::uuid[]) AS u(id)"
           " WHERE NOT EXISTS (SELECT FROM orders.orders o"
           "   WHERE o.id = u.id AND o.steps & $3::int8 <> 0)"
           "  AND NOT EXISTS (SELECT FROM orders.early_cancels c WHERE c.order_id = u.id)",
    .param_count = 3,
};

enum { MISSING_IS_CANCEL, MISSING_ID };

static void put_missing(struct json_writer *w, const char *key, const struct pg_result *result,
                        bool is_cancel) {
    char text[UUID_TEXT_SIZE];
    json_key(w, key);
    json_begin_array(w);
    for (int row = 0; row < pg_rows(result); row++) {
        if (pg_get_bool(result, row, MISSING_IS_CANCEL) != is_cancel)
            continue;
        struct uuid id = pg_get_uuid(result, row, MISSING_ID);
        uuid_format(&id, text);
        json_string(w, slice_of(text));
    }
    json_end_array(w);
}

enum status order_store_read_missing(struct pg *pg, struct pg_array *submits,
                                     struct pg_array *cancels, struct buf *reply,
                                     struct error *error) {
    const struct pg_param params[] = {pg_array(submits), pg_array(cancels), pg_int64(STEP_CANCEL)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &read_missing, params, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    put_missing(&w, "submit", result, false);
    put_missing(&w, "cancel", result, true);
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- many orders --- */

/* The index that is walked holds neither status nor reason (sql/0013), and no part of an id or a
   customer, so that a filter by them may find little on a long way: no page walks further than
   this. */
#define WALK_MOST "10000"

#define TIME_OF(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"
#define ORDERED(direction) " ORDER BY accepted_at " direction ", id " direction
#define IN_TIME " accepted_at >= " TIME_OF("$2") " AND accepted_at < " TIME_OF("$3")
#define BEHIND(behind, at, id) " (accepted_at, id) " behind " (" TIME_OF(at) ", " id "::uuid)"
#define WALK(direction, behind, at, id, customer)                                                  \
    " FROM orders.orders WHERE tenant = $1::text" customer " AND" IN_TIME                          \
    " AND" BEHIND(behind, at, id) ORDERED(direction)

#define SUMMARY                                                                                    \
    "SELECT status, reason, updated_at, version, flow, steps, customer_id, currency, total_minor," \
    " tracking_number, accepted_at, id"
/* What is looked at in each order that a walk comes by. An order's items are looked up one order at
   a time, which LIMIT has PostgreSQL do. */
#define FITS                                                                                       \
    " ($4::text = '' OR status = $4::text) AND ($5::text = '' OR reason = $5::text)"               \
    " AND ($6::text = '' OR position(lower($6::text) IN id::text) > 0"                             \
    "  OR position(lower($6::text) IN lower(customer_id)) > 0)"                                    \
    " AND ($8::text = '' OR currency = $8::text)"                                                  \
    " AND total_minor BETWEEN $9::int8 AND $10::int8"                                              \
    " AND ($11::text = '' OR tracking_number = $11::text"                                          \
    "  OR (SELECT true FROM orders.shipments s WHERE s.order_id = walked.id"                       \
    "    AND s.tracking_number = $11::text LIMIT 1))"                                              \
    " AND ($7::text = '' OR (SELECT true FROM orders.order_items i"                                \
    "   WHERE i.order_id = walked.id AND i.sku = $7::text LIMIT 1))"

#define PAGE(suffix, direction, behind, customer, params)                                          \
    {                                                                                              \
        .name = "order_list_" suffix,                                                              \
        .sql =                                                                                     \
            SUMMARY " FROM (SELECT *" WALK(direction, behind, "$13", "$14",                        \
                                           customer) " LIMIT " WALK_MOST ") AS walked WHERE" FITS  \
            ORDERED(direction) " LIMIT $12::int8",                                                 \
        .param_count = params,                                                                     \
    }
#define WALK_END(suffix, direction, behind, customer, params)                                      \
    {                                                                                              \
        .name = "order_list_end_" suffix,                                                          \
        .sql = "SELECT accepted_at, id" WALK(direction, behind, "$4", "$5",                        \
                                             customer) " OFFSET " WALK_MOST " - 1 LIMIT 1",        \
        .param_count = params,                                                                     \
    }
/* By the primary key: there are few with a beginning, whatever their times. */
#define PREFIX_PAGE(suffix, direction, behind)                                                     \
    {                                                                                              \
        .name = "order_list_prefix_" suffix,                                                       \
        .sql = SUMMARY " FROM (SELECT * FROM orders.orders WHERE tenant = $1::text"                \
                       "  AND id BETWEEN $15::uuid AND $16::uuid ORDER BY id LIMIT " WALK_MOST     \
                       ") AS walked"                                                               \
                       " WHERE ($17::text = '' OR customer_id = $17::text) AND" IN_TIME            \
                       " AND" BEHIND(behind, "$13", "$14") " AND" FITS                             \
                       ORDERED(direction) " LIMIT $12::int8",                                      \
        .param_count = 17,                                                                         \
    }

enum { LIST_ID = READ_ACCEPTED + 1 };

/* By [whether of one customer][whether oldest first]. */
static const struct pg_statement pages[2][2] = {
    {PAGE("newest", "DESC", "<", "", 14), PAGE("oldest", "ASC", ">", "", 14)},
    {PAGE("newest_of", "DESC", "<", " AND customer_id = $15::text", 15),
     PAGE("oldest_of", "ASC", ">", " AND customer_id = $15::text", 15)},
};
static const struct pg_statement walk_ends[2][2] = {
    {WALK_END("newest", "DESC", "<", "", 5), WALK_END("oldest", "ASC", ">", "", 5)},
    {WALK_END("newest_of", "DESC", "<", " AND customer_id = $6::text", 6),
     WALK_END("oldest_of", "ASC", ">", " AND customer_id = $6::text", 6)},
};
static const struct pg_statement prefix_pages[2] = {
    PREFIX_PAGE("newest", "DESC", "<"),
    PREFIX_PAGE("oldest", "ASC", ">"),
};

static const struct pg_statement read_ids = {
    .name = "order_list_ids",
    .sql = SUMMARY " FROM (SELECT o.*, u.n FROM unnest($13::uuid[]) WITH ORDINALITY AS u(id, n)"
                   "       JOIN orders.orders o ON o.id = u.id WHERE o.tenant = $1::text) AS walked"
                   " WHERE ($14::text = '' OR customer_id = $14::text) AND" IN_TIME " AND" FITS
                   " ORDER BY n LIMIT $12::int8",
    .param_count = 14,
};

enum { FITS_PARAMS = 12, PARAMS_MOST = 17 };

static void set_fits(const struct order_filter *list, int64_t limit, struct pg_param *params) {
    const struct pg_param fits[FITS_PARAMS] = {
        pg_text(list->tenant),      pg_int64(list->from_us),        pg_int64(list->to_us),
        pg_text(list->status),      pg_text(list->reason),          pg_text(list->search),
        pg_text(list->sku),         pg_text(list->currency),        pg_int64(list->least_minor),
        pg_int64(list->most_minor), pg_text(list->tracking_number), pg_int64(limit),
    };
    memcpy(params, fits, sizeof(fits));
}

static void write_page(struct json_writer *w, const struct pg_result *result, int rows) {
    json_key(w, "orders");
    json_begin_array(w);
    for (int row = 0; row < rows; row++) {
        struct uuid id = pg_get_uuid(result, row, LIST_ID);
        json_begin_object(w);
        put_head(w, &id, result, row);
        put_summary(w, result, row);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Where the walk was broken off, if it was. */
static enum status find_walk_end(struct pg *pg, const struct order_filter *list, bool *goes_on,
                                 struct order_place *end, struct error *error) {
    const struct order_place begin = order_filter_begin(list);
    const struct pg_param params[] = {
        pg_text(list->tenant), pg_int64(list->from_us), pg_int64(list->to_us),
        pg_int64(begin.at_us), pg_uuid(&begin.id),      pg_text(list->customer),
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &walk_ends[list->customer.len > 0][list->is_oldest_first],
                                  params, &result, error);
    if (status != STATUS_OK)
        return status;
    *goes_on = pg_rows(result) == 1;
    if (*goes_on)
        *end = (struct order_place){pg_get_time_us(result, 0, 0), pg_get_uuid(result, 0, 1)};
    pg_result_free(&result);
    return STATUS_OK;
}

/* One order more than the page has, if there is one. */
static enum status query_page(struct pg *pg, const struct order_filter *list,
                              struct pg_result **result, struct error *error) {
    const struct order_place begin = order_filter_begin(list);
    const struct pg_statement *page = &pages[list->customer.len > 0][list->is_oldest_first];
    struct pg_param params[PARAMS_MOST];
    struct uuid least, most;
    set_fits(list, list->limit + 1, params);
    params[FITS_PARAMS] = pg_int64(begin.at_us);
    params[FITS_PARAMS + 1] = pg_uuid(&begin.id);
    params[FITS_PARAMS + 2] = pg_text(list->customer);
    if (list->id_prefix.len > 0) {
        if (!order_id_prefix_parse(list->id_prefix, &least, &most))
            return error_set(error, STATUS_INVALID, "idPrefix: not the beginning of an id");
        page = &prefix_pages[list->is_oldest_first];
        params[FITS_PARAMS + 2] = pg_uuid(&least);
        params[FITS_PARAMS + 3] = pg_uuid(&most);
        params[FITS_PARAMS + 4] = pg_text(list->customer);
    }
    return pg_query(pg, page, params, result, error);
}

static bool is_filtered(const struct order_filter *list) {
    return list->status.len > 0 || list->reason.len > 0 || list->search.len > 0 ||
           list->sku.len > 0 || list->currency.len > 0 || list->tracking_number.len > 0 ||
           order_filter_has_amount(list);
}

enum status order_store_list(struct pg *pg, const struct order_filter *list, struct json_writer *w,
                             bool *goes_on, struct order_place *end, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = query_page(pg, list, &result, error);
    if (status != STATUS_OK)
        return status;
    int rows = pg_rows(result);
    bool is_full = rows > list->limit;
    rows = is_full ? (int)list->limit : rows;
    write_page(w, result, rows);
    *goes_on = is_full;
    if (is_full)
        *end = (struct order_place){pg_get_time_us(result, rows - 1, READ_ACCEPTED),
                                    pg_get_uuid(result, rows - 1, LIST_ID)};
    pg_result_free(&result);
    bool is_walk_over = is_full || !is_filtered(list) || list->id_prefix.len > 0;
    return is_walk_over ? STATUS_OK : find_walk_end(pg, list, goes_on, end, error);
}

enum status order_store_list_ids(struct pg *pg, const struct order_filter *list,
                                 struct pg_array *ids, struct json_writer *w, struct error *error) {
    struct pg_param params[PARAMS_MOST];
    struct pg_result *result = NULL;
    set_fits(list, ORDER_PAGE_MOST, params);
    params[FITS_PARAMS] = pg_array(ids);
    params[FITS_PARAMS + 1] = pg_text(list->customer);
    enum status status = pg_query(pg, &read_ids, params, &result, error);
    if (status == STATUS_OK)
        write_page(w, result, pg_rows(result));
    pg_result_free(&result);
    return status;
}

#include "services/webhooks/delivery_log.h"

#include "services/webhooks/public_event.h"
#include "services/webhooks/row_json.h"

#define DELIVERY_COLUMNS                                                                           \
    " d.event_id, d.event_type, d.order_id, d.status, d.attempts, d.response_status, d.error,"     \
    " d.created_at, d.tried_at, CASE WHEN d.status = 'PENDING' THEN d.due_at END"

enum {
    DELIVERY_ID,
    DELIVERY_TYPE,
    DELIVERY_ORDER,
    DELIVERY_STATUS,
    DELIVERY_ATTEMPTS,
    DELIVERY_RESPONSE,
    DELIVERY_ERROR,
    DELIVERY_CREATED,
    DELIVERY_TRIED,
    DELIVERY_DUE
};

static void write_delivery(struct json_writer *w, const struct pg_result *result, int row) {
    json_begin_object(w);
    row_put_id(w, "id", result, row, DELIVERY_ID);
    row_put_text(w, "eventType", result, row, DELIVERY_TYPE);
    row_put_id(w, "orderId", result, row, DELIVERY_ORDER);
    row_put_text(w, "status", result, row, DELIVERY_STATUS);
    json_put_int(w, "attempts", pg_get_int64(result, row, DELIVERY_ATTEMPTS));
    if (!pg_is_null(result, row, DELIVERY_RESPONSE))
        json_put_int(w, "responseStatus", pg_get_int64(result, row, DELIVERY_RESPONSE));
    row_put_text(w, "error", result, row, DELIVERY_ERROR);
    row_put_time(w, "createdAt", result, row, DELIVERY_CREATED);
    row_put_time(w, "lastAttemptAt", result, row, DELIVERY_TRIED);
    row_put_time(w, "nextAttemptAt", result, row, DELIVERY_DUE);
    json_end_object(w);
}

static const struct pg_statement list_deliveries = {
    .name = "webhooks_list_deliveries",
    .sql = "SELECT" DELIVERY_COLUMNS " FROM webhooks.deliveries d WHERE d.endpoint_id = $1::uuid"
           "  AND ($2::text = '' OR d.status = $2::text) AND d.event_id < $3::uuid"
           " ORDER BY d.event_id DESC LIMIT $4::int8",
    .param_count = 4,
};

/* Only the tenant's own has a log. */
static const struct pg_statement find_webhook = {
    .name = "webhooks_find",
    .sql = "SELECT enabled FROM webhooks.endpoints WHERE id = $1::uuid AND tenant = $2::text",
    .param_count = 2,
};

static enum status find(struct pg *pg, const struct webhook_key *key, bool *is_enabled,
                        struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_text(key->tenant)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_webhook, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such webhook");
    if (status == STATUS_OK)
        *is_enabled = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    return status;
}

enum status delivery_log_page(struct pg *pg, const struct webhook_key *key,
                              const struct delivery_page *page, struct json_writer *w,
                              bool *goes_on, struct uuid *end, struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_text(page->status),
                                      pg_uuid(&page->before), pg_int64(page->limit + 1)};
    struct pg_result *result = NULL;
    bool is_enabled;
    enum status status = find(pg, key, &is_enabled, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &list_deliveries, params, &result, error);
    if (status != STATUS_OK)
        return status;
    int rows = pg_rows(result);
    *goes_on = rows > page->limit;
    rows = *goes_on ? (int)page->limit : rows;
    json_key(w, "deliveries");
    json_begin_array(w);
    for (int row = 0; row < rows; row++)
        write_delivery(w, result, row);
    json_end_array(w);
    if (*goes_on)
        *end = pg_get_uuid(result, rows - 1, DELIVERY_ID);
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement add_ping = {
    .name = "webhooks_add_ping",
    .sql = "INSERT INTO webhooks.deliveries AS d (endpoint_id, event_id, event_type, body)"
           " SELECT e.id, $2::uuid, '" PUBLIC_EVENT_PING "', $3::bytea FROM webhooks.endpoints e"
           " WHERE e.id = $1::uuid FOR KEY SHARE OF e RETURNING" DELIVERY_COLUMNS,
    .param_count = 3,
};

static const struct pg_statement send_again = {
    .name = "webhooks_send_again",
    .sql = "UPDATE webhooks.deliveries d SET status = 'PENDING', due_at = now(), wanted_at = now()"
           " WHERE d.endpoint_id = $1::uuid AND d.event_id = $2::uuid RETURNING" DELIVERY_COLUMNS,
    .param_count = 2,
};

/* Who asks for a delivery wants to see it, also from one that rests. */
static const struct pg_statement end_rest = {
    .name = "webhooks_end_rest",
    .sql = "UPDATE webhooks.endpoints SET resting_until = now() WHERE id = $1::uuid",
    .param_count = 1,
};

static enum status make_due(struct pg *pg, const struct webhook_key *key,
                            const struct pg_statement *statement, const struct pg_param *params,
                            struct buf *reply, struct error *error) {
    struct pg_result *result = NULL;
    bool is_enabled = false;
    enum status status = find(pg, key, &is_enabled, error);
    if (status == STATUS_OK && !is_enabled)
        status = error_set(error, STATUS_CONFLICT, "the webhook is switched off");
    if (status == STATUS_OK)
        status = pg_queue(pg, &end_rest, params, error);
    if (status == STATUS_OK)
        status = pg_query(pg, statement, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such delivery");
    if (status == STATUS_OK) {
        struct json_writer w = json_writer(reply);
        write_delivery(&w, result, 0);
    }
    pg_result_free(&result);
    return status;
}

static enum status make_due_now(struct pg *pg, const struct webhook_key *key,
                                const struct pg_statement *statement, const struct pg_param *params,
                                struct buf *reply, struct error *error) {
    enum status status = pg_begin(pg, error);
    if (status == STATUS_OK)
        status = make_due(pg, key, statement, params, reply, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status != STATUS_OK) {
        pg_rollback(pg);
        buf_clear(reply);
    }
    return status;
}

enum status delivery_log_ping(struct pg *pg, const struct webhook_key *key, struct buf *reply,
                              struct error *error) {
    struct uuid id = uuid_v7();
    struct buf body = {0};
    public_event_write_ping(&id, &key->id, &body);
    const struct pg_param params[] = {pg_uuid(&key->id), pg_uuid(&id), pg_bytes(buf_slice(&body))};
    enum status status = make_due_now(pg, key, &add_ping, params, reply, error);
    buf_fini(&body);
    return status;
}

enum status delivery_log_resend(struct pg *pg, const struct webhook_key *key,
                                const struct uuid *event_id, struct buf *reply,
                                struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_uuid(event_id)};
    return make_due_now(pg, key, &send_again, params, reply, error);
}

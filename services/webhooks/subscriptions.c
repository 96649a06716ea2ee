#include "services/webhooks/subscriptions.h"

#include "services/webhooks/row_json.h"
#include "shared/base/clock.h"
#include "shared/crypto/signature.h"

#include <sodium.h>

/* --- a webhook as JSON ------------------------------------------------------------------------ */

#define COLUMNS                                                                                    \
    " id, url, array_to_json(event_types)::text, description, enabled, off_reason, created_at,"    \
    " updated_at, failing_since, last_success_at, last_failure_at, last_error"

enum {
    HOOK_ID,
    HOOK_URL,
    HOOK_TYPES,
    HOOK_DESCRIPTION,
    HOOK_ENABLED,
    HOOK_OFF_REASON,
    HOOK_CREATED,
    HOOK_UPDATED,
    HOOK_FAILING,
    HOOK_SUCCESS,
    HOOK_FAILURE,
    HOOK_ERROR,
    HOOK_SECRET,
    HOOK_IS_SAME
};

/* `secret` is empty but once. */
static void write_webhook(struct json_writer *w, const struct pg_result *result, int row,
                          struct slice secret) {
    json_begin_object(w);
    row_put_id(w, "id", result, row, HOOK_ID);
    row_put_text(w, "url", result, row, HOOK_URL);
    json_put_raw(w, "eventTypes", pg_get_slice(result, row, HOOK_TYPES));
    row_put_text(w, "description", result, row, HOOK_DESCRIPTION);
    json_put_bool(w, "enabled", pg_get_bool(result, row, HOOK_ENABLED));
    row_put_text(w, "offReason", result, row, HOOK_OFF_REASON);
    if (secret.len > 0)
        json_put_string(w, "secret", secret);
    row_put_time(w, "createdAt", result, row, HOOK_CREATED);
    row_put_time(w, "updatedAt", result, row, HOOK_UPDATED);
    row_put_time(w, "failingSince", result, row, HOOK_FAILING);
    row_put_time(w, "lastSuccessAt", result, row, HOOK_SUCCESS);
    row_put_time(w, "lastFailureAt", result, row, HOOK_FAILURE);
    row_put_text(w, "lastError", result, row, HOOK_ERROR);
    json_end_object(w);
}

static enum status not_found(struct error *error) {
    return error_set(error, STATUS_NOT_FOUND, "no such webhook");
}

/* Replies with the only row, if there is one. */
static enum status reply_with(const struct pg_result *result, struct slice secret,
                              struct buf *reply, struct error *error) {
    if (pg_rows(result) == 0)
        return not_found(error);
    struct json_writer w = json_writer(reply);
    write_webhook(&w, result, 0, secret);
    return STATUS_OK;
}

/* --- creating --------------------------------------------------------------------------------- */

/* A tenant's webhooks are created one after the other, so that they can be counted. */
static const struct pg_statement lock_tenant = {
    .name = "webhooks_lock_tenant",
    .sql = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks.' || $1::text, 0))",
    .param_count = 1,
};

static const struct pg_statement find_same = {
    .name = "webhooks_find_same",
    .sql = "SELECT" COLUMNS ", secret, tenant = $2::text AND url = $3::text"
           "  AND event_types = $4::text[] AND created_at > now() - interval '1 day'"
           " FROM webhooks.endpoints WHERE id = $1::uuid",
    .param_count = 4,
};

static const struct pg_statement insert_webhook = {
    .name = "webhooks_insert",
    .sql = "INSERT INTO webhooks.endpoints (id, tenant, url, event_types, description, secret)"
           " SELECT $1::uuid, $2::text, $3::text, $4::text[], $5::text, $6::text"
           " WHERE (SELECT count(*) FROM webhooks.endpoints WHERE tenant = $2::text) < $7::int8"
           " RETURNING" COLUMNS,
    .param_count = 7,
};

static void wipe(struct buf *secret) {
    if (secret->ptr != NULL)
        sodium_memzero(secret->ptr, secret->capacity);
    buf_fini(secret);
}

static enum status reply_same(const struct webhooks *webhooks, const struct pg_result *found,
                              struct buf *reply, struct error *error) {
    struct buf secret = {0};
    if (!pg_get_bool(found, 0, HOOK_IS_SAME))
        return error_set(error, STATUS_INVALID,
                         "Idempotency-Key: it was used with another body, or more than a day ago");
    enum status status =
        key_ring_open(webhooks->ring, pg_get_slice(found, 0, HOOK_SECRET), &secret, error);
    if (status == STATUS_OK)
        status = reply_with(found, buf_slice(&secret), reply, error);
    wipe(&secret);
    return status;
}

static enum status insert(const struct webhooks *webhooks, struct pg *pg,
                          const struct webhook_key *key, struct webhook_wish *wish,
                          struct buf *reply, struct error *error) {
    char secret[SIGNATURE_SECRET_SIZE];
    struct buf sealed = {0};
    struct pg_result *made = NULL;
    signature_secret_make(secret);
    key_ring_seal(webhooks->ring, slice_of(secret), &sealed);
    const struct pg_param params[] = {pg_uuid(&key->id),
                                      pg_text(key->tenant),
                                      pg_text(wish->url),
                                      pg_array(&wish->event_types),
                                      pg_text(wish->description),
                                      pg_text(buf_slice(&sealed)),
                                      pg_int64(webhooks->settings->per_tenant)};
    enum status status = pg_query(pg, &insert_webhook, params, &made, error);
    if (status == STATUS_OK && pg_rows(made) == 0)
        status = error_set(error, STATUS_CONFLICT, "a tenant may have %lld webhooks",
                           (long long)webhooks->settings->per_tenant);
    if (status == STATUS_OK)
        status = reply_with(made, slice_of(secret), reply, error);
    sodium_memzero(secret, sizeof(secret));
    buf_fini(&sealed);
    pg_result_free(&made);
    return status;
}

enum status subscriptions_create(const struct webhooks *webhooks, struct pg *pg,
                                 const struct webhook_key *key, struct webhook_wish *wish,
                                 struct buf *reply, struct error *error) {
    const struct pg_param tenant = pg_text(key->tenant);
    const struct pg_param params[] = {pg_uuid(&key->id), pg_text(key->tenant), pg_text(wish->url),
                                      pg_array(&wish->event_types)};
    struct pg_result *found = NULL;
    enum status status = pg_begin(pg, error);
    if (status == STATUS_OK)
        status = pg_queue(pg, &lock_tenant, &tenant, error);
    if (status == STATUS_OK)
        status = pg_query(pg, &find_same, params, &found, error);
    if (status == STATUS_OK && pg_rows(found) > 0)
        status = reply_same(webhooks, found, reply, error);
    else if (status == STATUS_OK)
        status = insert(webhooks, pg, key, wish, reply, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status != STATUS_OK) {
        pg_rollback(pg);
        buf_clear(reply);
    }
    pg_result_free(&found);
    return status;
}

/* --- reading, changing -------------------------------------------------------------- */

static const struct pg_statement list_webhooks = {
    .name = "webhooks_list",
    .sql = "SELECT" COLUMNS " FROM webhooks.endpoints WHERE tenant = $1::text"
           " ORDER BY created_at, id",
    .param_count = 1,
};

enum status subscriptions_list(struct pg *pg, struct slice tenant, struct buf *reply,
                               struct error *error) {
    const struct pg_param param = pg_text(tenant);
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &list_webhooks, &param, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_key(&w, "webhooks");
    json_begin_array(&w);
    for (int row = 0; row < pg_rows(result); row++)
        write_webhook(&w, result, row, slice_of(NULL));
    json_end_array(&w);
    json_end_object(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement get_webhook = {
    .name = "webhooks_get",
    .sql = "SELECT" COLUMNS " FROM webhooks.endpoints WHERE id = $1::uuid AND tenant = $2::text",
    .param_count = 2,
};

enum status subscriptions_get(struct pg *pg, const struct webhook_key *key, struct buf *reply,
                              struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_text(key->tenant)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &get_webhook, params, &result, error);
    if (status == STATUS_OK)
        status = reply_with(result, slice_of(NULL), reply, error);
    pg_result_free(&result);
    return status;
}

/* $6 is 1 to switch it on, 0 to switch it off, and NULL to leave that; at another address, or
   switched on, it begins without failures. */
static const struct pg_statement change_webhook = {
    .name = "webhooks_change",
    .sql = "UPDATE webhooks.endpoints e SET updated_at = now(),"
           "  url = coalesce($3::text, url), event_types = coalesce($4::text[], event_types),"
           "  description = coalesce($5::text, description),"
           "  enabled = CASE WHEN $6::int8 IS NULL THEN enabled ELSE $6::int8 = 1 END,"
           "  off_reason = CASE WHEN $6::int8 = 1 THEN NULL"
           "   WHEN $6::int8 = 0 THEN coalesce(off_reason, 'client') ELSE off_reason END,"
           "  failures = CASE WHEN n.is_new THEN 0 ELSE failures END,"
           "  failing_since = CASE WHEN NOT n.is_new THEN failing_since END,"
           "  resting_until = CASE WHEN n.is_new THEN now() ELSE resting_until END"
           " FROM (SELECT $3::text IS NOT NULL OR coalesce($6::int8 = 1, false) AS is_new) n"
           " WHERE id = $1::uuid AND tenant = $2::text RETURNING" COLUMNS,
    .param_count = 6,
};

/* But what a process may just be sending. */
static const struct pg_statement hurry_pending = {
    .name = "webhooks_hurry_pending",
    .sql = "UPDATE webhooks.deliveries SET due_at = now()"
           " WHERE endpoint_id = $1::uuid AND status = 'PENDING' AND due_at > now()"
           "  AND tried_at < now() - interval '2 minutes'",
    .param_count = 1,
};

static enum status change(struct pg *pg, const struct webhook_key *key, struct webhook_wish *wish,
                          struct buf *reply, struct error *error) {
    const struct pg_param params[] = {
        pg_uuid(&key->id),
        pg_text(key->tenant),
        wish->url.len > 0 ? pg_text(wish->url) : pg_null(),
        wish->event_types.count > 0 ? pg_array(&wish->event_types) : pg_null(),
        wish->has_description ? pg_text(wish->description) : pg_null(),
        wish->has_enabled ? pg_int64(wish->is_enabled) : pg_null(),
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &change_webhook, params, &result, error);
    if (status == STATUS_OK)
        status = reply_with(result, slice_of(NULL), reply, error);
    pg_result_free(&result);
    if (status == STATUS_OK && wish->has_enabled && wish->is_enabled)
        status = pg_queue(pg, &hurry_pending, params, error);
    return status;
}

enum status subscriptions_change(struct pg *pg, const struct webhook_key *key,
                                 struct webhook_wish *wish, struct buf *reply,
                                 struct error *error) {
    enum status status = pg_begin(pg, error);
    if (status == STATUS_OK)
        status = change(pg, key, wish, reply, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status != STATUS_OK) {
        pg_rollback(pg);
        buf_clear(reply);
    }
    return status;
}

/* --- deleting --------------------------------------------------------------------------------- */

#define DELETED_AT_ONCE 5000
#define DELETING_MOST_US INT64_C(5000000)

static const struct pg_statement stop_webhook = {
    .name = "webhooks_stop",
    .sql = "UPDATE webhooks.endpoints SET enabled = false,"
           "  off_reason = coalesce(off_reason, 'client')"
           " WHERE id = $1::uuid AND tenant = $2::text RETURNING id",
    .param_count = 2,
};

static const struct pg_statement delete_some = {
    .name = "webhooks_delete_some",
    .sql = "WITH gone AS (DELETE FROM webhooks.deliveries WHERE endpoint_id = $1::uuid"
           "  AND event_id IN (SELECT event_id FROM webhooks.deliveries"
           "   WHERE endpoint_id = $1::uuid LIMIT $2::int8) RETURNING 1)"
           " SELECT count(*) FROM gone",
    .param_count = 2,
};

static const struct pg_statement delete_webhook = {
    .name = "webhooks_delete",
    .sql = "DELETE FROM webhooks.endpoints WHERE id = $1::uuid AND tenant = $2::text",
    .param_count = 2,
};

/* A log may be long: it goes in parts, and what is left after a while is for the next request. */
static enum status delete_log(struct pg *pg, const struct webhook_key *key, struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_int64(DELETED_AT_ONCE)};
    int64_t until_us = clock_monotonic_us() + DELETING_MOST_US, count = DELETED_AT_ONCE;
    while (count == DELETED_AT_ONCE) {
        struct pg_result *result = NULL;
        enum status status = pg_query(pg, &delete_some, params, &result, error);
        if (status != STATUS_OK)
            return status;
        count = pg_get_int64(result, 0, 0);
        pg_result_free(&result);
        if (count == DELETED_AT_ONCE && clock_monotonic_us() > until_us)
            return error_set(error, STATUS_UNAVAILABLE, "the webhook's log is being deleted");
    }
    return STATUS_OK;
}

enum status subscriptions_delete(struct pg *pg, const struct webhook_key *key,
                                 struct error *error) {
    const struct pg_param params[] = {pg_uuid(&key->id), pg_text(key->tenant)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &stop_webhook, params, &result, error);
    if (status == STATUS_OK && pg_rows(result) == 0)
        status = not_found(error);
    pg_result_free(&result);
    if (status == STATUS_OK)
        status = delete_log(pg, key, error);
    return status == STATUS_OK ? pg_query(pg, &delete_webhook, params, NULL, error) : status;
}

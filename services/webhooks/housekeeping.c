#include "services/webhooks/housekeeping.h"

#include "services/webhooks/settings.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <sodium.h>

METRIC_GAUGE(webhooks_by_state, "ordermesh_webhooks", "state",
             "Webhooks of all tenants: on, failing (on, but the last attempt failed), off (by "
             "themselves), stopped (by their tenant).");
METRIC_STARTS(webhooks_by_state, "on", "failing", "off", "stopped");
METRIC_GAUGE(webhook_deliveries_pending, "ordermesh_webhook_deliveries_pending", "",
             "Deliveries to webhooks that are on which wait, of all instances.");

#define TURN_MS 30000
#define DELETED_MOST "5000"

/* --- what is old ------------------------------------------------------------------------------ */

/* Also of a clock that was ahead: nothing is put off for longer than two hours. */
static const struct pg_statement forget_old[] = {
    {
        .name = "webhooks_forget_deliveries",
        .sql = "DELETE FROM webhooks.deliveries d USING (SELECT endpoint_id, event_id"
               "  FROM webhooks.deliveries WHERE created_at < now() - $1::int8 * interval '1 day'"
               "   AND wanted_at < now() - $1::int8 * interval '1 day'"
               "  LIMIT " DELETED_MOST " FOR UPDATE SKIP LOCKED) o"
               " WHERE d.endpoint_id = o.endpoint_id AND d.event_id = o.event_id",
        .param_count = 1,
    },
    {
        .name = "webhooks_forget_refunds",
        .sql = "DELETE FROM webhooks.refunds r USING (SELECT order_id FROM webhooks.refunds"
               "  WHERE created_at < now() - ($1::int8 + 90) * interval '1 day'"
               "  LIMIT " DELETED_MOST " FOR UPDATE SKIP LOCKED) o WHERE r.order_id = o.order_id",
        .param_count = 1,
    },
};
static const struct pg_statement correct_clock[] = {
    {
        .name = "webhooks_correct_rests",
        .sql = "UPDATE webhooks.endpoints SET resting_until = now()"
               " WHERE resting_until > now() + interval '2 hours'",
    },
    {
        .name = "webhooks_correct_deliveries",
        .sql = "UPDATE webhooks.deliveries SET due_at = now()"
               " WHERE status = 'PENDING' AND due_at > now() + interval '2 hours'",
    },
};

static enum status tidy(struct batch *batch, struct error *error) {
    const struct webhooks *webhooks = batch->context;
    const struct pg_param days = pg_int64(webhooks->settings->keep_days);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++)
        status = pg_queue(batch->pg, &forget_old[i], &days, error);
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++)
        status = pg_queue(batch->pg, &correct_clock[i], NULL, error);
    return status;
}

/* --- secrets under an old key ----------------------------------------------------------------- */

static const struct pg_statement read_secrets = {
    .name = "webhooks_read_secrets",
    .sql = "SELECT id, secret FROM webhooks.endpoints WHERE NOT starts_with(secret, $1::text)"
           " ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED",
    .param_count = 1,
};

static const struct pg_statement write_secrets = {
    .name = "webhooks_write_secrets",
    .sql = "UPDATE webhooks.endpoints e SET secret = d.secret"
           " FROM unnest($1::uuid[], $2::text[]) AS d(id, secret) WHERE e.id = d.id",
    .param_count = 2,
};

/* One that no key opens stays, for a key that comes back. */
static void seal_again(const struct key_ring *ring, const struct pg_result *found,
                       struct pg_columns *columns) {
    for (int row = 0; row < pg_rows(found); row++) {
        struct buf secret = {0}, sealed = {0};
        struct uuid id = pg_get_uuid(found, row, 0);
        if (key_ring_open(ring, pg_get_slice(found, row, 1), &secret, NULL) == STATUS_OK) {
            key_ring_seal(ring, buf_slice(&secret), &sealed);
            pg_array_add_uuid(&columns->arrays[0], &id);
            pg_array_add_slice(&columns->arrays[1], buf_slice(&sealed));
        }
        if (secret.ptr != NULL)
            sodium_memzero(secret.ptr, secret.capacity);
        buf_fini(&secret);
        buf_fini(&sealed);
    }
}

static enum status renew_seals(struct batch *batch, struct error *error) {
    const struct webhooks *webhooks = batch->context;
    const struct pg_param current = pg_text(slice_of(key_ring_prefix(webhooks->ring)));
    struct pg_result *found = NULL;
    struct pg_columns columns;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID, PG_ARRAY_TEXT}, 2);
    enum status status = pg_query(batch->pg, &read_secrets, &current, &found, error);
    if (status == STATUS_OK)
        seal_again(webhooks->ring, found, &columns);
    if (status == STATUS_OK && columns.arrays[0].count > 0)
        status = pg_columns_queue(&columns, batch->pg, &write_secrets, error);
    pg_columns_fini(&columns);
    pg_result_free(&found);
    return status;
}

/* --- counting --------------------------------------------------------------------------------- */

static const struct pg_statement count_all = {
    .name = "webhooks_count",
    .sql = "SELECT count(*) FILTER (WHERE enabled AND failures = 0),"
           " count(*) FILTER (WHERE enabled AND failures > 0),"
           " count(*) FILTER (WHERE off_reason IN ('gone', 'failing')),"
           " count(*) FILTER (WHERE off_reason = 'client'),"
           " coalesce(sum((SELECT count(*) FROM webhooks.deliveries d WHERE d.endpoint_id = e.id"
           "  AND d.status = 'PENDING')) FILTER (WHERE enabled), 0)::int8"
           " FROM webhooks.endpoints e",
};

static enum status count(struct batch *batch, struct error *error) {
    static const char *const states[] = {"on", "failing", "off", "stopped"};
    enum { STATES = sizeof(states) / sizeof(states[0]) };
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &count_all, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < STATES; i++)
        metric_set(&webhooks_by_state, metric_slot(&webhooks_by_state, states[i]),
                   pg_get_int64(result, 0, i));
    metric_set(&webhook_deliveries_pending, 0, pg_get_int64(result, 0, STATES));
    pg_result_free(&result);
    return STATUS_OK;
}

static enum status keep_house(struct batch *batch, struct error *error) {
    enum status status = tidy(batch, error);
    if (status == STATUS_OK)
        status = renew_seals(batch, error);
    return status == STATUS_OK ? count(batch, error) : status;
}

const struct periodic webhooks_housekeeping = {"webhooks", TURN_MS, keep_house, NULL};

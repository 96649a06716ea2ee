#include "services/notification/housekeeping.h"

#include "services/notification/customer_keys.h"
#include "services/notification/handler.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <sodium.h>

METRIC_GAUGE(keys_behind, "ordermesh_customer_keys_behind", "",
             "1 while keys of customers are still sealed by an old master key.");

#define TURN_MS 10000
#define RENEWED_MOST "5000"

/* --- shared keys ------------------------------------------------------------------------------ */

static const struct pg_statement is_shared_key_due = {
    .name = "customer_keys_is_due",
    .sql = "SELECT NOT EXISTS (SELECT FROM notifications.customer_keys WHERE customer_id = ''"
           " AND opener IS NOT NULL AND created_at > now() - interval '1 day')",
};

/* Of a clock that was ahead, too: it would be used for long. */
static const struct pg_statement destroy_shared_keys = {
    .name = "customer_keys_destroy_shared",
    .sql = "UPDATE notifications.customer_keys SET opener = NULL WHERE customer_id = ''"
           " AND opener IS NOT NULL AND (created_at < now() - interval '" SHARED_KEY_DAYS " days'"
           "  OR created_at > now() + interval '1 day')",
};

/* Nothing that such a key sealed is in a stream or a dead letter any more. */
static const struct pg_statement forget_shared_keys = {
    .name = "customer_keys_forget_shared",
    .sql = "DELETE FROM notifications.customer_keys WHERE customer_id = '' AND opener IS NULL"
           " AND created_at < now() - interval '1 year'",
};

static enum status tend_shared_keys(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    struct pg_result *result = NULL;
    enum status status = pg_queue(batch->pg, &destroy_shared_keys, NULL, error);
    if (status == STATUS_OK)
        status = pg_queue(batch->pg, &forget_shared_keys, NULL, error);
    if (status == STATUS_OK)
        status = pg_query(batch->pg, &is_shared_key_due, NULL, &result, error);
    if (status == STATUS_OK && pg_get_bool(result, 0, 0))
        status = shared_key_make(batch->pg, notification->ring, error);
    pg_result_free(&result);
    return status;
}

/* --- what opens, under an old master key ------------------------------------------------------ */

/* By the index on what the openers begin with. */
static const struct pg_statement read_openers = {
    .name = "customer_keys_read_old",
    .sql = "SELECT id, opener FROM notifications.customer_keys"
           " WHERE (left(opener, 12) < $1::text OR left(opener, 12) > $1::text)"
           " LIMIT " RENEWED_MOST " FOR UPDATE SKIP LOCKED",
    .param_count = 1,
};

static const struct pg_statement write_openers = {
    .name = "customer_keys_write_new",
    .sql = "UPDATE notifications.customer_keys k SET opener = d.opener"
           " FROM unnest($1::text[], $2::text[]) AS d(id, opener) WHERE k.id = d.id",
    .param_count = 2,
};

/* One that no key opens stays, for a key that comes back. */
static void seal_again(const struct key_ring *ring, const struct pg_result *found,
                       struct pg_columns *columns) {
    for (int row = 0; row < pg_rows(found); row++) {
        struct buf opener = {0}, sealed = {0};
        if (key_ring_open(ring, pg_get_slice(found, row, 1), &opener, NULL) == STATUS_OK) {
            key_ring_seal(ring, buf_slice(&opener), &sealed);
            pg_array_add_slice(&columns->arrays[0], pg_get_slice(found, row, 0));
            pg_array_add_slice(&columns->arrays[1], buf_slice(&sealed));
        }
        if (opener.ptr != NULL)
            sodium_memzero(opener.ptr, opener.capacity);
        buf_fini(&opener);
        buf_fini(&sealed);
    }
}

static enum status renew_openers(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    const struct pg_param current = pg_text(slice_of(key_ring_prefix(notification->ring)));
    struct pg_result *found = NULL;
    struct pg_columns columns;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_TEXT, PG_ARRAY_TEXT}, 2);
    enum status status = pg_query(batch->pg, &read_openers, &current, &found, error);
    if (status == STATUS_OK)
        seal_again(notification->ring, found, &columns);
    if (status == STATUS_OK && columns.arrays[0].count > 0)
        status = pg_columns_queue(&columns, batch->pg, &write_openers, error);
    if (status == STATUS_OK)
        metric_set(&keys_behind, 0, pg_rows(found) > 0);
    pg_columns_fini(&columns);
    pg_result_free(&found);
    return status;
}

static enum status keep_house(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    if (notification->ring == NULL)
        return STATUS_OK;
    enum status status = tend_shared_keys(batch, error);
    return status == STATUS_OK ? renew_openers(batch, error) : status;
}

const struct periodic notification_housekeeping = {"keys", TURN_MS, keep_house, NULL};

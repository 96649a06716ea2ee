#include "services/notification/queue.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* Fills the key's three columns for each row. */
static void add_keys(struct pg_columns *columns, const struct queued_notices *notices) {
    for (size_t i = 0; i < notices->count; i++) {
        const struct queued_notice *notice = &notices->rows[i];
        pg_array_add_uuid(&columns->arrays[0], &notice->order_id);
        pg_array_add_slice(&columns->arrays[1], slice_of(notice_kind_name(notice->kind)));
        pg_array_add_slice(&columns->arrays[2], slice_of(notify_channel_name(notice->channel)));
    }
}

static const struct pg_statement add_notices = {
    .name = "notification_queue_add",
    .sql = "INSERT INTO notifications.pending (order_id, kind, channel, event)"
           " SELECT order_id, kind, channel, event"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])"
           "      AS d(order_id, kind, channel, event)"
           " WHERE NOT EXISTS (SELECT FROM notifications.notifications n"
           "    WHERE n.order_id = d.order_id AND n.kind = d.kind AND n.channel = d.channel)"
           " ORDER BY order_id, kind, channel ON CONFLICT DO NOTHING",
    .param_count = 4,
};

enum status notification_queue_add(struct pg *pg, const struct queued_notices *notices,
                                   struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_BYTES};
    struct pg_columns columns;
    if (notices->count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    add_keys(&columns, notices);
    for (size_t i = 0; i < notices->count; i++)
        pg_array_add_slice(&columns.arrays[3], notices->rows[i].event);
    enum status status = pg_columns_queue(&columns, pg, &add_notices, error);
    pg_columns_fini(&columns);
    return status;
}

/* The due ones of a channel, `limit` at most, as `taken`. */
#define TAKE(limit)                                                                                \
    " due AS MATERIALIZED (SELECT order_id, kind FROM notifications.pending"                       \
    "   WHERE channel = $1 AND due_at <= now() ORDER BY due_at LIMIT " limit                       \
    "   FOR UPDATE SKIP LOCKED),"                                                                  \
    " taken AS (UPDATE notifications.pending p SET attempts = p.attempts + 1,"                     \
    "   due_at = now() + $3::int8 * interval '1 millisecond',"                                     \
    "   created_at = least(p.created_at, now())"                                                   \
    "   FROM due d WHERE p.order_id = d.order_id AND p.kind = d.kind AND p.channel = $1"           \
    "   RETURNING p.*)"

static const struct pg_statement take_notices = {
    .name = "notification_queue_take",
    .sql = "WITH" TAKE("$2::int8") " SELECT order_id, kind, event, attempts, extract(epoch FROM "
                                   "now() - created_at)::int8"
                                   " FROM taken ORDER BY created_at, kind",
    .param_count = 3,
};

/* The same within a rate. `level` is when the bucket would be full again: it is ahead of now by the
   time that its missing tokens take, and never by more than that of all (GCRA, as in
   https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Instances wait for each other's
   statement at its row. A clock that was ahead costs no more than a full bucket. */
static const struct pg_statement take_within_rate = {
    .name = "notification_queue_take_within_rate",
    .sql =
        "WITH known AS MATERIALIZED (SELECT free_at FROM notifications.rates WHERE channel = $1"
        "   FOR UPDATE),"
        " bucket AS MATERIALIZED (SELECT least(greatest((SELECT free_at FROM known), now()),"
        "   now() + $5::int8 * $4::int8 * interval '1 microsecond') AS level),"
        " room AS MATERIALIZED (SELECT $5::int8"
        "   - ceil(extract(epoch FROM level - now()) * 1000000 / $4::int8)::int8 AS tokens"
        "   FROM bucket)," TAKE(
            "least($2::int8, (SELECT tokens FROM room))") ","
                                                          " spent AS (SELECT level + (SELECT "
                                                          "count(*) FROM taken) * $4::int8"
                                                          "   * interval '1 microsecond' AS level "
                                                          "FROM bucket),"
                                                          " kept AS (INSERT INTO "
                                                          "notifications.rates (channel, free_at)"
                                                          "   SELECT $1, level FROM spent WHERE "
                                                          "EXISTS (SELECT FROM taken)"
                                                          "   ON CONFLICT (channel) DO UPDATE SET "
                                                          "free_at = excluded.free_at)"
                                                          " SELECT order_id, kind, event, "
                                                          "attempts, extract(epoch FROM now() - "
                                                          "created_at)::int8,"
                                                          "   greatest(ceil(extract(epoch FROM "
                                                          "level - now()) * 1000"
                                                          "      - ($5::int8 - 1) * $4::int8 / "
                                                          "1000.0), 0)::int8"
                                                          " FROM spent LEFT JOIN taken ON true "
                                                          "ORDER BY created_at, kind",
    .param_count = 5,
};

static void read_taken(const struct pg_result *result, enum notify_channel channel,
                       struct arena *arena, struct queued_notices *notices) {
    int found = pg_rows(result);
    notices->rows = arena_alloc(arena, ((size_t)found + 1) * sizeof(*notices->rows));
    notices->count = 0;
    for (int row = 0; row < found; row++) {
        struct queued_notice *notice = &notices->rows[notices->count];
        if (pg_is_null(result, row, 0) ||
            !notice_kind_parse(pg_get_slice(result, row, 1), &notice->kind))
            continue;
        notice->order_id = pg_get_uuid(result, row, 0);
        notice->channel = channel;
        notice->event = arena_slice(arena, pg_get_slice(result, row, 2));
        notice->attempts = (int)pg_get_int64(result, row, 3);
        notice->age_s = pg_get_int64(result, row, 4);
        notices->count++;
    }
}

enum status notification_queue_take(struct pg *pg, const struct queue_take *take,
                                    struct arena *arena, struct queued_notices *notices,
                                    struct error *error) {
    bool has_rate = take->rate.interval_us > 0;
    struct pg_result *result = NULL;
    const struct pg_param params[] = {pg_text(slice_of(notify_channel_name(take->channel))),
                                      pg_int64(take->most), pg_int64(take->lease_ms),
                                      pg_int64(take->rate.interval_us), pg_int64(take->rate.burst)};
    enum status status =
        pg_query(pg, has_rate ? &take_within_rate : &take_notices, params, &result, error);
    if (status != STATUS_OK)
        return status;
    read_taken(result, take->channel, arena, notices);
    notices->wait_ms = has_rate ? pg_get_int64(result, 0, 5) : 0;
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement count_notices = {
    .name = "notification_queue_count",
    .sql = "WITH early AS (UPDATE notifications.pending SET due_at = now() WHERE channel = $1"
           "   AND due_at > now() + interval '1 hour')"
           " SELECT count(*) FROM notifications.pending WHERE channel = $1",
    .param_count = 1,
};

enum status notification_queue_count(struct pg *pg, enum notify_channel channel, int64_t *count,
                                     struct error *error) {
    struct pg_result *result = NULL;
    const struct pg_param name = pg_text(slice_of(notify_channel_name(channel)));
    enum status status = pg_query(pg, &count_notices, &name, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

static const struct pg_statement remove_notices = {
    .name = "notification_queue_remove",
    .sql = "DELETE FROM notifications.pending p"
           " USING unnest($1::uuid[], $2::text[], $3::text[]) AS d(order_id, kind, channel)"
           " WHERE p.order_id = d.order_id AND p.kind = d.kind AND p.channel = d.channel",
    .param_count = 3,
};

enum status notification_queue_remove(struct pg *pg, const struct queued_notices *notices,
                                      struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_columns columns;
    if (notices->count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    add_keys(&columns, notices);
    enum status status = pg_columns_queue(&columns, pg, &remove_notices, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct pg_statement put_back_notices = {
    .name = "notification_queue_put_back",
    .sql = "UPDATE notifications.pending p SET attempts = d.attempts,"
           "   due_at = now() + d.delay_ms * interval '1 millisecond'"
           " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int8[], $5::int8[])"
           "      AS d(order_id, kind, channel, attempts, delay_ms)"
           " WHERE p.order_id = d.order_id AND p.kind = d.kind AND p.channel = d.channel",
    .param_count = 5,
};

enum status notification_queue_put_back(struct pg *pg, const struct queued_notices *notices,
                                        struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_INT64, PG_ARRAY_INT64};
    struct pg_columns columns;
    if (notices->count == 0)
        return STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    add_keys(&columns, notices);
    for (size_t i = 0; i < notices->count; i++) {
        pg_array_add_int64(&columns.arrays[3], notices->rows[i].attempts);
        pg_array_add_int64(&columns.arrays[4], notices->rows[i].delay_ms);
    }
    enum status status = pg_columns_queue(&columns, pg, &put_back_notices, error);
    pg_columns_fini(&columns);
    return status;
}

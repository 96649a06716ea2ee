#include "services/notification/customer_keys.h"

#include "services/notification/notice.h"
#include "shared/crypto/seal_key.h"
#include "shared/json/json.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- what seals ------------------------------------------------------------------------------- */

static const struct pg_statement find_keys = {
    .name = "customer_keys_find",
    .sql = "SELECT d.n, k.public_key FROM unnest($1::int8[], $2::text[], $3::text[])"
           "  AS d(n, tenant, customer_id)"
           " JOIN notifications.customer_keys k ON k.tenant = d.tenant"
           "  AND k.customer_id = d.customer_id AND k.customer_id <> ''",
    .param_count = 3,
};

/* Who comes second, of two that come at once, finds the first one's. */
static const struct pg_statement add_keys = {
    .name = "customer_keys_add",
    .sql = "INSERT INTO notifications.customer_keys (id, tenant, customer_id, public_key, opener)"
           " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
           "  AS d(id, tenant, customer_id, public_key, opener)"
           " ORDER BY tenant, customer_id ON CONFLICT DO NOTHING RETURNING true",
    .param_count = 5,
};

static const struct pg_statement find_shared = {
    .name = "customer_keys_find_shared",
    .sql = "SELECT public_key FROM notifications.customer_keys"
           " WHERE customer_id = '' AND opener IS NOT NULL ORDER BY created_at DESC LIMIT 1",
};

/* What is asked for, and the answer. */
struct wanted_keys {
    const struct customers *customers;
    struct arena *arena;
    struct slice *texts; /* one each, in the arena; empty while it is not known */
};

/* Returns the rows found; texts that were not are left as they are. */
static enum status find(struct pg *pg, const struct wanted_keys *wanted, size_t *found,
                        struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_result *result = NULL;
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < wanted->customers->count; i++) {
        pg_array_add_int64(&columns.arrays[0], (int64_t)i);
        pg_array_add_slice(&columns.arrays[1], wanted->customers->items[i].tenant);
        pg_array_add_slice(&columns.arrays[2], wanted->customers->items[i].id);
    }
    enum status status = pg_columns_query(&columns, pg, &find_keys, &result, error);
    if (status == STATUS_OK)
        *found = (size_t)pg_rows(result);
    for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++)
        wanted->texts[pg_get_int64(result, row, 0)] =
            arena_slice(wanted->arena, pg_get_slice(result, row, 1));
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

/* Returns what seals, as text. */
static struct slice add_pair(const struct key_ring *ring, const struct customer *customer,
                             struct arena *arena, struct pg_columns *columns) {
    struct seal_key key;
    struct buf text = {0}, opener = {0};
    char id[SEAL_KEY_ID_LEN + 1];
    seal_key_create(ring, &key, &opener);
    seal_key_write(&key, &text);
    seal_key_id(&key, id);
    const struct slice row[] = {slice_of(id), customer->tenant, customer->id, buf_slice(&text),
                                buf_slice(&opener)};
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        pg_array_add_slice(&columns->arrays[i], row[i]);
    struct slice made = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    buf_fini(&opener);
    return made;
}

/* Makes those that are not known. Returns the rows added: fewer, where somebody else made some. */
static enum status make(struct pg *pg, const struct key_ring *ring,
                        const struct wanted_keys *wanted, size_t *added, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_TEXT, PG_ARRAY_TEXT};
    struct pg_result *result = NULL;
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < wanted->customers->count; i++)
        if (wanted->texts[i].len == 0)
            wanted->texts[i] =
                add_pair(ring, &wanted->customers->items[i], wanted->arena, &columns);
    enum status status = pg_columns_query(&columns, pg, &add_keys, &result, error);
    if (status == STATUS_OK)
        *added = (size_t)pg_rows(result);
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

enum status customer_keys_get(struct pg *pg, const struct key_ring *ring,
                              const struct customers *customers, struct arena *arena,
                              struct slice *keys, struct error *error) {
    const struct wanted_keys wanted = {customers, arena, keys};
    size_t found = 0, added = 0;
    memset(keys, 0, customers->count * sizeof(*keys));
    enum status status = find(pg, &wanted, &found, error);
    if (status != STATUS_OK || found == customers->count)
        return status;
    status = make(pg, ring, &wanted, &added, error);
    if (status != STATUS_OK || found + added == customers->count)
        return status;
    status = find(pg, &wanted, &found, error);
    if (status == STATUS_OK && found < customers->count)
        status = error_set(error, STATUS_UNAVAILABLE, "a customer was erased meanwhile");
    return status;
}

enum status shared_key_make(struct pg *pg, const struct key_ring *ring, struct error *error) {
    static const struct customer nobody = {{"", 0}, {"", 0}};
    struct arena *arena = arena_create(1024);
    struct slice text = {0};
    size_t added;
    const struct wanted_keys wanted = {&(struct customers){&nobody, 1}, arena, &text};
    enum status status = make(pg, ring, &wanted, &added, error);
    arena_destroy(&arena);
    return status;
}

enum status shared_key_get(struct pg *pg, const struct key_ring *ring, struct arena *arena,
                           struct slice *key, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find_shared, NULL, &result, error);
    bool is_missing = status == STATUS_OK && pg_rows(result) == 0;
    if (status == STATUS_OK && !is_missing)
        *key = arena_slice(arena, pg_get_slice(result, 0, 0));
    pg_result_free(&result);
    if (!is_missing)
        return status;
    status = shared_key_make(pg, ring, error);
    return status == STATUS_OK ? shared_key_get(pg, ring, arena, key, error) : status;
}

/* --- erasing ---------------------------------------------------------------------------------- */

static const struct pg_statement erase = {
    .name = "customer_erase",
    .sql = "SELECT erased_at, times, keys"
           " FROM notifications.erase_customer($1::text, $2::text, $3::text, now())",
    .param_count = 3,
};

enum status customer_erase(struct pg *pg, const struct customer *customer, struct slice by,
                           struct erasure *erasure, struct error *error) {
    const struct pg_param params[] = {pg_text(customer->tenant), pg_text(customer->id),
                                      pg_text(by)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &erase, params, &result, error);
    if (status == STATUS_OK)
        *erasure = (struct erasure){
            .erased_at_us = pg_get_time_us(result, 0, 0),
            .times = pg_get_int64(result, 0, 1),
            .keys = pg_get_int64(result, 0, 2),
        };
    pg_result_free(&result);
    return status;
}

/* Of a mass of them the others are forgotten when Redis' time for their keys is over. */
static const struct pg_statement list_erased = {
    .name = "customers_erased",
    .sql = "SELECT tenant, customer_id FROM notifications.customer_erasures"
           " WHERE erased_at > now() - interval '" ERASED_LATELY "'"
           " ORDER BY erased_at DESC LIMIT 1000",
};

enum status customers_erased_lately(struct pg *pg, struct buf *json, struct error *error) {
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &list_erased, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(json);
    json_begin_array(&w);
    for (int row = 0; row < pg_rows(result); row++) {
        json_begin_object(&w);
        json_put_string(&w, "tenant", pg_get_slice(result, row, 0));
        json_put_string(&w, "customerId", pg_get_slice(result, row, 1));
        json_end_object(&w);
    }
    json_end_array(&w);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* A text's key counts only for its own customer, or if it is a shared one. */
static const struct pg_statement load_openers = {
    .name = "customer_keys_load",
    .sql = "SELECT d.n, k.opener, k.id IS NOT NULL AND k.opener IS NULL,"
           " EXISTS (SELECT FROM notifications.customer_erasures e WHERE e.tenant = d.tenant"
           "   AND e.customer_id = d.customer_id"
           "   AND (k.id IS NULL OR k.customer_id = '' AND e.erased_at >= k.created_at))"
           " FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[])"
           "   AS d(n, id, tenant, customer_id)"
           " LEFT JOIN notifications.customer_keys k ON k.id = d.id AND (k.customer_id = ''"
           "   OR k.tenant = d.tenant AND k.customer_id = d.customer_id)",
    .param_count = 4,
};
enum { ROW_INDEX, ROW_OPENER, ROW_IS_OVER, ROW_IS_ERASED };

static void add_notices(struct notice *const *notices, size_t count, struct pg_columns *columns) {
    for (size_t i = 0; i < count; i++) {
        struct slice id = slice_of(NULL);
        if (notices[i]->sealed.len == 0)
            continue;
        (void)sealed_key_id(notices[i]->sealed, &id);
        pg_array_add_int64(&columns->arrays[0], (int64_t)i);
        pg_array_add_slice(&columns->arrays[1], id);
        pg_array_add_slice(&columns->arrays[2], notices[i]->tenant);
        pg_array_add_slice(&columns->arrays[3], notices[i]->customer_id);
    }
}

/* A key that is missing though nobody erased its customer was lost, and may come back. */
static enum status open_one(const struct key_ring *ring, const struct pg_result *result, int row,
                            struct notice *notice, struct arena *arena, struct error *error) {
    struct slice id;
    struct buf plain = {0};
    enum status status;
    if (!sealed_key_id(notice->sealed, &id))
        status = key_ring_open(ring, notice->sealed, &plain, error);
    else if (pg_is_null(result, row, ROW_OPENER))
        status =
            error_set(error, STATUS_NOT_FOUND,
                      "the customer's key %.*s is not here, and nobody erased it", SLICE_ARG(id));
    else
        status = seal_key_open(ring, pg_get_slice(result, row, ROW_OPENER), notice->sealed, &plain,
                               error);
    if (status == STATUS_OK)
        status = notice_read_personal(notice, buf_slice(&plain), arena, error);
    buf_fini(&plain);
    return status;
}

static void take_row(const struct key_ring *ring, const struct pg_result *result, int row,
                     struct notice *notice, struct arena *arena) {
    struct error error = {0};
    if (pg_get_bool(result, row, ROW_IS_ERASED))
        notice_fail(notice, NOTICE_ERASED, "the customer's personal data was erased");
    else if (pg_get_bool(result, row, ROW_IS_OVER))
        notice_fail(notice, NOTICE_ERASED, "the shared key that sealed it was destroyed");
    else if (open_one(ring, result, row, notice, arena, &error) != STATUS_OK)
        notice_fail(notice, NOTICE_FAILED, "%.100s", error.text);
}

enum status customer_keys_open(struct pg *pg, const struct key_ring *ring,
                               struct notice *const *notices, size_t count, struct arena *arena,
                               struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                               PG_ARRAY_TEXT};
    struct pg_columns columns;
    struct pg_result *result = NULL;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    if (ring != NULL)
        add_notices(notices, count, &columns);
    if (columns.arrays[0].count > 0) {
        status = pg_columns_query(&columns, pg, &load_openers, &result, error);
        for (int row = 0; status == STATUS_OK && row < pg_rows(result); row++)
            take_row(ring, result, row, notices[pg_get_int64(result, row, ROW_INDEX)], arena);
    }
    pg_result_free(&result);
    pg_columns_fini(&columns);
    return status;
}

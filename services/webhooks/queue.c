#include "services/webhooks/queue.h"

#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

/* --- taking ----------------------------------------------------------------------------------- */

static const struct pg_statement take_deliveries = {
    .name = "webhooks_queue_take",
    .sql =
        "WITH ready AS (SELECT e.id, e.failures,"
        "   CASE WHEN e.failures = 0 THEN $2::int8 ELSE 1 END - coalesce(b.count, 0) AS room"
        "  FROM webhooks.endpoints e"
        "  LEFT JOIN unnest($4::uuid[], $5::int8[]) AS b(id, count) ON b.id = e.id"
        "  WHERE e.enabled AND e.resting_until <= now()),"
        " due AS MATERIALIZED (SELECT d.endpoint_id, d.event_id FROM ready r"
        "  CROSS JOIN LATERAL (SELECT q.endpoint_id, q.event_id FROM webhooks.deliveries q"
        "    WHERE q.endpoint_id = r.id AND q.status = 'PENDING' AND q.due_at <= now()"
        "    ORDER BY q.due_at LIMIT greatest(r.room, 0) FOR UPDATE SKIP LOCKED) d"
        "  ORDER BY r.failures LIMIT $1::int8),"
        " taken AS (UPDATE webhooks.deliveries p SET attempts = p.attempts + 1, tried_at = now(),"
        "   due_at = now() + $3::int8 * interval '1 millisecond'"
        "  FROM due d WHERE p.endpoint_id = d.endpoint_id AND p.event_id = d.event_id"
        "  RETURNING p.*)"
        " SELECT t.endpoint_id, t.event_id, t.event_type, t.body, e.url, e.secret, t.attempts,"
        "  e.failures, extract(epoch FROM now() - t.wanted_at)::int8"
        " FROM taken t JOIN webhooks.endpoints e ON e.id = t.endpoint_id"
        " ORDER BY t.created_at, t.event_id",
    .param_count = 5,
};

enum {
    TAKEN_ENDPOINT,
    TAKEN_EVENT,
    TAKEN_TYPE,
    TAKEN_BODY,
    TAKEN_URL,
    TAKEN_SECRET,
    TAKEN_ATTEMPTS,
    TAKEN_FAILURES,
    TAKEN_AGE
};

static void read_taken(const struct pg_result *result, int row, struct arena *arena,
                       struct queued_delivery *delivery) {
    *delivery = (struct queued_delivery){
        .endpoint_id = pg_get_uuid(result, row, TAKEN_ENDPOINT),
        .event_id = pg_get_uuid(result, row, TAKEN_EVENT),
        .type = arena_slice(arena, pg_get_slice(result, row, TAKEN_TYPE)),
        .body = arena_slice(arena, pg_get_slice(result, row, TAKEN_BODY)),
        .url = arena_slice(arena, pg_get_slice(result, row, TAKEN_URL)),
        .secret = arena_slice(arena, pg_get_slice(result, row, TAKEN_SECRET)),
        .attempts = (int)pg_get_int64(result, row, TAKEN_ATTEMPTS),
        .failures = (int)pg_get_int64(result, row, TAKEN_FAILURES),
        .age_s = pg_get_int64(result, row, TAKEN_AGE),
    };
}

enum status webhooks_queue_take(struct pg *pg, const struct queue_terms *terms,
                                struct queue_busy *busy, struct arena *arena,
                                struct queued_delivery **deliveries, size_t *count,
                                struct error *error) {
    const struct pg_param params[] = {pg_int64(terms->most), pg_int64(terms->most_each),
                                      pg_int64(terms->lease_ms), pg_array(&busy->ids),
                                      pg_array(&busy->counts)};
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &take_deliveries, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *count = (size_t)pg_rows(result);
    *deliveries = arena_alloc(arena, (*count + 1) * sizeof(**deliveries));
    for (size_t i = 0; i < *count; i++)
        read_taken(result, (int)i, arena, &(*deliveries)[i]);
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- settling --------------------------------------------------------------------------------- */

/* A delivery that another process has made meanwhile, after a lease that was too short, stays so.
 */
static const struct pg_statement settle_deliveries = {
    .name = "webhooks_queue_settle",
    .sql = "UPDATE webhooks.deliveries p SET status = d.status, error = nullif(d.error, ''),"
           "  response_status = nullif(d.code, 0), attempts = p.attempts - d.untried,"
           "  due_at = now() + d.delay_ms * interval '1 millisecond'"
           " FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::text[], $6::int8[],"
           "   $7::int8[]) AS d(endpoint_id, event_id, status, code, error, delay_ms, untried)"
           " WHERE p.endpoint_id = d.endpoint_id AND p.event_id = d.event_id"
           "  AND p.status = 'PENDING'",
    .param_count = 7,
};

static enum status queue_deliveries(struct pg *pg, const struct delivery_settlement *settlements,
                                    size_t count, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID,  PG_ARRAY_UUID, PG_ARRAY_TEXT,
                                               PG_ARRAY_INT64, PG_ARRAY_TEXT, PG_ARRAY_INT64,
                                               PG_ARRAY_INT64};
    static const char *const statuses[] = {[RESULT_DELIVERED] = "DELIVERED",
                                           [RESULT_PUT_OFF] = "PENDING",
                                           [RESULT_FAILED] = "FAILED",
                                           [RESULT_UNTRIED] = "PENDING"};
    struct pg_columns columns;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < count; i++) {
        const struct delivery_settlement *settlement = &settlements[i];
        pg_array_add_uuid(&columns.arrays[0], &settlement->endpoint_id);
        pg_array_add_uuid(&columns.arrays[1], &settlement->event_id);
        pg_array_add_slice(&columns.arrays[2], slice_of(statuses[settlement->result]));
        pg_array_add_int64(&columns.arrays[3], settlement->response_status);
        pg_array_add_slice(&columns.arrays[4], slice_of(settlement->error));
        pg_array_add_int64(&columns.arrays[5], settlement->delay_ms);
        pg_array_add_int64(&columns.arrays[6], settlement->result == RESULT_UNTRIED ? 1 : 0);
    }
    enum status status = pg_columns_queue(&columns, pg, &settle_deliveries, error);
    pg_columns_fini(&columns);
    return status;
}

/* Of several results at once, one success is enough. */
#define RESULTS                                                                                    \
    "unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::text[])"                           \
    " AS r(endpoint_id, is_good, is_gone, rest_ms, error)"

static const struct pg_statement settle_endpoints = {
    .name = "webhooks_queue_settle_endpoints",
    .sql = "UPDATE webhooks.endpoints e SET"
           "  failures = CASE WHEN t.good THEN 0 ELSE e.failures + 1 END,"
           "  failing_since = CASE WHEN NOT t.good THEN coalesce(e.failing_since, now()) END,"
           "  resting_until = CASE WHEN t.good THEN least(e.resting_until, now())"
           "   ELSE now() + t.rest_ms * interval '1 millisecond' END,"
           "  last_success_at = CASE WHEN t.good THEN now() ELSE e.last_success_at END,"
           "  last_failure_at = CASE WHEN t.error <> '' THEN now() ELSE e.last_failure_at END,"
           "  last_error = coalesce(nullif(t.error, ''), e.last_error)"
           " FROM (SELECT endpoint_id, bool_or(is_good = 1) AS good, max(rest_ms) AS rest_ms,"
           "   max(error) AS error FROM " RESULTS " GROUP BY endpoint_id) t"
           " WHERE e.id = t.endpoint_id",
    .param_count = 5,
};

static const struct pg_statement switch_off = {
    .name = "webhooks_queue_switch_off",
    .sql = "UPDATE webhooks.endpoints e SET enabled = false, updated_at = now(),"
           "  off_reason = CASE WHEN t.gone THEN 'gone' ELSE 'failing' END"
           " FROM (SELECT endpoint_id, bool_or(is_gone = 1) AS gone FROM " RESULTS
           "   GROUP BY endpoint_id) t"
           " WHERE e.id = t.endpoint_id AND e.enabled AND (t.gone OR e.failing_since <="
           "   now() - $6::int8 * interval '1 second')"
           " RETURNING e.id, e.tenant, e.off_reason",
    .param_count = 6,
};

/* What the endpoints are told: fills `arrays`, and returns how many failed. */
static size_t add_results(const struct delivery_settlement *settlements, size_t count,
                          struct pg_array *arrays) {
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct delivery_settlement *settlement = &settlements[i];
        bool is_good = settlement->result == RESULT_DELIVERED;
        if (settlement->result == RESULT_UNTRIED ||
            (!is_good && settlement->is_ping && !settlement->is_gone))
            continue;
        pg_array_add_uuid(&arrays[0], &settlement->endpoint_id);
        pg_array_add_int64(&arrays[1], is_good);
        pg_array_add_int64(&arrays[2], settlement->is_gone);
        pg_array_add_int64(&arrays[3], settlement->rest_ms);
        pg_array_add_slice(&arrays[4], slice_of(settlement->error));
        failed += !is_good;
    }
    return failed;
}

/* What has been put off, and is under way nowhere. */
static const struct pg_statement hurry_on = {
    .name = "webhooks_queue_hurry_on",
    .sql = "UPDATE webhooks.deliveries SET due_at = now()"
           " WHERE endpoint_id = ANY ($1::uuid[]) AND status = 'PENDING' AND due_at > now()"
           "  AND tried_at < now() - $2::int8 * interval '1 millisecond'",
    .param_count = 2,
};

static enum status hurry_recovered(struct pg *pg, const struct settle_terms *terms,
                                   const struct delivery_settlement *settlements, size_t count,
                                   struct error *error) {
    struct pg_array recovered;
    enum status status = STATUS_OK;
    pg_array_init(&recovered, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++)
        if (settlements[i].was_failing && settlements[i].result == RESULT_DELIVERED)
            pg_array_add_uuid(&recovered, &settlements[i].endpoint_id);
    const struct pg_param params[] = {pg_array(&recovered), pg_int64(terms->lease_ms)};
    if (recovered.count > 0)
        status = pg_queue(pg, &hurry_on, params, error);
    pg_array_fini(&recovered);
    return status;
}

/* Switching off costs a question only where something failed. */
static enum status settle_endpoints_of(struct pg *pg, const struct settle_terms *terms,
                                       const struct delivery_settlement *settlements, size_t count,
                                       struct pg_result **off, struct error *error) {
    static const enum pg_array_type types[] = {PG_ARRAY_UUID, PG_ARRAY_INT64, PG_ARRAY_INT64,
                                               PG_ARRAY_INT64, PG_ARRAY_TEXT};
    struct pg_columns columns;
    enum status status = STATUS_OK;
    pg_columns_init(&columns, types, sizeof(types) / sizeof(types[0]));
    size_t failed = add_results(settlements, count, columns.arrays);
    if (columns.arrays[0].count > 0)
        status = pg_columns_queue(&columns, pg, &settle_endpoints, error);
    if (status == STATUS_OK && failed > 0) {
        const struct pg_param params[] = {
            pg_array(&columns.arrays[0]), pg_array(&columns.arrays[1]),
            pg_array(&columns.arrays[2]), pg_array(&columns.arrays[3]),
            pg_array(&columns.arrays[4]), pg_int64(terms->off_after_s)};
        status = pg_query(pg, &switch_off, params, off, error);
    }
    pg_columns_fini(&columns);
    return status;
}

static enum status settle_all(struct pg *pg, const struct settle_terms *terms,
                              const struct delivery_settlement *settlements, size_t count,
                              struct pg_result **off, struct error *error) {
    enum status status = pg_begin(pg, error);
    if (status == STATUS_OK)
        status = queue_deliveries(pg, settlements, count, error);
    if (status == STATUS_OK)
        status = settle_endpoints_of(pg, terms, settlements, count, off, error);
    if (status == STATUS_OK)
        status = hurry_recovered(pg, terms, settlements, count, error);
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status != STATUS_OK)
        pg_rollback(pg);
    return status;
}

static void read_switched_off(const struct pg_result *result, struct arena *arena,
                              struct switched_off_list *off) {
    off->count = (size_t)pg_rows(result);
    off->rows = arena_alloc(arena, (off->count + 1) * sizeof(*off->rows));
    for (size_t i = 0; i < off->count; i++)
        off->rows[i] = (struct switched_off){
            .endpoint_id = pg_get_uuid(result, (int)i, 0),
            .tenant = arena_slice(arena, pg_get_slice(result, (int)i, 1)),
            .reason = arena_slice(arena, pg_get_slice(result, (int)i, 2)),
        };
}

enum status webhooks_queue_settle(struct pg *pg, const struct settle_terms *terms,
                                  const struct delivery_settlement *settlements, size_t count,
                                  struct arena *arena, struct switched_off_list *off,
                                  struct error *error) {
    struct pg_result *result = NULL;
    enum status status = settle_all(pg, terms, settlements, count, &result, error);
    *off = (struct switched_off_list){0};
    if (status == STATUS_OK && result != NULL)
        read_switched_off(result, arena, off);
    pg_result_free(&result);
    return status;
}

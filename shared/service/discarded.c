#include "shared/service/discarded.h"

#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/nats/mesh_call.h"
#include "shared/observe/log.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"
#include "shared/service/service.h"

#define ASK_INTERVAL_MS 5000
#define ANSWER_MS 2000
#define ARENA_BYTES 4096
#define SUBJECT "mesh.dlq.discarded"
/* No outbox has an event that was discarded before. */
#define FIRST_SINCE_US (INT64_C(9) * 86400 * 1000000)
/* Nobody commits a discard later than this after its time. */
#define OVERLAP_US (INT64_C(60) * 1000000)

struct keeper {
    const char *service;
    struct nats_client *nats;
    struct pg *pg;
    struct arena *arena;
    int64_t since_us; /* all that was discarded before is kept */
    bool is_away;     /* the dead-letter service was, the last time */
};

/* --- where the dead letters are --------------------------------------------------------------- */

static enum status ask_apart(struct pg *pg, bool *is_apart, struct error *error) {
    static const struct pg_statement find = {
        .name = "discarded_apart",
        .sql = "SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'dlq')",
    };
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &find, NULL, &rows, error);
    if (status == STATUS_OK)
        *is_apart = pg_get_bool(rows, 0, 0);
    pg_result_free(&rows);
    return status;
}

/* --- fetching --------------------------------------------------------------------------------- */

static enum status ask(struct keeper *keeper, int64_t after_us, struct slice after_id,
                       struct json_object **reply, struct error *error) {
    struct buf request = {0};
    struct json_writer w = json_writer(&request);
    json_begin_object(&w);
    json_put_text(&w, "service", keeper->service);
    json_put_int(&w, "afterUs", after_us);
    json_put_string(&w, "afterId", after_id);
    json_end_object(&w);
    enum status status =
        mesh_call(keeper->nats, SUBJECT, buf_slice(&request), ANSWER_MS, reply, error);
    buf_fini(&request);
    return status;
}

/* The inbox has them, too, for consumers that take from it, as sql/0023 has it. */
static const struct pg_statement keep_sql = {
    .name = "discarded_keep",
    .sql = "WITH discarded_there AS (SELECT * FROM unnest($1::uuid[], $2::text[]) d(event_id, "
           "consumer)),"
           " apart AS (INSERT INTO discarded (event_id, consumer)"
           "  SELECT event_id, consumer FROM discarded_there ON CONFLICT DO NOTHING)"
           " INSERT INTO inbox (event_id, consumer)"
           " SELECT event_id, consumer FROM discarded_there ON CONFLICT DO NOTHING",
    .param_count = 2,
};

static enum status add_entry(struct json_object *entry, struct pg_columns *columns, int64_t *at_us,
                             struct slice *id, struct error *error) {
    struct slice event_text, consumer;
    struct uuid event_id;
    enum status status = json_get_string(entry, "eventId", &event_text, error);
    if (status == STATUS_OK)
        status = json_get_string(entry, "consumer", &consumer, error);
    if (status == STATUS_OK)
        status = json_get_string(entry, "id", id, error);
    if (status == STATUS_OK)
        status = json_get_int64(entry, "atUs", at_us, error);
    if (status == STATUS_OK && !uuid_parse(event_text, &event_id))
        status = error_set(error, STATUS_INVALID, "eventId: no UUID");
    if (status != STATUS_OK)
        return status;
    pg_array_add_uuid(&columns->arrays[0], &event_id);
    pg_array_add_slice(&columns->arrays[1], consumer);
    return STATUS_OK;
}

static enum status keep_page(struct keeper *keeper, struct json_object *entries, int64_t *at_us,
                             struct slice *id, struct error *error) {
    struct pg_columns columns;
    enum status status = STATUS_OK;
    size_t count = json_object_array_length(entries);
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID, PG_ARRAY_TEXT}, 2);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_entry(json_object_array_get_idx(entries, i), &columns, at_us, id, error);
    if (status == STATUS_OK)
        status = pg_columns_query(&columns, keeper->pg, &keep_sql, NULL, error);
    pg_columns_fini(&columns);
    return status;
}

/* Asks for what comes after (at_us, id), and keeps it; those are then its last entry's, in the
   arena. An empty page tells until when there is nothing more. */
static enum status fetch_page(struct keeper *keeper, int64_t *at_us, struct slice *id,
                              bool *is_last, struct error *error) {
    struct json_object *reply = NULL, *entries = NULL;
    struct slice last = *id;
    int64_t now_us = 0;
    enum status status = ask(keeper, *at_us, *id, &reply, error);
    if (status == STATUS_OK)
        status = json_get_int64(reply, "nowUs", &now_us, error);
    if (status == STATUS_OK)
        status = json_get_array(reply, "entries", &entries, error);
    *is_last = status == STATUS_OK && json_object_array_length(entries) == 0;
    if (status == STATUS_OK && !*is_last)
        status = keep_page(keeper, entries, at_us, &last, error);
    if (status == STATUS_OK && !*is_last)
        *id = arena_slice(keeper->arena, last);
    if (*is_last)
        keeper->since_us = now_us;
    json_object_put(reply);
    return status;
}

static enum status fetch(struct keeper *keeper, struct error *error) {
    int64_t at_us = keeper->since_us - OVERLAP_US;
    struct slice id = SLICE_LITERAL("");
    bool is_last = false;
    enum status status = STATUS_OK;
    arena_reset(keeper->arena);
    while (status == STATUS_OK && !is_last)
        status = fetch_page(keeper, &at_us, &id, &is_last, error);
    return status;
}

/* --- the worker ------------------------------------------------------------------------------- */

static void look(struct keeper *keeper) {
    struct error error = {0};
    bool was_away = keeper->is_away;
    keeper->is_away = fetch(keeper, &error) != STATUS_OK;
    if (keeper->is_away && !was_away)
        log_warn("what was discarded is not known here yet", LOG_ERROR(&error));
}

static void run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    const struct service *const *service = options->context;
    struct error error;
    bool is_known = false, is_apart = true;
    struct keeper keeper = {
        .service = (*service)->name,
        .nats = options->nats,
        .pg = pg_create(options->config->database_url, "discarded"),
        .arena = arena_create(ARENA_BYTES),
        .since_us = clock_now_us() - FIRST_SINCE_US,
    };
    do {
        if (!is_known)
            is_known = ask_apart(keeper.pg, &is_apart, &error) == STATUS_OK;
        if (is_known && is_apart)
            look(&keeper);
    } while (is_apart && worker_nap(worker, ASK_INTERVAL_MS));
    arena_destroy(&keeper.arena);
    pg_destroy(&keeper.pg);
}

const struct worker_spec discarded_worker = {"discarded", run};

#include "omctl/streams/rebuild.h"

#include "omctl/streams/jetstream.h"
#include "omctl/streams/stream_reader.h"
#include "services/analytics/projection.h"
#include "services/analytics/store.h"
#include "services/analytics/term_store.h"
#include "services/analytics/terms.h"
#include "shared/base/memory.h"
#include "shared/pg/pg_lock.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 512
/* When a pass over the streams found no more than this, the rest is read with writers held out. */
#define TAIL_EVENTS 1000
#define PASSES_MOST 50
#define FINISH_TRIES 5
#define PROGRESS_EVERY 100000

/* Plans are made while the tables are empty: go by index all the same. */
#define BY_INDEX "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
/* Old rows are copied by one statement. */
static const char in_shadow[] =
    "SET search_path = analytics_rebuild, om; SET statement_timeout = 0" BY_INDEX;
static const char in_live[] = "SET search_path = analytics, om" BY_INDEX;

struct rebuild {
    struct nats_client *nats;
    struct pg *shadow; /* sees the tables that are filled */
    struct pg *live;   /* sees those in use */
    struct arena *arena;
    FILE *progress;
    struct stream_position next[EVENT_STREAM_COUNT];
    int64_t horizon_us[EVENT_STREAM_COUNT]; /* the stream has no events before this time */
    bool is_locked; /* in the transaction that ends with the change of tables */
    struct event events[BATCH];
    struct order_facts facts[BATCH];
    size_t count;
    struct rebuild_result result;
};

/* --- replaying -------------------------------------------------------------------------------- */

static enum status apply(struct rebuild *rebuild, struct order_facts *facts, size_t count,
                         struct error *error) {
    enum status status = STATUS_OK;
    if (!rebuild->is_locked)
        status = pg_begin(rebuild->shadow, error);
    if (status == STATUS_OK)
        status = projection_apply(rebuild->shadow, rebuild->arena, facts, count, error);
    if (status == STATUS_OK && !rebuild->is_locked)
        status = pg_commit(rebuild->shadow, error);
    return status;
}

static void drop_events(struct rebuild *rebuild) {
    rebuild->count = 0;
    arena_reset(rebuild->arena);
}

static enum status flush(struct rebuild *rebuild, struct error *error) {
    enum status status = STATUS_OK;
    if (rebuild->count > 0)
        status = apply(rebuild, rebuild->facts, rebuild->count, error);
    drop_events(rebuild);
    return status;
}

/* Passes over what the service ignores, and what it would have rejected. */
static void take(struct rebuild *rebuild, const struct stream_message *message) {
    struct event *event = &rebuild->events[rebuild->count];
    enum event_type type;
    enum fact fact;
    struct error error;
    bool is_known = event_type_of_subject(slice_of(message->subject), &type);
    bool is_heard = strstr(message->subject, ".evt.") != NULL; /* as consumers filter */
    if (!is_heard || (is_known && !fact_of_event(type, &fact)))
        return;
    if (!is_known || event_decode(message->payload, rebuild->arena, event, &error) != STATUS_OK) {
        rebuild->result.skipped++;
        return;
    }
    if (event->type != type ||
        facts_read(event, &rebuild->facts[rebuild->count], &error) != STATUS_OK) {
        rebuild->result.skipped++;
        return;
    }
    terms_read(event, rebuild->arena, &rebuild->facts[rebuild->count]);
    rebuild->count++;
    if (++rebuild->result.events % PROGRESS_EVERY == 0)
        fprintf(rebuild->progress, "%lld events replayed\n", (long long)rebuild->result.events);
}

static enum status replay_stream(struct rebuild *rebuild, size_t stream, int64_t *read,
                                 struct error *error) {
    struct stream_reader *reader = NULL;
    struct stream_message message;
    enum status status = stream_reader_create(rebuild->nats, event_streams[stream],
                                              &rebuild->next[stream], &reader, error);
    while (status == STATUS_OK) {
        status = stream_reader_next(reader, &message, error);
        if (status != STATUS_OK)
            break;
        rebuild->next[stream].sequence = message.sequence + 1;
        (*read)++;
        take(rebuild, &message);
        if (rebuild->count == BATCH)
            status = flush(rebuild, error);
    }
    stream_reader_destroy(&reader);
    if (status == STATUS_CLOSED)
        return flush(rebuild, error);
    drop_events(rebuild);
    return status;
}

static enum status replay_streams(struct rebuild *rebuild, int64_t *read, struct error *error) {
    enum status status = STATUS_OK;
    *read = 0;
    for (size_t i = 0; i < EVENT_STREAM_COUNT && status == STATUS_OK; i++)
        status = replay_stream(rebuild, i, read, error);
    return status;
}

static enum status catch_up(struct rebuild *rebuild, struct error *error) {
    int64_t read = TAIL_EVENTS + 1;
    for (int pass = 0; read > TAIL_EVENTS; pass++) {
        if (pass == PASSES_MOST)
            return error_set(error, STATUS_UNAVAILABLE,
                             "events come faster than they can be replayed; try again later");
        enum status status = replay_streams(rebuild, &read, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* --- what is older than the streams ----------------------------------------------------------- */

static enum status find_horizons(struct rebuild *rebuild, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < EVENT_STREAM_COUNT && status == STATUS_OK; i++)
        status = jetstream_horizon(rebuild->nats, event_streams[i], &rebuild->horizon_us[i], error);
    return status;
}

static int64_t horizon_of(const struct rebuild *rebuild, enum fact fact) {
    const char *stream = event_info(fact_event(fact))->stream;
    for (size_t i = 0; i < EVENT_STREAM_COUNT; i++) {
        if (strcmp(event_streams[i], stream) == 0)
            return rebuild->horizon_us[i];
    }
    return 0;
}

/* Leaves only what the streams cannot tell; false when that is nothing. */
static bool leave_older(const struct rebuild *rebuild, struct order_facts *facts) {
    bool is_any_left = false;
    for (int i = 0; i < FACT_COUNT; i++) {
        if (facts->at_us[i] >= horizon_of(rebuild, (enum fact)i))
            facts->at_us[i] = 0;
        is_any_left |= facts->at_us[i] != 0;
    }
    return is_any_left;
}

static enum status keep_older(struct rebuild *rebuild, struct error *error) {
    struct uuid after = {0};
    size_t found = BATCH;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && found == BATCH) {
        struct order_facts *facts;
        size_t kept = 0;
        status =
            facts_store_page(rebuild->live, rebuild->arena, &after, BATCH, &facts, &found, error);
        if (status != STATUS_OK || found == 0)
            break;
        after = facts[found - 1].order_id;
        for (size_t i = 0; i < found; i++) {
            if (leave_older(rebuild, &facts[i]))
                facts[kept++] = facts[i];
        }
        rebuild->result.kept += (int64_t)kept;
        if (kept > 0)
            status = apply(rebuild, facts, kept, error);
        arena_reset(rebuild->arena);
    }
    return status;
}

/* --- the tables ------------------------------------------------------------------------------- */

#define LOCK "om.rebuild.analytics"

static enum status begin_rebuild(struct rebuild *rebuild, struct error *error) {
    bool is_taken = false;
    int64_t session;
    enum status status = pg_lock_try(rebuild->shadow, LOCK, &is_taken, &session, error);
    if (status == STATUS_OK && !is_taken)
        status = error_set(error, STATUS_CONFLICT, "another rebuild is at work");
    return status;
}

static enum status make_tables(struct rebuild *rebuild, struct error *error) {
    return pg_script(rebuild->shadow,
                     "DROP SCHEMA IF EXISTS analytics_rebuild CASCADE;"
                     "CREATE SCHEMA analytics_rebuild;"
                     "SELECT analytics.create_projection('analytics_rebuild')",
                     error);
}

/* Said aloud, since a session that is closed ends only some time later. */
static void end_rebuild(struct rebuild *rebuild) {
    static const struct pg_statement release = {
        .name = "rebuild_release",
        .sql = "SELECT pg_advisory_unlock(hashtextextended('" LOCK "', 0))",
    };
    struct error ignored;
    pg_rollback(rebuild->shadow);
    (void)!pg_query(rebuild->shadow, &release, NULL, NULL, &ignored);
}

/* Waits for the batches at work and keeps further ones waiting until the transaction ends: those
   that have only read so far, too. */
static enum status hold_writers_out(struct rebuild *rebuild, struct error *error) {
    static const struct pg_statement lock = {
        .name = "rebuild_lock",
        .sql = "LOCK TABLE analytics.order_facts IN EXCLUSIVE MODE",
    };
    enum status status = pg_begin(rebuild->shadow, error);
    return status == STATUS_OK ? pg_query(rebuild->shadow, &lock, NULL, NULL, error) : status;
}

/* The service's statements name no schema: their next run finds the new tables. */
static enum status change_tables(struct rebuild *rebuild, struct error *error) {
    static const struct pg_statement steps[] = {
        {.name = "rebuild_drop",
         .sql = "DROP TABLE analytics.order_facts, analytics.counts, analytics.order_terms"},
        {.name = "rebuild_facts",
         .sql = "ALTER TABLE analytics_rebuild.order_facts SET SCHEMA analytics"},
        {.name = "rebuild_counts",
         .sql = "ALTER TABLE analytics_rebuild.counts SET SCHEMA analytics"},
        {.name = "rebuild_terms",
         .sql = "ALTER TABLE analytics_rebuild.order_terms SET SCHEMA analytics"},
        {.name = "rebuild_schema", .sql = "DROP SCHEMA analytics_rebuild"},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == STATUS_OK; i++)
        status = pg_query(rebuild->shadow, &steps[i], NULL, NULL, error);
    return status;
}

static enum status finish_once(struct rebuild *rebuild, struct error *error) {
    int64_t read;
    enum status status = hold_writers_out(rebuild, error);
    rebuild->is_locked = true;
    if (status == STATUS_OK)
        status = replay_streams(rebuild, &read, error);
    if (status == STATUS_OK)
        status = change_tables(rebuild, error);
    if (status == STATUS_OK)
        status = pg_commit(rebuild->shadow, error);
    if (status != STATUS_OK)
        pg_rollback(rebuild->shadow);
    rebuild->is_locked = false;
    return status;
}

/* Somebody's long read or write may be in the way of a lock. */
static enum status finish(struct rebuild *rebuild, struct error *error) {
    struct stream_position next[EVENT_STREAM_COUNT];
    struct rebuild_result result = rebuild->result;
    enum status status = STATUS_SERIALIZATION;
    memcpy(next, rebuild->next, sizeof(next));
    for (int i = 0; i < FINISH_TRIES && status == STATUS_SERIALIZATION; i++) {
        memcpy(rebuild->next, next, sizeof(next));
        rebuild->result = result;
        status = finish_once(rebuild, error);
    }
    return status;
}

static enum status make_again(struct rebuild *rebuild, struct error *error) {
    enum status status = make_tables(rebuild, error);
    if (status == STATUS_OK)
        status = find_horizons(rebuild, error);
    if (status == STATUS_OK)
        status = terms_store_keep(rebuild->shadow, horizon_of(rebuild, FACT_CREATED), error);
    if (status == STATUS_OK)
        status = counts_store_take(rebuild->shadow, error);
    if (status == STATUS_OK)
        status = keep_older(rebuild, error);
    if (status == STATUS_OK)
        status = catch_up(rebuild, error);
    if (status == STATUS_OK)
        status = finish(rebuild, error);
    return status;
}

enum status rebuild_analytics(struct nats_client *nats, const char *database_url, FILE *progress,
                              struct rebuild_result *result, struct error *error) {
    struct rebuild *rebuild = mem_alloc(sizeof(*rebuild));
    rebuild->nats = nats;
    rebuild->progress = progress;
    rebuild->arena = arena_create((size_t)256 * 1024);
    rebuild->shadow = pg_create(database_url, "omctl rebuild");
    rebuild->live = pg_create(database_url, "omctl rebuild");
    pg_set_on_connect(rebuild->shadow, in_shadow);
    pg_set_on_connect(rebuild->live, in_live);
    enum status status = begin_rebuild(rebuild, error);
    if (status == STATUS_OK) {
        status = make_again(rebuild, error);
        end_rebuild(rebuild);
    }
    if (status == STATUS_OK)
        *result = rebuild->result;
    pg_destroy(&rebuild->live);
    pg_destroy(&rebuild->shadow);
    arena_destroy(&rebuild->arena);
    free(rebuild);
    return status;
}

int rebuild_command(const struct omctl_config *config, int argc, char **argv) {
    struct error error = {0};
    struct nats_client *nats = NULL;
    struct rebuild_result result;
    if (command_parse(NULL, 0, argc, argv, &error) != STATUS_OK) {
        (void)command_failed("rebuild analytics", &error);
        return COMMAND_USAGE;
    }
    enum status status = STATUS_OK;
    if (config->database_url[0] == '\0')
        status = error_set(&error, STATUS_INVALID, "OM_DATABASE_URL is not set");
    if (status == STATUS_OK)
        status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK)
        status = rebuild_analytics(nats, config->database_url, stderr, &result, &error);
    nats_client_destroy(&nats);
    if (status != STATUS_OK)
        return command_failed("rebuild analytics", &error);
    printf("analytics: %lld events replayed, %lld unreadable ones skipped, older events of %lld "
           "orders kept\n",
           (long long)result.events, (long long)result.skipped, (long long)result.kept);
    return COMMAND_DONE;
}

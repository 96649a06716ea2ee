#include "bench/parts/limits.h"

#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM "BENCH_LIMIT"
#define SUBJECT "bench.limit.stored"
#define PUBLISHES_PENDING 4096
#define PUBLISH_STALL_MS 30000
#define DUPLICATE_WINDOW_NS (INT64_C(120) * 1000000000)
#define STEP_BYTES 800
#define PROGRAM_LIMIT_MS 3600000 /* old orders take their time */

static void require_nats(natsStatus status, const char *doing) {
    if (status != NATS_OK)
        fixture_fail("%s: %s (%s)", doing, natsStatus_GetText(status),
                     nats_GetLastError(NULL) != NULL ? nats_GetLastError(NULL) : "");
}

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

struct limit_nats limit_connect(struct servers *servers) {
    struct limit_nats nats = {0};
    struct error error;
    char *password;
    size_t length;
    require_ok(config_read_file(servers_nats_password_file(servers, "operator"), &password, &length,
                                &error),
               &error);
    natsOptions *options = NULL;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = natsOptions_SetURL(options, servers_nats_url(servers));
    if (s == NATS_OK)
        s = natsOptions_SetUserInfo(options, "operator", password);
    if (s == NATS_OK)
        s = natsConnection_Connect(&nats.connection, options);
    jsOptions js_options;
    jsOptions_Init(&js_options);
    js_options.PublishAsync.MaxPending = PUBLISHES_PENDING;
    js_options.PublishAsync.StallWait = PUBLISH_STALL_MS;
    if (s == NATS_OK)
        s = natsConnection_JetStream(&nats.js, nats.connection, &js_options);
    natsOptions_Destroy(options);
    free(password);
    require_nats(s, "connecting to NATS");
    return nats;
}

void limit_disconnect(struct limit_nats *nats) {
    jsCtx_Destroy(nats->js);
    natsConnection_Destroy(nats->connection);
    *nats = (struct limit_nats){0};
}

uint64_t limit_stream_messages(struct limit_nats *nats, const char *stream) {
    jsStreamInfo *info = NULL;
    require_nats(js_GetStreamInfo(&info, nats->js, stream, NULL, NULL), stream);
    uint64_t messages = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return messages;
}

int64_t limit_stream_replicas(struct limit_nats *nats, const char *stream) {
    jsStreamInfo *info = NULL;
    require_nats(js_GetStreamInfo(&info, nats->js, stream, NULL, NULL), stream);
    int64_t replicas = info->Config->Replicas;
    jsStreamInfo_Destroy(info);
    return replicas;
}

uint64_t limit_subject_messages(struct limit_nats *nats, const char *stream, const char *subject) {
    jsStreamInfo *info = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Stream.Info.SubjectsFilter = subject;
    require_nats(js_GetStreamInfo(&info, nats->js, stream, &options, NULL), stream);
    const jsStreamStateSubjects *subjects = info->State.Subjects;
    uint64_t messages = subjects != NULL && subjects->Count > 0 ? subjects->List[0].Msgs : 0;
    jsStreamInfo_Destroy(info);
    return messages;
}

/* With the settings of the streams under nats/streams. */
static void make_stream(struct limit_nats *nats) {
    const char *subjects[] = {SUBJECT};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = STREAM;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Duplicates = DUPLICATE_WINDOW_NS;
    require_nats(js_AddStream(NULL, nats->js, &config, NULL, NULL), "adding the limit's stream");
}

static void drop_stream(struct limit_nats *nats) {
    require_nats(js_DeleteStream(nats->js, STREAM, NULL, NULL), "deleting the limit's stream");
}

static void new_message_id(jsPubOptions *options, char *text) {
    struct uuid id = uuid_v7();
    uuid_format(&id, text);
    jsPubOptions_Init(options);
    options->MsgId = text;
}

double limit_publish(struct servers *servers, int64_t count, size_t bytes) {
    struct limit_nats nats = limit_connect(servers);
    make_stream(&nats);
    char *payload = mem_alloc(bytes);
    memset(payload, 'x', bytes);
    int64_t started_us = clock_monotonic_us();
    for (int64_t i = 0; i < count; i++) {
        char id[UUID_TEXT_SIZE];
        jsPubOptions options;
        new_message_id(&options, id);
        require_nats(js_PublishAsync(nats.js, SUBJECT, payload, (int)bytes, &options),
                     "publishing");
    }
    jsPubOptions wait;
    jsPubOptions_Init(&wait);
    wait.MaxWait = PUBLISH_STALL_MS;
    require_nats(js_PublishAsyncComplete(nats.js, &wait), "waiting for acknowledgements");
    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    uint64_t stored = limit_stream_messages(&nats, STREAM);
    if (stored != (uint64_t)count)
        fixture_fail("published %" PRId64 " messages, %" PRIu64 " are stored", count, stored);
    free(payload);
    drop_stream(&nats);
    limit_disconnect(&nats);
    return (double)count / seconds;
}

static const struct pg_statement insert_step = {
    "bench_insert_step",
    "INSERT INTO bench_step (payload) VALUES ($1::bytea)",
    1,
};

static void take_step(struct pg *pg, struct limit_nats *nats, const char *payload) {
    struct error error;
    const struct pg_param params[] = {pg_bytes((struct slice){payload, STEP_BYTES})};
    require_ok(pg_begin(pg, &error), &error);
    require_ok(pg_queue(pg, &insert_step, params, &error), &error);
    require_ok(pg_commit(pg, &error), &error);
    char id[UUID_TEXT_SIZE];
    jsPubOptions options;
    new_message_id(&options, id);
    require_nats(js_Publish(NULL, nats->js, SUBJECT, payload, STEP_BYTES, &options, NULL),
                 "publishing");
}

void limit_steps(struct servers *servers, int count, double *ms) {
    struct limit_nats nats = limit_connect(servers);
    make_stream(&nats);
    struct error error;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    require_ok(pg_connect(pg, &error), &error);
    require_ok(
        pg_script(pg, "CREATE TABLE bench_step (id bigserial PRIMARY KEY, payload bytea)", &error),
        &error);
    char payload[STEP_BYTES];
    memset(payload, 'x', sizeof(payload));
    take_step(pg, &nats, payload); /* prepares the statement */
    for (int i = 0; i < count; i++) {
        int64_t started_us = clock_monotonic_us();
        take_step(pg, &nats, payload);
        ms[i] = (double)(clock_monotonic_us() - started_us) / 1e3;
    }
    require_ok(pg_script(pg, "DROP TABLE bench_step", &error), &error);
    pg_destroy(&pg);
    drop_stream(&nats);
    limit_disconnect(&nats);
}

static const struct pg_statement show_durability = {
    "bench_show_durability",
    "SELECT bool_and(setting = 'on') FROM pg_settings"
    " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')",
    0,
};

static void require_durability(struct servers *servers) {
    struct error error;
    struct pg_result *rows = NULL;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    require_ok(pg_query(pg, &show_durability, NULL, &rows, &error), &error);
    if (!pg_get_bool(rows, 0, 0))
        fixture_fail("the database is measured with fsync and synchronous_commit on only");
    pg_result_free(&rows);
    pg_destroy(&pg);
}

static void run(const char *const *argv, const char *log_path) {
    int code = process_run(&(struct process_options){.argv = argv, .log_path = log_path},
                           PROGRAM_LIMIT_MS);
    if (code != 0)
        fixture_fail("%s ended with %d, see %s (kept with OM_KEEP=1)", argv[0], code, log_path);
}

void limit_psql(struct servers *servers, const char *const *arguments, int count,
                const char *log_path) {
    const char *argv[16] = {
        "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", servers_postgres_url(servers)};
    assert(count < 8);
    for (int i = 0; i < count; i++)
        argv[7 + i] = arguments[i];
    run(argv, log_path);
}

static void run_psql(struct servers *servers, const char *flag, const char *what,
                     const char *log_path) {
    limit_psql(servers, (const char *[]){flag, what}, 2, log_path);
}

/* pgbench says "tps = 1234.5 (without initial connection time)". */
static double read_tps(const char *log_path) {
    char line[512];
    double tps = 0;
    FILE *log = fopen(log_path, "r");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        if (strncmp(line, "tps = ", 6) == 0)
            tps = strtod(line + 6, NULL);
    if (log != NULL)
        fclose(log);
    if (tps <= 0)
        fixture_fail("pgbench said no rate in %s", log_path);
    return tps;
}

double limit_orders(struct servers *servers, const struct limit_script *script) {
    char log_path[512], file[512], clients[16], seconds[16], define[24];
    snprintf(log_path, sizeof(log_path), "%s/pgbench.log", servers_dir(servers));
    snprintf(file, sizeof(file), "%s/bench/limits/%s", OM_SOURCE_DIR, script->file);
    snprintf(clients, sizeof(clients), "%d", script->clients);
    snprintf(seconds, sizeof(seconds), "%d", script->seconds);
    snprintf(define, sizeof(define), "n=%d", script->orders_a_run > 0 ? script->orders_a_run : 1);

    require_durability(servers);
    run_psql(servers, "-f", OM_SOURCE_DIR "/bench/limits/schema.sql", log_path);
    const char *argv[] = {"pgbench", "-n", "-M",   "prepared", "-f",
                          file,      "-D", define, "-c",       clients,
                          "-j",      "2",  "-T",   seconds,    servers_postgres_url(servers),
                          NULL};
    run(argv, log_path);
    run_psql(servers, "-c", "DROP SCHEMA bench_limit CASCADE", log_path);
    run_psql(servers, "-c", "CHECKPOINT", log_path);
    double orders_a_run = script->orders_a_run > 0 ? script->orders_a_run : 1;
    double rate = read_tps(log_path) * orders_a_run;
    remove(log_path);
    return rate;
}

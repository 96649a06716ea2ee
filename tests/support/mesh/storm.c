#include "tests/support/mesh/storm.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define END_MS 300000
#define TERMINATE_MS 20000
#define REQUEST_TIMEOUT_MS 10000

struct storm {
    struct mesh *mesh;
    struct clients *clients;
    struct nats_client *nats;
    struct pg *pg;
    const struct storm_options *options;
    int64_t expected;
    char job[64];
};

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

static void connect_all(struct storm *storm) {
    struct servers *servers = mesh_servers(storm->mesh);
    storm->nats = servers_connect(servers);
    storm->pg = pg_create(servers_postgres_url(servers), "storm");
}

/* --- what people do --------------------------------------------------------------------------- */

static struct json_object *ask(struct storm *storm, const char *subject, const char *body) {
    struct json_object *root = NULL;
    struct error error = {0};
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(storm->nats), subject,
                                                body, REQUEST_TIMEOUT_MS);
    if (s != NATS_OK)
        fixture_fail("%s: %s", subject, natsStatus_GetText(s));
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    require_ok(json_parse(text, &root, &error), &error);
    natsMsg_Destroy(reply);
    return root;
}

static void restart_notification(struct storm *storm, const char *name, const char *value) {
    if (mesh_terminate(storm->mesh, MESH_NOTIFICATION, TERMINATE_MS) != 0)
        fixture_fail("notification did not end in order");
    mesh_configure(storm->mesh, MESH_NOTIFICATION, name, value);
    mesh_launch(storm->mesh, MESH_NOTIFICATION, NULL);
    if (!mesh_await_ready(storm->mesh, END_MS))
        fixture_fail("not ready after notification's restart");
}

static void write_wrong_key(const char *path) {
    FILE *file = fopen(path, "we");
    if (file == NULL)
        fixture_fail("cannot write %s", path);
    for (int i = 0; i < 32; i++)
        (void)fprintf(file, "%02x", 255 - i);
    (void)fputc('\n', file);
    if (fclose(file) != 0)
        fixture_fail("cannot write %s", path);
}

static struct workload *place(struct storm *storm, int count, int rate) {
    char count_text[16], rate_text[16];
    (void)snprintf(count_text, sizeof(count_text), "%d", count);
    (void)snprintf(rate_text, sizeof(rate_text), "%d", rate);
    const char *arguments[] = {
        "--count", count_text, "--connections", "16", "--mix", "ok=100", rate > 0 ? "--rate" : NULL,
        rate_text, NULL};
    return workload_start(storm->clients, arguments);
}

static void await_end(struct workload **workload) {
    if (!workload_await_end(*workload, END_MS))
        fixture_fail("not every order was accepted");
    workload_destroy(workload);
}

/* --- what became of it ------------------------------------------------------------------------ */

static const struct pg_statement count_entries = {
    "storm_count",
    "SELECT count(*) FROM dlq.entries WHERE consumer = 'notification' AND status = $1::text",
    1,
};

static int64_t count(struct storm *storm, const char *status) {
    const struct pg_param param = pg_text(slice_of(status));
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(storm->pg, &count_entries, &param, &rows, &error), &error);
    int64_t entries = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return entries;
}

static bool all_are_dead(void *closure) {
    struct storm *storm = closure;
    mesh_revive(storm->mesh);
    return count(storm, "dead") >= storm->expected;
}

static bool all_are_resolved(void *closure) {
    struct storm *storm = closure;
    mesh_revive(storm->mesh);
    return count(storm, "resolved") >= storm->expected;
}

static const struct pg_statement list_entries = {
    "storm_list",
    "SELECT id FROM dlq.entries WHERE consumer = 'notification'",
    0,
};

/* One a notice that the order was due, so the checker finds any other. */
static void expect_entries(struct storm *storm) {
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(storm->pg, &list_entries, NULL, &rows, &error), &error);
    if (pg_rows(rows) != storm->expected)
        fixture_fail("%" PRId64 " notices were due, %d are dead letters", storm->expected,
                     pg_rows(rows));
    for (int row = 0; row < pg_rows(rows); row++) {
        char id[256];
        struct slice text = pg_get_slice(rows, row, 0);
        (void)snprintf(id, sizeof(id), "%.*s", SLICE_ARG(text));
        clients_expect_dead(storm->clients, id);
    }
    pg_result_free(&rows);
}

static const struct pg_statement unfinished = {
    "storm_unfinished",
    "SELECT count(*) FROM orders.orders WHERE status <> 'COMPLETED'",
    0,
};

static bool all_are_completed(void *closure) {
    struct storm *storm = closure;
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(storm->pg, &unfinished, NULL, &rows, &error), &error);
    bool are_completed = pg_get_int64(rows, 0, 0) == 0;
    pg_result_free(&rows);
    return are_completed;
}

static const struct pg_statement measure_latency = {
    "storm_latency",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ms)::int8,"
    "   percentile_disc(0.99) WITHIN GROUP (ORDER BY ms)::int8, count(*)"
    " FROM (SELECT (extract(epoch FROM (t.entry->>'at')::timestamptz - o.accepted_at) * 1000000)"
    "     AS ms"
    "   FROM orders.orders o CROSS JOIN LATERAL jsonb_array_elements(o.timeline) t(entry)"
    "   WHERE t.entry->>'event' = 'OrderCompleted'"
    "     AND o.accepted_at >= timestamptz 'epoch' + $1::int8 * interval '1 microsecond'"
    "     AND o.accepted_at < timestamptz 'epoch' + $2::int8 * interval '1 microsecond') l",
    2,
};

static struct storm_latency latency_between(struct storm *storm, int64_t from_us, int64_t to_us) {
    const struct pg_param params[] = {pg_int64(from_us), pg_int64(to_us)};
    struct pg_result *rows = NULL;
    struct error error = {0};
    if (!wait_until(all_are_completed, storm, END_MS))
        fixture_fail("not every order is completed");
    require_ok(pg_query(storm->pg, &measure_latency, params, &rows, &error), &error);
    struct storm_latency latency = {.orders = pg_get_int64(rows, 0, 2)};
    if (latency.orders > 0) {
        latency.p50_ms = (double)pg_get_int64(rows, 0, 0) / 1000;
        latency.p99_ms = (double)pg_get_int64(rows, 0, 1) / 1000;
    }
    pg_result_free(&rows);
    return latency;
}

static const struct pg_statement unnoticed = {
    "storm_unnoticed",
    "SELECT 2 * (SELECT count(*) FROM orders.orders)"
    " - (SELECT count(*) FROM notifications.notifications)",
    0,
};

/* The service that tells of them is patient. */
static bool all_are_told_of(void *closure) {
    struct storm *storm = closure;
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(storm->pg, &unnoticed, NULL, &rows, &error), &error);
    bool are_told_of = pg_get_int64(rows, 0, 0) == 0;
    pg_result_free(&rows);
    return are_told_of;
}

/* --- the story -------------------------------------------------------------------------------- */

static struct storm_latency live_before(struct storm *storm) {
    int64_t from_us = clock_now_us();
    struct workload *live = place(storm, storm->options->live_orders, storm->options->live_rate);
    await_end(&live);
    struct storm_latency latency = latency_between(storm, from_us, clock_now_us());
    if (!wait_until(all_are_told_of, storm, END_MS))
        fixture_fail("not every customer is told");
    return latency;
}

static void fail_every_notice(struct storm *storm, struct storm_result *result) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/wrong-key", servers_dir(mesh_servers(storm->mesh)));
    write_wrong_key(path);
    restart_notification(storm, "OM_PII_KEY_FILE", path);
    storm->expected = INT64_C(2) * storm->options->orders;

    int64_t started_us = clock_monotonic_us();
    struct workload *orders = place(storm, storm->options->orders, 0);
    await_end(&orders);
    if (!wait_until(all_are_dead, storm, END_MS))
        fixture_fail("%" PRId64 " of %" PRId64 " notices are dead letters", count(storm, "dead"),
                     storm->expected);
    result->collect_s = (double)(clock_monotonic_us() - started_us) / 1e6;
    result->entries = storm->expected;
    expect_entries(storm);
    restart_notification(storm, NULL, NULL);
}

static void start_job(struct storm *storm) {
    char body[128];
    struct slice id = SLICE_LITERAL("");
    struct error error = {0};
    (void)snprintf(body, sizeof(body), "{\"consumer\":\"notification\",\"ratePerSecond\":%d}",
                   storm->options->replay_rate);
    struct json_object *job = ask(storm, "mesh.dlq.replay_all", body);
    require_ok(json_get_string(job, "id", &id, &error), &error);
    (void)snprintf(storm->job, sizeof(storm->job), "%.*s", SLICE_ARG(id));
    json_object_put(job);
}

static bool job_is_over(void *closure) {
    struct storm *storm = closure;
    char body[128];
    struct slice state = SLICE_LITERAL("");
    (void)snprintf(body, sizeof(body), "{\"id\":\"%s\"}", storm->job);
    struct json_object *job = ask(storm, "mesh.dlq.job", body);
    bool is_over =
        json_get_string(job, "state", &state, NULL) == STATUS_OK && !slice_is(state, "running");
    json_object_put(job);
    return is_over;
}

static void replay_all(struct storm *storm, struct storm_result *result) {
    int64_t from_us = clock_now_us();
    struct workload *live = place(storm, storm->options->live_orders, storm->options->live_rate);
    start_job(storm);
    if (!wait_until(job_is_over, storm, END_MS))
        fixture_fail("the replay does not end");
    int64_t to_us = clock_now_us();
    result->replay_s = (double)(to_us - from_us) / 1e6;
    if (!wait_until(all_are_resolved, storm, END_MS))
        fixture_fail("%" PRId64 " of %" PRId64 " dead letters are resolved",
                     count(storm, "resolved"), storm->expected);
    await_end(&live);
    result->during = latency_between(storm, from_us, to_us);
    if (count(storm, "dead") != 0)
        fixture_fail("a replayed notice is dead again");
}

void storm_run(struct mesh *mesh, struct clients *clients, const struct storm_options *options,
               struct storm_result *result) {
    struct storm storm = {.mesh = mesh, .clients = clients, .options = options};
    *result = (struct storm_result){0};
    connect_all(&storm);
    result->before = live_before(&storm);
    fail_every_notice(&storm, result);
    replay_all(&storm, result);
    nats_client_destroy(&storm.nats);
    pg_destroy(&storm.pg);
}

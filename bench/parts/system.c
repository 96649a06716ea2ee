#include "bench/parts/system.h"

#include "bench/parts/limits.h"
#include "shared/base/clock.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/check/checker.h"

#include <inttypes.h>
#include <string.h>

#define READY_MS 30000
#define SETTLE_MS 60000
#define LOOK_MS 200
#define CONNECTIONS 64
#define PATIENCE_MS 60000

/* But for TSHIRT-GRY-S, which orders that must end out of stock ask for (load_order.h). */
static const char stock_up_sql[] =
    "UPDATE inventory.stock SET received = received + 1000000000000,"
    " on_hand = on_hand + 1000000000000 WHERE sku <> 'TSHIRT-GRY-S';"
    "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
    " SELECT gen_random_uuid(), sku, 1000000000000, 'bench', on_hand FROM inventory.stock"
    " WHERE sku <> 'TSHIRT-GRY-S'";

static void stock_up(struct mesh *mesh) {
    struct error error;
    struct pg *pg = pg_create(servers_postgres_url(mesh_servers(mesh)), "bench");
    if (pg_connect(pg, &error) != STATUS_OK || pg_script(pg, stock_up_sql, &error) != STATUS_OK)
        fixture_fail("stocking up: %s", error.text);
    pg_destroy(&pg);
}

/* Fails when the broker does not sync as the configuration's name says. */
static void require_config(struct servers *servers, enum bench_config config) {
    char path[512], line[256];
    bool syncs = false;
    snprintf(path, sizeof(path), "%s/nats.conf", servers_dir(servers));
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fixture_fail("cannot read %s", path);
    while (fgets(line, sizeof(line), file) != NULL)
        syncs = syncs || strncmp(line + strspn(line, " "), "sync_interval: always", 21) == 0;
    fclose(file);
    if (syncs != (config == BENCH_SHIPPED))
        fixture_fail("this nats-server %s: it is not the one of --config %s",
                     syncs ? "syncs always" : "syncs lazily", bench_config_name(config));
}

struct servers *system_servers(const struct bench_options *options) {
    struct servers *servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    require_config(servers, options->config);
    servers_migrate(servers);
    servers_provision(servers);
    return servers;
}

static struct mesh *hold_still(const struct bench_options *options, struct mesh *mesh) {
    require_config(mesh_servers(mesh), options->config);
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_kill(mesh, (enum mesh_part)part);
    stock_up(mesh);
    return mesh;
}

struct mesh *system_prepare(const struct bench_options *options) {
    struct mesh *mesh = mesh_start();
    /* The mesh has short redelivery times for its tests; this is the declared one. */
    servers_provision_ack_wait(mesh_servers(mesh), "30s");
    return hold_still(options, mesh);
}

struct mesh *system_prepare_cluster(const struct bench_options *options) {
    struct mesh *mesh = hold_still(options, mesh_start_cluster());
    struct limit_nats nats = limit_connect(mesh_servers(mesh));
    if (limit_stream_replicas(&nats, "ORDERS") != 3)
        fixture_fail("the streams have no three replicas");
    limit_disconnect(&nats);
    return mesh;
}

static void await_ready(struct mesh *mesh) {
    if (!mesh_await_ready(mesh, READY_MS))
        fixture_fail("not ready, see %s", servers_dir(mesh_servers(mesh)));
}

void system_launch(struct mesh *mesh, enum mesh_part part) {
    mesh_launch(mesh, part, NULL);
    await_ready(mesh);
}

void system_launch_all(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_launch(mesh, (enum mesh_part)part, NULL);
    await_ready(mesh);
}

struct load_options system_load(const struct mesh *mesh) {
    return (struct load_options){
        .port = mesh_http_port(mesh),
        .connections = CONNECTIONS,
        .patience_ms = PATIENCE_MS,
        .prefix = "bench-",
        .recipe =
            {
                .seed = 1,
                .weights = {[LOAD_OK] = 1},
                .skus = {"TSHIRT-BLK-M", "SKU-123", "PROD-101", "PROD-205", "ITEM1001", "ITEM2003"},
                .sku_count = 6,
                .lines = 2,
            },
    };
}

void system_require_accepted(const struct load_result *result) {
    if (result->accepted != result->placed || result->answers[202] != result->placed)
        fixture_fail("of %" PRIu64 " orders %" PRIu64 " were accepted, %" PRIu64
                     " of them at the first try; 503: %" PRIu64 ", lost connections: %" PRIu64,
                     result->placed, result->accepted, result->answers[202], result->answers[503],
                     result->connections_lost);
}

void system_require_invariants(struct mesh *mesh, const char *log_path) {
    struct servers *servers = mesh_servers(mesh);
    const char *const logs[] = {log_path, NULL};
    const struct checker_options options = {
        .database_url = servers_postgres_url(servers),
        .nats_url = servers_nats_url(servers),
        .nats_user = "operator",
        .nats_password_file = servers_nats_password_file(servers, "operator"),
        .logs = logs,
        .settle_ms = SETTLE_MS,
        .seed = 1,
    };
    struct buf report = {0};
    if (!checker_run(&options, &report))
        fixture_fail("an invariant is broken:\n%s", report.ptr);
    buf_fini(&report);
}

/* --- without the checker --- */

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

static const struct pg_statement count_new = {
    "bench_count_new",
    "WITH new AS (SELECT id FROM orders.orders WHERE taken_at >= timestamptz 'epoch'"
    "   + $1::int8 * interval '1 microsecond' AND status = 'COMPLETED')"
    " SELECT (SELECT count(*) FROM new),"
    "  (SELECT count(*) FROM payments.payments p JOIN new ON id = order_id"
    "    WHERE p.status = 'CAPTURED'),"
    "  (SELECT count(*) FROM shipping.shipments s JOIN new ON id = order_id"
    "    WHERE s.status = 'SHIPPED'),"
    "  (SELECT count(*) FROM inventory.reservations r JOIN new ON id = order_id"
    "    WHERE r.status = 'SHIPPED'),"
    "  (SELECT count(*) FROM inventory.stock WHERE received <> on_hand + reserved + shipped)",
    1,
};

struct settled {
    struct pg *pg;
    int64_t from_us, expected;
    int64_t figures[5];
};

static bool is_settled(void *closure) {
    struct settled *settled = closure;
    struct error error;
    struct pg_result *result = NULL;
    const struct pg_param from = pg_int64(settled->from_us);
    require_ok(pg_query(settled->pg, &count_new, &from, &result, &error), &error);
    bool is_it = true;
    for (int i = 0; i < 5; i++) {
        settled->figures[i] = pg_get_int64(result, 0, i);
        is_it = is_it && settled->figures[i] == (i < 4 ? settled->expected : 0);
    }
    pg_result_free(&result);
    clock_sleep_ms(LOOK_MS);
    return is_it;
}

void system_require_each_once(struct mesh *mesh, int64_t from_us, uint64_t accepted) {
    struct error error;
    struct settled settled = {.pg = pg_create(servers_postgres_url(mesh_servers(mesh)), "bench"),
                              .from_us = from_us,
                              .expected = (int64_t)accepted};
    require_ok(pg_connect(settled.pg, &error), &error);
    if (!wait_until(is_settled, &settled, SETTLE_MS))
        fixture_fail("%" PRIu64 " orders were accepted: %" PRId64 " are completed, %" PRId64
                     " paid, %" PRId64 " shipped, %" PRId64 " have left the stock",
                     accepted, settled.figures[0], settled.figures[1], settled.figures[2],
                     settled.figures[3]);
    pg_destroy(&settled.pg);
}

#include "bench/system.h"

#include "bench/harness.h"
#include "shared/pg/pg.h"
#include "tests/support/check/checker.h"

#include <inttypes.h>

#define READY_MS 30000
#define SETTLE_MS 60000
#define CONNECTIONS 64
#define PATIENCE_MS 60000

static const char stock_up_sql[] =
    "UPDATE inventory.stock SET received = received + 1000000000000,"
    " on_hand = on_hand + 1000000000000;"
    "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
    " SELECT gen_random_uuid(), sku, 1000000000000, 'bench', on_hand FROM inventory.stock";

static void stock_up(struct mesh *mesh) {
    struct error error;
    struct pg *pg = pg_create(servers_postgres_url(mesh_servers(mesh)), "bench");
    if (pg_connect(pg, &error) != STATUS_OK || pg_script(pg, stock_up_sql, &error) != STATUS_OK)
        fixture_fail("stocking up: %s", error.text);
    pg_destroy(&pg);
}

struct mesh *system_prepare(void) {
    struct mesh *mesh = mesh_start();
    /* The mesh has short redelivery times for its tests; these are the declared ones. */
    servers_provision(mesh_servers(mesh));
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_kill(mesh, (enum mesh_part)part);
    stock_up(mesh);
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
                .skus = {"TSHIRT-BLK-M", "TSHIRT-GRY-S", "SKU-123", "PROD-101", "PROD-205",
                         "ITEM1001", "ITEM2003"},
                .sku_count = 7,
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

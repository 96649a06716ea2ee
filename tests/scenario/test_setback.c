/* The broker loses what it acknowledged under load: its store is set back, or lost, or each stream
   is purged. Every order ends, and nobody says a word to `omctl outbox`.

   Covers: shared/outbox/setback.c shared/outbox/checkpoint.c shared/outbox/relay.c */
#include "tests/support/mesh/scenario.h"

#include <libpq-fe.h>

#define REPAIRED_MS 60000
#define GRACE_S "5" /* until a command that is lost is published again (gateway/kept/) */

static const char *const streams[] = {"ORDERS", "INVENTORY", "PAYMENTS", "SHIPPING",
                                      "NOTIFICATIONS"};

/* A table that nobody else may write: orders wait at the step that needs it. */
static PGconn *hold_up(struct scenario *scenario, const char *table) {
    PGconn *db = PQconnectdb(servers_postgres_url(mesh_servers(scenario->mesh)));
    struct buf sql = {0};
    buf_printf(&sql, "BEGIN; LOCK TABLE %s IN EXCLUSIVE MODE", table);
    PGresult *result = PQexec(db, sql.ptr);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    buf_fini(&sql);
    return db;
}

static void end_load(struct scenario *scenario, struct workload **workload) {
    workload_stop(*workload);
    assert_true(workload_await_end(*workload, SCENARIO_LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS + REPAIRED_MS));
    workload_destroy(workload);
}

/* Orders wait to be shipped when it happens, and go on coming. */
static void orders_under_way_end_though_the_store_was_set_back(void **state) {
    struct scenario *scenario = *state;
    struct servers *servers = mesh_servers(scenario->mesh);
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 300, 20000));
    servers_save_store(servers);
    PGconn *held = hold_up(scenario, "shipping.shipments");
    assert_true(workload_await_accepted(workload, 900, 20000));

    servers_set_store_back(servers);
    PQfinish(held);
    assert_true(workload_await_accepted(workload, 1200, 20000));
    end_load(scenario, &workload);
}

static void orders_under_way_end_though_the_store_was_lost(void **state) {
    struct scenario *scenario = *state;
    struct servers *servers = mesh_servers(scenario->mesh);
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 300, 20000));
    PGconn *held = hold_up(scenario, "payments.payments");
    assert_true(workload_await_accepted(workload, 600, 20000));

    servers_lose_store(servers);
    servers_provision(servers);
    PQfinish(held);
    assert_true(workload_await_accepted(workload, 900, 20000));
    end_load(scenario, &workload);
}

static void purge_all(struct scenario *scenario) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
        assert_int_equal(js_PurgeStream(js, streams[i], NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
    nats_client_destroy(&nats);
}

static void orders_under_way_end_though_each_stream_was_purged(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 300, 20000));
    PGconn *held = hold_up(scenario, "inventory.reservations");
    assert_true(workload_await_accepted(workload, 450, 20000));

    purge_all(scenario);
    PQfinish(held);
    assert_true(workload_await_accepted(workload, 600, 20000));
    end_load(scenario, &workload);
}

static int setup(void **state) {
    int failed = scenario_setup(state);
    struct scenario *scenario = *state;
    if (failed != 0)
        return failed;
    clients_expect_losses(scenario->clients);
    mesh_configure(scenario->mesh, MESH_GATEWAY, "OM_COMMAND_GRACE_S", GRACE_S);
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_GATEWAY, 20000), 0);
    mesh_launch(scenario->mesh, MESH_GATEWAY, NULL);
    return mesh_await_ready(scenario->mesh, 20000) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_under_way_end_though_each_stream_was_purged),
        cmocka_unit_test(orders_under_way_end_though_the_store_was_set_back),
        cmocka_unit_test(orders_under_way_end_though_the_store_was_lost),
    };
    return cmocka_run_group_tests(tests, setup, scenario_teardown);
}

/* Servers go away and come back under load: orders wait, none is lost, doubled or given up.

   Covers: shared/consume/consumer.c shared/nats/nats_client.c shared/pg/pg.c */
#include "tests/support/mesh/scenario.h"

#include <string.h>

#define READY_MS 10000
#define OUTAGE_MS 10000

static bool services_are_not_ready(void *closure) {
    struct scenario *scenario = closure;

    for (int part = MESH_ORDER; part < MESH_PART_COUNT; part++) {
        if (mesh_is_ready(scenario->mesh, (enum mesh_part)part, NULL))
            return false;
    }
    return true;
}

static void orders_are_accepted_while_postgres_is_down_and_completed_after(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");

    assert_true(workload_await_accepted(workload, 300, 10000));
    servers_shutdown(mesh_servers(scenario->mesh), SERVER_POSTGRES);
    uint64_t before = workload_accepted(workload);
    assert_true(wait_until(services_are_not_ready, scenario, OUTAGE_MS));
    assert_true(workload_await_accepted(workload, before + 1000, SCENARIO_LOAD_ENDS_MS));
    servers_restart(mesh_servers(scenario->mesh), SERVER_POSTGRES);

    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    scenario_end_load(scenario, &workload);
}

static void killing_postgres_loses_nothing(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");

    for (uint64_t accepted = 300; accepted <= 900; accepted += 300) {
        assert_true(workload_await_accepted(workload, accepted, 20000));
        servers_kill(mesh_servers(scenario->mesh), SERVER_POSTGRES);
        servers_restart(mesh_servers(scenario->mesh), SERVER_POSTGRES);
    }
    scenario_end_load(scenario, &workload);
}

static void killing_nats_server_loses_nothing_that_was_accepted(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");

    for (uint64_t accepted = 300; accepted <= 900; accepted += 300) {
        assert_true(workload_await_accepted(workload, accepted, 20000));
        servers_kill(mesh_servers(scenario->mesh), SERVER_NATS);
        scenario_let_pass(1000);
        servers_restart(mesh_servers(scenario->mesh), SERVER_NATS);
    }
    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    scenario_end_load(scenario, &workload);
}

static void killed_database_sessions_are_opened_again(void **state) {
    struct scenario *scenario = *state;
    static const char kill_sql[] =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE $1";
    struct workload *workload = scenario_start_load(scenario, "150");

    for (uint64_t accepted = 150; accepted <= 750; accepted += 150) {
        assert_true(workload_await_accepted(workload, accepted, 10000));
        assert_true(scenario_sql(scenario, kill_sql, "om\\_%") > 0);
    }
    scenario_end_load(scenario, &workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_database_sessions_are_opened_again),
        cmocka_unit_test(killing_postgres_loses_nothing),
        cmocka_unit_test(killing_nats_server_loses_nothing_that_was_accepted),
        cmocka_unit_test(orders_are_accepted_while_postgres_is_down_and_completed_after),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}

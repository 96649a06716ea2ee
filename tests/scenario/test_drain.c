/* SIGTERM under load: every process finishes what it began and leaves within ten seconds.

   Covers: shared/service/runtime.c shared/service/worker.c */
#include "tests/support/mesh/scenario.h"

#define DRAIN_MS 10000

static void a_rolling_restart_under_load_loses_nothing(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "200");

    for (int part = 0; part < MESH_PART_COUNT; part++) {
        assert_true(workload_await_accepted(workload, (uint64_t)(part + 1) * 100, 20000));
        assert_int_equal(mesh_terminate(scenario->mesh, (enum mesh_part)part, DRAIN_MS), 0);
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
        assert_true(mesh_await_ready(scenario->mesh, 10000));
    }
    scenario_end_load(scenario, &workload);
}

static void everything_told_to_end_at_once_goes_on_where_it_stopped(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "200");

    assert_true(workload_await_accepted(workload, 400, 20000));
    assert_int_equal(mesh_terminate_all(scenario->mesh, DRAIN_MS), 0);
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
    assert_true(mesh_await_ready(scenario->mesh, 10000));
    assert_true(workload_await_accepted(workload, 800, 20000));

    scenario_end_load(scenario, &workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rolling_restart_under_load_loses_nothing),
        cmocka_unit_test(everything_told_to_end_at_once_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}

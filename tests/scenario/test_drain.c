/* SIGTERM under load: every process finishes what it began and leaves within ten seconds.

   Covers: shared/service/runtime.c shared/service/worker.c */
#include "tests/support/mesh/scenario.h"

#define DRAIN_MS 10000
#define LOAD_ENDS_MS 60000

static struct workload *start_load(struct scenario *scenario) {
    return workload_start(scenario->clients,
                          (const char *const[]){"--seconds", "120", "--rate", "200",
                                                "--connections", "32", "--mix",
                                                "ok=90,declined=5,stock=5", NULL});
}

static void end_load_and_check(struct scenario *scenario, struct workload **workload) {
    workload_stop(*workload);
    assert_true(workload_await_end(*workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(workload);
}

static void a_rolling_restart_under_load_loses_nothing(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = start_load(scenario);

    for (int part = 0; part < MESH_PART_COUNT; part++) {
        assert_true(workload_await_accepted(workload, (uint64_t)(part + 1) * 100, 20000));
        assert_int_equal(mesh_terminate(scenario->mesh, (enum mesh_part)part, DRAIN_MS), 0);
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
        assert_true(mesh_await_ready(scenario->mesh, 10000));
    }
    end_load_and_check(scenario, &workload);
}

static void everything_told_to_end_at_once_goes_on_where_it_stopped(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = start_load(scenario);

    assert_true(workload_await_accepted(workload, 400, 20000));
    assert_int_equal(mesh_terminate_all(scenario->mesh, DRAIN_MS), 0);
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
    assert_true(mesh_await_ready(scenario->mesh, 10000));
    assert_true(workload_await_accepted(workload, 800, 20000));

    end_load_and_check(scenario, &workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rolling_restart_under_load_loses_nothing),
        cmocka_unit_test(everything_told_to_end_at_once_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}

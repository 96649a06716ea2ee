/* SIGTERM under load: every process finishes what it began and leaves within ten seconds. */
#include "tests/support/scenario.h"

#define DRAIN_MS 10000
#define LOAD_ENDS_MS 60000

static struct crowd *start_load(struct scenario *scenario) {
    return crowd_start(scenario->customers,
                       (const char *const[]){"--seconds", "120", "--rate", "200", "--connections",
                                             "32", "--mix", "ok=90,declined=5,stock=5", NULL});
}

static void end_load_and_check(struct scenario *scenario, struct crowd **crowd) {
    crowd_stop(*crowd);
    assert_true(crowd_await_end(*crowd, LOAD_ENDS_MS));
    assert_true(customers_check(scenario->customers, SCENARIO_SETTLE_MS));
    crowd_destroy(crowd);
}

static void a_rolling_restart_under_load_loses_nothing(void **state) {
    struct scenario *scenario = *state;
    struct crowd *crowd = start_load(scenario);

    for (int part = 0; part < MESH_PART_COUNT; part++) {
        assert_true(crowd_await_accepted(crowd, (uint64_t)(part + 1) * 100, 20000));
        assert_int_equal(mesh_terminate(scenario->mesh, (enum mesh_part)part, DRAIN_MS), 0);
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
        assert_true(mesh_await_ready(scenario->mesh, 10000));
    }
    end_load_and_check(scenario, &crowd);
}

static void everything_told_to_end_at_once_goes_on_where_it_stopped(void **state) {
    struct scenario *scenario = *state;
    struct crowd *crowd = start_load(scenario);

    assert_true(crowd_await_accepted(crowd, 400, 20000));
    assert_int_equal(mesh_terminate_all(scenario->mesh, DRAIN_MS), 0);
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
    assert_true(mesh_await_ready(scenario->mesh, 10000));
    assert_true(crowd_await_accepted(crowd, 800, 20000));

    end_load_and_check(scenario, &crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rolling_restart_under_load_loses_nothing),
        cmocka_unit_test(everything_told_to_end_at_once_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}

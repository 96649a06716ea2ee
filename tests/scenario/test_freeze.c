/* Slow is not poison: a machine that stalls again and again loses nothing that its processes hold.
   A healthy event once became a dead letter when it ran out of ack_wait in hand at each delivery.

   Covers: shared/consume/intake.c services/dlq/collect/second_chances.c */
#include "tests/support/mesh/scenario.h"

#define ACK_WAIT "500ms"
#define TAKEN_UP_MS 3000 /* services ask after their consumers every 2 s */
#define FREEZE_MS 900
#define THAW_MS 150 /* too short for all that is in hand */
#define FREEZES 16  /* twice all deliveries of an event and of its second chance */
/* Each service gets one second chance at a time; on a slow machine hundreds wait for theirs. */
#define CHANCES_END_MS 300000

static bool have_chances_ended(void *scenario) {
    return scenario_sql(scenario,
                        "SELECT count(*) FROM dlq.chances WHERE state IN ('waiting', 'given')",
                        NULL) == 0;
}

static void freezing_everything_again_and_again_makes_no_dead_letter(void **state) {
    struct scenario *scenario = *state;
    struct mesh *mesh = scenario->mesh;
    servers_provision_ack_wait(mesh_servers(mesh), ACK_WAIT);
    scenario_let_pass(TAKEN_UP_MS);
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 300, 10000));

    for (int i = 0; i < FREEZES; i++) {
        mesh_freeze(mesh);
        scenario_let_pass(FREEZE_MS);
        mesh_thaw(mesh);
        scenario_let_pass(THAW_MS);
    }

    workload_stop(workload);
    assert_true(wait_until(have_chances_ended, scenario, CHANCES_END_MS));
    scenario_end_load(scenario, &workload);
    print_message("second chances: %lld\n",
                  (long long)scenario_sql(scenario, "SELECT count(*) FROM dlq.chances", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freezing_everything_again_and_again_makes_no_dead_letter),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}

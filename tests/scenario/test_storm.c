/* A bug that fails every event for a while: all of them are dead letters, are replayed at a set
   rate once it is fixed, and end as if nothing had been; orders go on meanwhile. scripts/bench
   storm is the same at ten times the size.

   Covers: services/dlq/replay/ */
#include "tests/support/mesh/scenario.h"
#include "tests/support/mesh/storm.h"

static void what_a_bug_failed_is_replayed_while_orders_go_on(void **state) {
    struct scenario *scenario = *state;
    const struct storm_options options = {
        .orders = 2500, .replay_rate = 1000, .live_rate = 50, .live_orders = 250};
    struct storm_result result;

    storm_run(scenario->mesh, scenario->clients, &options, &result);

    print_message("%lld dead letters in %.1f s, replayed in %.1f s; orders p50/p99 %.1f/%.1f ms"
                  " before, %.1f/%.1f ms during\n",
                  (long long)result.entries, result.collect_s, result.replay_s,
                  result.before.p50_ms, result.before.p99_ms, result.during.p50_ms,
                  result.during.p99_ms);
    assert_true(result.replay_s >= (double)result.entries / options.replay_rate * 0.9);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_bug_failed_is_replayed_while_orders_go_on),
    };
    return cmocka_run_group_tests_name("storm", tests, scenario_setup, scenario_teardown);
}

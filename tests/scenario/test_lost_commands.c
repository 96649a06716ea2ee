/* The broker loses what it acknowledged under load, commands among it that the order service does
   not have yet: every order ends by itself, and none is doubled.

   Covers: gateway/kept/ services/order/endpoint.c services/order/submit.c
   services/dlq/endpoint.c */
#include "tests/support/mesh/scenario.h"

#define READY_MS 30000
#define REPAIRED_MS 60000
#define LONG_IN_USE 1000000 /* messages; a stream that is made anew does not get there again */

static int64_t count_orders(struct scenario *scenario) {
    return scenario_sql(scenario, "SELECT count(*) FROM orders.orders", NULL);
}

/* Below `sequence`, which an empty stream then begins with; 0: all. */
static void purge_below(struct scenario *scenario, uint64_t sequence) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    jsOptions options;
    jsCtx *js = NULL;
    assert_int_equal(jsOptions_Init(&options), NATS_OK);
    options.Stream.Purge.Sequence = sequence;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    assert_int_equal(js_PurgeStream(js, "COMMANDS", &options, NULL), NATS_OK);
    jsCtx_Destroy(js);
    nats_client_destroy(&nats);
}

static void purge_orders(struct scenario *scenario) {
    purge_below(scenario, 0);
}

static void lose_store(struct scenario *scenario) {
    servers_lose_store(mesh_servers(scenario->mesh));
    servers_provision(mesh_servers(scenario->mesh));
}

static void set_store_back(struct scenario *scenario) {
    servers_set_store_back(mesh_servers(scenario->mesh));
}

static void end_load(struct scenario *scenario, struct workload **workload) {
    workload_stop(*workload);
    assert_true(workload_await_end(*workload, SCENARIO_LOAD_ENDS_MS + REPAIRED_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS + REPAIRED_MS));
    workload_destroy(workload);
}

/* The order service is away: all that is accepted is in the stream alone. */
static void lose_what_waits(struct scenario *scenario, void (*lose)(struct scenario *)) {
    int64_t before = count_orders(scenario);
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_ORDER, READY_MS), 0);
    struct workload *workload = scenario_start_load(scenario, "100");
    assert_true(workload_await_accepted(workload, 100, READY_MS));
    servers_save_store(mesh_servers(scenario->mesh));
    assert_true(workload_await_accepted(workload, 300, READY_MS));
    lose(scenario);
    assert_true(workload_await_accepted(workload, 350, READY_MS));
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);
    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    end_load(scenario, &workload);
    assert_true(count_orders(scenario) >= before + 350);
}

static void commands_outlive_a_purge(void **state) {
    lose_what_waits(*state, purge_orders);
}

static void commands_outlive_their_store(void **state) {
    lose_what_waits(*state, lose_store);
}

static void commands_outlive_a_store_that_is_set_back(void **state) {
    lose_what_waits(*state, set_store_back);
}

/* With the store goes what the order service had in hand when it died, what it had told, and what
   it was to be told. */
static void lose_all_under_load(struct scenario *scenario, struct workload *workload) {
    uint64_t before = workload_accepted(workload);
    assert_true(workload_await_accepted(workload, before + 300, READY_MS));
    mesh_kill(scenario->mesh, MESH_ORDER);
    lose_store(scenario);
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);
    assert_true(workload_await_accepted(workload, before + 600, READY_MS));
}

static void orders_under_load_outlive_their_store(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");
    lose_all_under_load(scenario, workload);
    end_load(scenario, &workload);
}

struct awaited_orders {
    struct scenario *scenario;
    int64_t count;
};

static bool has_orders(void *closure) {
    const struct awaited_orders *awaited = closure;
    return count_orders(awaited->scenario) >= awaited->count;
}

/* Redis is away for a moment, and for a while nobody vouches for a key: each order waits until all
   that is older is taken in. When the store was lost, such orders waited 150 s, since nothing in
   the new stream had a sequence as high as theirs. */
static void orders_that_are_held_outlive_their_store(void **state) {
    struct scenario *scenario = *state;
    struct servers *servers = mesh_servers(scenario->mesh);
    int64_t before = count_orders(scenario);
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 100, READY_MS));
    servers_pause(servers, SERVER_REDIS);
    assert_true(workload_await_accepted(workload, 200, READY_MS));
    servers_resume(servers, SERVER_REDIS);
    /* Those that nobody kept are in the database. */
    struct awaited_orders awaited = {scenario, before + (int64_t)workload_accepted(workload) + 100};
    assert_true(wait_until(has_orders, &awaited, READY_MS));

    lose_all_under_load(scenario, workload);
    end_load(scenario, &workload);
}

static int setup(void **state) {
    int code = scenario_setup(state);
    struct scenario *scenario = *state;
    if (code != 0)
        return code;
    clients_expect_losses(scenario->clients);
    purge_below(scenario, LONG_IN_USE);
    mesh_configure(scenario->mesh, MESH_GATEWAY, "OM_COMMAND_GRACE_S", "4");
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_GATEWAY, READY_MS), 0);
    mesh_launch(scenario->mesh, MESH_GATEWAY, NULL);
    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_outlive_a_purge),
        cmocka_unit_test(commands_outlive_their_store),
        cmocka_unit_test(commands_outlive_a_store_that_is_set_back),
        cmocka_unit_test(orders_under_load_outlive_their_store),
        cmocka_unit_test(orders_that_are_held_outlive_their_store),
    };
    return cmocka_run_group_tests(tests, setup, scenario_teardown);
}

/* A database for each service, on three PostgreSQL servers of which one is a hot standby: every
   promise holds as on one, also when the standby goes away, and when it takes the first one's
   place.

   Covers: omctl/install/service_part.c shared/service/replica.c shared/pg/pg.c
   tests/support/mesh/apart.c */
#include "tests/support/base/test.h"
#include "tests/support/mesh/apart.h"
#include "tests/support/mesh/scenario.h"

#define READY_MS 30000

/* --- what a customer sees --------------------------------------------------------------------- */

/* The newest orders, by the list. */
static bool is_listed(struct scenario *scenario, const char *id) {
    struct http_response response;
    long status = clients_get(scenario->clients, "/api/v1/orders?limit=200", &response);
    bool is_there = status == 200 && strstr(response.body.ptr, id) != NULL;
    if (status != 200)
        print_message("%ld %s\n", status, response.body.ptr);
    assert_int_equal(status, 200);
    http_response_fini(&response);
    return is_there;
}

/* Once the order is known by its id, the list never lacks it. */
static void assert_orders_are_listed(struct scenario *scenario, const char *prefix, int count) {
    for (int i = 0; i < count; i++) {
        char key[64], id[64];
        snprintf(key, sizeof(key), "%s-%d", prefix, i);
        scenario_place(scenario, key, "TSHIRT-BLK-M", 1, "pm_card_visa", id);
        assert_true(
            clients_await_status(scenario->clients, id, "COMPLETED", SCENARIO_SETTLE_MS, NULL));
        assert_true(is_listed(scenario, id));
    }
}

struct wanted {
    struct scenario *scenario;
    const char *words; /* in /readyz of the order service; NULL: it says nothing of a replica */
};

static bool order_service_says(void *closure) {
    struct wanted *wanted = closure;
    struct buf body = {0};
    bool is_ready = mesh_is_ready(wanted->scenario->mesh, MESH_ORDER, &body);
    bool says = wanted->words != NULL ? strstr(body.ptr, wanted->words) != NULL
                                      : strstr(body.ptr, "replica") == NULL;
    buf_fini(&body);
    return is_ready && says;
}

static void await_words(struct scenario *scenario, const char *words) {
    struct wanted wanted = {scenario, words};
    if (wait_until(order_service_says, &wanted, READY_MS))
        return;
    struct buf body = {0};
    (void)mesh_is_ready(scenario->mesh, MESH_ORDER, &body);
    fail_msg("%s is not said: %s", words != NULL ? words : "nothing", body.ptr);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void orders_go_through_eight_databases(void **state) {
    struct scenario *scenario = *state;
    await_words(scenario, NULL);
    assert_orders_are_listed(scenario, "apart", 20);
    struct workload *workload = scenario_start_load(scenario, "100");
    assert_true(workload_await_accepted(workload, 500, READY_MS));
    assert_orders_are_listed(scenario, "apart-busy", 5);
    scenario_end_load(scenario, &workload);
}

static void lists_come_from_the_primary_while_the_standby_is_away_or_behind(void **state) {
    struct scenario *scenario = *state;
    struct standby *standby = apart_standby(mesh_apart(scenario->mesh));
    standby_hold_replay(standby);
    assert_orders_are_listed(scenario, "behind", 3);
    await_words(scenario, "the replica: it is ");
    standby_resume_replay(standby);
    await_words(scenario, NULL);
    standby_kill(standby);
    assert_orders_are_listed(scenario, "away", 3);
    await_words(scenario, "reads go to the primary; the replica: database: ");
    standby_restart(standby);
    await_words(scenario, NULL);
}

static void a_failover_loses_nothing(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "100");
    assert_true(workload_await_accepted(workload, 300, READY_MS));
    apart_fail_over(mesh_apart(scenario->mesh));
    uint64_t before = workload_accepted(workload);
    assert_true(workload_await_accepted(workload, before + 300, READY_MS));
    await_words(scenario, "reads go to the primary; the replica: ");
    assert_orders_are_listed(scenario, "promoted", 3);
    scenario_end_load(scenario, &workload);

    apart_rejoin(mesh_apart(scenario->mesh));
    await_words(scenario, NULL);
    assert_orders_are_listed(scenario, "rejoined", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_go_through_eight_databases),
        cmocka_unit_test(lists_come_from_the_primary_while_the_standby_is_away_or_behind),
        cmocka_unit_test(a_failover_loses_nothing),
    };
    return cmocka_run_group_tests(tests, scenario_setup_apart, scenario_teardown);
}

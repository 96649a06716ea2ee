/* The payment provider goes away under load, for longer than any event's deliveries would last:
   nothing is given up, and every order is charged once when it is back.

   Covers: services/payment/provider/provider_stripe.c shared/net/breaker.c */
#include "tests/support/mesh/scenario.h"
#include "tests/support/servers/provider_sim.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Four deliveries with their waits are over after 7 s. OM_OUTAGE_MS makes it longer. */
#define OUTAGE_MS 12000
#define LOAD_ENDS_MS 60000

static struct provider_sim *sim;
static char dir[] = "/tmp/om-provider-XXXXXX";

static int64_t outage_ms(void) {
    const char *text = getenv("OM_OUTAGE_MS");
    return text != NULL ? strtoll(text, NULL, 10) : OUTAGE_MS;
}

static bool payment_is_not_ready(void *closure) {
    struct scenario *scenario = closure;
    return !mesh_is_ready(scenario->mesh, MESH_PAYMENT, NULL);
}

static void an_outage_of_the_provider_gives_up_no_order(void **state) {
    struct scenario *scenario = *state;
    struct buf sql = {0};
    struct workload *workload = workload_start(
        scenario->clients,
        (const char *const[]){"--seconds", "120", "--rate", "50", "--connections", "8", "--mix",
                              "ok=60,held=30,declined=5,stock=5", NULL});

    assert_true(workload_await_accepted(workload, 100, 20000));
    provider_sim_inject(sim, "fault=down");
    assert_true(wait_until(payment_is_not_ready, scenario, 20000));
    uint64_t before = workload_accepted(workload);
    scenario_let_pass(outage_ms());
    assert_true(workload_accepted(workload) > before);
    provider_sim_inject(sim, "fault=none");

    workload_stop(workload);
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    provider_sim_write_check(sim, &sql);
    assert_int_equal(scenario_sql(scenario, sql.ptr, NULL), 0);
    buf_fini(&sql);
    workload_destroy(&workload);
}

static int setup(void **state) {
    assert_non_null(mkdtemp(dir));
    sim = provider_sim_start(dir, 1000);
    setenv("OM_PAYMENT_PROVIDER", "stripe", 1);
    setenv("OM_STRIPE_URL", provider_sim_url(sim), 1);
    setenv("OM_STRIPE_KEY_FILE", provider_sim_key_file(sim), 1);
    setenv("OM_STRIPE_TIMEOUT_MS", "1000", 1);
    return scenario_setup(state);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at) {
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static int teardown(void **state) {
    int result = scenario_teardown(state);
    provider_sim_stop(&sim);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return result;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_of_the_provider_gives_up_no_order),
    };
    return cmocka_run_group_tests_name("provider_outage", tests, setup, teardown);
}

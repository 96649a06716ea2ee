/*
 * kill -9 of each process in the middle of 2,000 orders, at every step where a crash could lose or
 * double something, and at random ones. A supervisor starts it again at once.
 *
 * Covers: shared/base/failpoint.c shared/consume/consumer.c shared/outbox/relay.c
 */
#include "tests/support/mesh/scenario.h"

#include <stdio.h>

#define LOAD_ENDS_MS 90000

#define BIT(part) (1u << MESH_##part)
#define RELAYS (BIT(ORDER) | BIT(INVENTORY) | BIT(PAYMENT) | BIT(SHIPPING) | BIT(NOTIFICATION))
#define SERVICES (RELAYS | BIT(ANALYTICS) | BIT(LOYALTY))

/* A process dies at a step the n-th time it gets there. n is drawn between `least` and `most`,
   which 2,000 orders reach however large the batches are. Loyalty has one consumer with work, and
   that one is patient: it takes the first order's event, and may take all others at once. */
#define LOYALTY_MOST 2
struct crash {
    const char *sentence;
    const char *failpoint;
    unsigned parts;
    unsigned least, most;
};

static const struct crash crashes[] = {
    {"a gateway killed before it publishes", "gateway.before_publish", BIT(GATEWAY), 300, 1500},
    {"a gateway killed before the PubAck", "gateway.after_publish", BIT(GATEWAY), 300, 1500},
    {"a gateway killed before the answer", "gateway.after_puback", BIT(GATEWAY), 300, 1500},
    {"a gateway killed before Redis knows the answer", "gateway.after_answer", BIT(GATEWAY), 300,
     1500},
    {"relays killed before the cursor moves", "relay.after_publish", RELAYS, 2, 4},
    {"consumers killed before the inbox", "consumer.before_inbox", SERVICES, 2, 6},
    {"consumers killed between commit and ack", "consumer.after_commit", SERVICES, 2, 6},
    {"consumers killed after the ack", "consumer.after_ack", SERVICES, 2, 6},
    {"a payment killed before the charge", "payment.before_charge", BIT(PAYMENT), 2, 8},
    {"a payment killed between charge and commit", "payment.after_charge", BIT(PAYMENT), 2, 8},
    {"a payment killed before the capture", "payment.before_capture", BIT(PAYMENT), 2, 6},
    {"a payment killed between capture and commit", "payment.after_capture", BIT(PAYMENT), 2, 6},
    {"an inventory killed in the middle of reserving", "inventory.mid_reserve", BIT(INVENTORY), 2,
     8},
    {"an inventory killed in the middle of compensating", "compensation.midway", BIT(INVENTORY), 1,
     3},
};

/* One mesh for all. A test's own state is its row, which cmocka hands over only where the group has
   none. */
static struct scenario *scenario;

static int setup(void **state) {
    int result = scenario_setup(state);
    scenario = *state;
    *state = NULL;
    return result;
}

static int teardown(void **state) {
    *state = scenario;
    return scenario_teardown(state);
}

/* All runs together take less than 10,000 of each SKU, which is what there is. */
static struct workload *start_two_thousand_orders(void) {
    return workload_start(
        scenario->clients,
        (const char *const[]){"--count", "2000", "--connections", "32", "--mix",
                              "ok=60,held=30,declined=5,stock=5", "--items", "2", "--skus",
                              "TSHIRT-BLK-M,SKU-123,PROD-101,PROD-205,ITEM1001,ITEM2003", NULL});
}

/* Small and different for each run's seed: SplitMix64's first step. */
static unsigned draw(uint64_t salt, unsigned least, unsigned most) {
    uint64_t z = (clients_seed(scenario->clients) + salt) * UINT64_C(0x9e3779b97f4a7c15);
    return least + (unsigned)((z >> 33) % (most - least + 1));
}

static void arm(const struct crash *crash) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        if ((crash->parts & (1u << part)) == 0)
            continue;
        char failpoint[64];
        unsigned salt = (unsigned)(crash - crashes) * MESH_PART_COUNT + (unsigned)part;
        unsigned most = part == MESH_LOYALTY ? LOYALTY_MOST : crash->most;
        unsigned least = crash->least < most ? crash->least : most;
        (void)snprintf(failpoint, sizeof(failpoint), "%s:%u", crash->failpoint,
                       draw(salt, least, most));
        assert_int_equal(mesh_terminate(scenario->mesh, (enum mesh_part)part, 10000), 0);
        mesh_launch(scenario->mesh, (enum mesh_part)part, failpoint);
    }
}

static void assert_died(const struct crash *crash) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        int expected = (crash->parts >> part & 1u) != 0 ? 1 : 0;
        if (mesh_deaths(scenario->mesh, (enum mesh_part)part) != expected)
            fail_msg("%s died %d times at %s", mesh_name((enum mesh_part)part),
                     mesh_deaths(scenario->mesh, (enum mesh_part)part), crash->failpoint);
    }
}

static void a_crash_loses_and_doubles_nothing(void **state) {
    const struct crash *crash = *state;

    mesh_forget_deaths(scenario->mesh);
    arm(crash);
    struct workload *workload = start_two_thousand_orders();

    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    assert_died(crash);
    workload_destroy(&workload);
}

static void kills_at_random_moments_lose_and_double_nothing(void **state) {
    (void)state;
    struct workload *workload = start_two_thousand_orders();

    for (unsigned kill = 1; kill <= 12; kill++) {
        unsigned order = (unsigned)draw(100 + kill, kill * 140, kill * 140 + 139);
        assert_true(workload_await_accepted(workload, order, LOAD_ENDS_MS));
        enum mesh_part part = (enum mesh_part)(kill % MESH_PART_COUNT);
        mesh_kill(scenario->mesh, part);
        mesh_launch(scenario->mesh, part, NULL);
    }
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(&workload);
}

int main(void) {
    enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]) };
    struct CMUnitTest tests[CRASHES + 1];

    for (int i = 0; i < CRASHES; i++)
        tests[i] = (struct CMUnitTest){.name = crashes[i].sentence,
                                       .test_func = a_crash_loses_and_doubles_nothing,
                                       .initial_state = (void *)(uintptr_t)&crashes[i]};
    tests[CRASHES] =
        (struct CMUnitTest)cmocka_unit_test(kills_at_random_moments_lose_and_double_nothing);
    return cmocka_run_group_tests(tests, setup, teardown);
}

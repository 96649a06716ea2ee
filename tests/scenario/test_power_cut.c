/* The power of a server's machine is cut under load: what it had not synced is gone, and it comes
   back with what is left. Every order that was accepted ends, and none is doubled.

   The disks are real file systems (tests/support/servers/disk.h). Where they cannot be had, nothing
   is tried, and the reason is printed.

   Covers: shared/outbox/ gateway/kept/ gateway/orders/idempotency.c services/order/store_keys.c
   tests/support/servers/disk.c */
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"
#include "tests/support/servers/disk.h"

#include <stdio.h>
#include <string.h>

#define READY_MS 30000
#define REPAIRED_MS 60000
#define SKIPPED 77 /* for ctest */

static int64_t count_orders(struct scenario *scenario) {
    return scenario_sql(scenario, "SELECT count(*) FROM orders.orders", NULL);
}

static void end_load(struct scenario *scenario, struct workload **workload) {
    workload_stop(*workload);
    assert_true(workload_await_end(*workload, SCENARIO_LOAD_ENDS_MS + REPAIRED_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS + REPAIRED_MS));
    workload_destroy(workload);
}

static void cut_under_load(struct scenario *scenario, unsigned which) {
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 600, READY_MS));
    servers_cut_power(mesh_servers(scenario->mesh), which);
    assert_true(workload_await_accepted(workload, 900, READY_MS));
    end_load(scenario, &workload);
}

/* How often our processes have said that a stream lost what they had published. */
static int count_losses(struct scenario *scenario, const char *stream) {
    char line[4096], member[64];
    int count = 0;
    snprintf(member, sizeof(member), "\"stream\":\"%s\"", stream);
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        FILE *log = fopen(mesh_log_path(scenario->mesh, (enum mesh_part)part), "re");
        while (log != NULL && fgets(line, sizeof(line), log) != NULL)
            count += strstr(line, "a stream lost events, and they are published again") != NULL &&
                     strstr(line, member) != NULL;
        if (log != NULL)
            (void)fclose(log);
    }
    return count;
}

/* Consumers are delivered none, but for the one whose filter this passes: it is no dead letter. */
static void publish_filler(struct scenario *scenario) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    natsConnection *connection = nats_client_fast(nats);
    assert_int_equal(natsConnection_PublishString(connection, "commands.order.probe", ""), NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    nats_client_destroy(&nats);
}

/* What cannot be published again is synced, by a server that does; the checker wants every event in
   its stream. The rest comes again from the outboxes. */
static void orders_end_though_the_broker_lost_power(void **state) {
    struct scenario *scenario = *state;
    publish_filler(scenario);
    cut_under_load(scenario, SERVERS_NATS);
    assert_true(count_losses(scenario, "ORDERS") > 0);
    assert_true(count_losses(scenario, "PAYMENTS") > 0);
}

static void orders_end_though_the_database_lost_power(void **state) {
    cut_under_load(*state, SERVERS_POSTGRES);
}

static void orders_end_though_redis_lost_power(void **state) {
    cut_under_load(*state, SERVERS_REDIS);
}

/* --- keys --- */

enum { KEYS = 20, TRIES = 10 };

static void write_body(struct buf *body, int quantity) {
    buf_clear(body);
    buf_printf(body,
               "{\"customerId\":\"C100\",\"email\":\"c100@example.com\",\"currency\":\"USD\","
               "\"items\":[{\"sku\":\"TSHIRT-BLK-M\",\"quantity\":%d}],"
               "\"paymentMethod\":\"pm_card_visa\"}",
               quantity);
}

/* Another body under a key: refused by who remembers the key, or an order that fails. */
static bool is_forgotten(struct scenario *scenario, const char *key) {
    struct buf body = {0};
    struct placed_order order;
    write_body(&body, 2);
    clients_place(scenario->clients, key, body.ptr, &order);
    bool is_accepted = order.status == 202;
    assert_true(is_accepted || order.status == 422);
    if (is_accepted)
        assert_true(clients_await_status(scenario->clients, order.id, "FAILED", READY_MS, &body));
    if (is_accepted)
        assert_contains(body.ptr, "idempotency_conflict");
    placed_order_fini(&order);
    buf_fini(&body);
    return is_accepted;
}

static void place_again(struct scenario *scenario, const char *key, const char *id) {
    struct buf body = {0};
    struct placed_order order;
    write_body(&body, 1);
    clients_place(scenario->clients, key, body.ptr, &order);
    assert_int_equal(order.status, 202);
    assert_string_equal(order.id, id);
    placed_order_fini(&order);
    buf_fini(&body);
}

/* How many of the keys that were used just before Redis lost its power it had forgotten. */
static int lose_keys(struct scenario *scenario, int attempt) {
    char keys[KEYS][32], ids[KEYS][64];
    int forgotten = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "power-%d-%d", attempt, i);
        scenario_place(scenario, keys[i], "TSHIRT-BLK-M", 1, "pm_card_visa", ids[i]);
    }
    servers_cut_power(mesh_servers(scenario->mesh), SERVERS_REDIS);
    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    for (int i = 0; i < KEYS; i++) {
        if (i % 2 == 0)
            place_again(scenario, keys[i], ids[i]);
        else
            forgotten += is_forgotten(scenario, keys[i]);
    }
    return forgotten;
}

/* Redis syncs each second, and so forgets the keys of the last one. */
static void a_key_that_redis_has_forgotten_stands_for_one_order(void **state) {
    struct scenario *scenario = *state;
    int forgotten = 0;
    for (int attempt = 0; attempt < TRIES && forgotten == 0; attempt++)
        forgotten = lose_keys(scenario, attempt);
    assert_true(forgotten > 0);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

/* --- all of them --- */

/* All that is accepted is in the stream, and in Redis, which syncs each second. */
static void commands_that_are_kept_end_though_all_machines_lost_power(void **state) {
    struct scenario *scenario = *state;
    int64_t before = count_orders(scenario);
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_ORDER, READY_MS), 0);
    struct workload *workload = scenario_start_load(scenario, "100");
    assert_true(workload_await_accepted(workload, 300, READY_MS));
    workload_stop(workload);
    assert_true(workload_await_end(workload, SCENARIO_LOAD_ENDS_MS));
    scenario_let_pass(3000);

    servers_cut_power(mesh_servers(scenario->mesh), SERVERS_ALL);
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);
    assert_true(mesh_await_ready(scenario->mesh, READY_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS + REPAIRED_MS));
    assert_true(count_orders(scenario) >= before + 300);
    workload_destroy(&workload);
}

static int setup(void **state) {
    int code = scenario_setup_on_disks(state);
    struct scenario *scenario = *state;
    if (code != 0)
        return code;
    if (!servers_sync_always(mesh_servers(scenario->mesh)))
        clients_expect_losses(scenario->clients);
    mesh_configure(scenario->mesh, MESH_GATEWAY, "OM_COMMAND_GRACE_S", "4");
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_GATEWAY, READY_MS), 0);
    mesh_launch(scenario->mesh, MESH_GATEWAY, NULL);
    return mesh_await_ready(scenario->mesh, READY_MS) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_end_though_the_broker_lost_power),
        cmocka_unit_test(orders_end_though_the_database_lost_power),
        cmocka_unit_test(orders_end_though_redis_lost_power),
        cmocka_unit_test(a_key_that_redis_has_forgotten_stands_for_one_order),
        cmocka_unit_test(commands_that_are_kept_end_though_all_machines_lost_power),
    };
    char why[DISK_WHY_SIZE];
    if (!disk_can_be_had(why)) {
        fprintf(stderr, "SKIPPED: no power is cut: %s\n", why);
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, setup, scenario_teardown);
}

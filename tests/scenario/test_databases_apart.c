/* A database for each service, on three PostgreSQL servers of which one is a hot standby: every
   promise holds as on one, also when the standby goes away, and when it takes the first one's
   place.

   Covers: shared/service/discarded.c omctl/install/service_part.c shared/service/replica.c
   shared/pg/pg.c tests/support/mesh/apart.c */
#include "shared/pg/pg.h"
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

/* --- dead letters ----------------------------------------------------------------------------- */

#define EVENT_ID "0193a1b2-d4e5-7f60-9b7c-8d9e0f1a2b3c"
/* To cancel an order that there is none of, which the order service's database refuses to keep. */
static const char refused_cancel[] =
    "{\"specversion\":\"1.0\",\"type\":\"io.ordermesh.order.cancel\",\"source\":\"gateway\","
    "\"dataschema\":\"urn:ordermesh:schema:order.cancel:1\",\"id\":\"" EVENT_ID "\","
    "\"time\":\"2026-01-31T12:00:00Z\",\"subject\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\","
    "\"data\":{\"tenant\":\"refused\"}}";

static bool is_dead(void *scenario) {
    return scenario_sql(scenario,
                        "SELECT count(*) FROM dlq.entries WHERE event_id = $1 AND status = 'dead'",
                        EVENT_ID) == 1;
}

static bool is_known_to_its_service(void *scenario) {
    return scenario_sql(scenario,
                        "SELECT count(*) FROM orders.discarded d JOIN orders.inbox i"
                        " USING (event_id, consumer)"
                        " WHERE d.consumer = 'ORDERS/order' AND d.event_id = $1::uuid",
                        EVENT_ID) == 1;
}

static void publish_refused(struct scenario *scenario) {
    struct error error = {0};
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    struct pg *pg = pg_create(apart_owner_url(mesh_apart(scenario->mesh), "om_orders"), "test");
    require_ok(pg_script(pg,
                         "ALTER TABLE orders.early_cancels ADD CONSTRAINT drill"
                         " CHECK (tenant <> 'refused') NOT VALID",
                         &error),
               &error);
    pg_destroy(&pg);
    assert_int_equal(
        natsConnection_PublishString(nats_client_fast(nats), "orders.cmd.cancel", refused_cancel),
        NATS_OK);
    assert_int_equal(natsConnection_Flush(nats_client_fast(nats)), NATS_OK);
    nats_client_destroy(&nats);
}

static void discard(struct scenario *scenario) {
    struct http_response response;
    struct http_client *http = http_client_create();
    struct buf url = {0};
    buf_printf(&url, "http://127.0.0.1:%d/api/v1/admin/dlq/ORDERS.order." EVENT_ID "/discard",
               mesh_http_port(scenario->mesh));
    long status = http_send(
        http,
        &(struct http_request){.method = "POST", .url = url.ptr, .body = "{\"reason\":\"drill\"}"},
        &response);
    if (status != 200)
        fail_msg("%ld %s", status, response.body.ptr);
    http_response_fini(&response);
    http_client_destroy(&http);
    buf_fini(&url);
}

/* The broker may lose what it has, and the outbox then publishes it again. */
static void what_is_discarded_is_known_to_the_service_in_its_database(void **state) {
    struct scenario *scenario = *state;
    clients_expect_dead(scenario->clients, "ORDERS.order." EVENT_ID);
    publish_refused(scenario);
    assert_true(wait_until(is_dead, scenario, SCENARIO_SETTLE_MS));
    assert_false(is_known_to_its_service(scenario));
    discard(scenario);
    assert_true(wait_until(is_known_to_its_service, scenario, SCENARIO_SETTLE_MS));
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
        cmocka_unit_test(what_is_discarded_is_known_to_the_service_in_its_database),
        cmocka_unit_test(a_failover_loses_nothing),
    };
    return cmocka_run_group_tests(tests, scenario_setup_apart, scenario_teardown);
}

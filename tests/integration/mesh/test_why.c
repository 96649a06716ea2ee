/* `omctl why` and the API about orders of a running mesh, each stuck for another reason.

   Covers: gateway/admin/admin_diagnosis.c omctl/why.c shared/diagnosis/ */
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"

#include <sys/wait.h>

#define PATIENCE_MS 30000
#define SKU "TSHIRT-BLK-M"

static struct scenario *scenario;
static struct nats_client *nats;

/* --- asking ----------------------------------------------------------------------------------- */

/* Its exit code; what it printed is appended. */
static int run_why(const char *id, const char *options, struct buf *output) {
    struct servers *servers = mesh_servers(scenario->mesh);
    struct buf command = {0};
    char chunk[4096];
    buf_printf(&command,
               "OM_NATS_URL=%s OM_NATS_USER=operator OM_NATS_PASSWORD_FILE=%s " OM_BINARY_DIR
               "/bin/omctl why %s %s 2>&1",
               servers_nats_url(servers), servers_nats_password_file(servers, "operator"), id,
               options);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    for (size_t len; (len = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        buf_append(output, chunk, len);
    buf_append_text(output, "");
    int status = pclose(pipe);
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What is to become of an order. */
struct expected {
    const char *id, *cause, *summary;
    struct buf last;
};

static bool is_so(void *closure) {
    struct expected *expected = closure;
    struct json_object *found = NULL;
    struct slice cause, summary;
    buf_clear(&expected->last);
    bool is_read = run_why(expected->id, "--json", &expected->last) == 0 &&
                   json_parse(slice_trim(buf_slice(&expected->last)), &found, NULL) == STATUS_OK &&
                   json_get_string(found, "cause", &cause, NULL) == STATUS_OK &&
                   json_get_string(found, "summary", &summary, NULL) == STATUS_OK;
    bool is_as_expected =
        is_read && slice_is(cause, expected->cause) &&
        memmem(summary.ptr, summary.len, expected->summary, strlen(expected->summary)) != NULL;
    json_object_put(found);
    return is_as_expected;
}

static void assert_why(const char *id, const char *cause, const char *summary) {
    struct expected expected = {id, cause, summary, {0}};
    if (!wait_until(is_so, &expected, PATIENCE_MS))
        fail_msg("expected %s: %s, got %s", cause, summary, expected.last.ptr);
    buf_fini(&expected.last);
}

/* The gateway's word on the same. */
static void assert_api(const char *id, long status, const char *part) {
    struct buf path = {0};
    struct http_response response;
    buf_printf(&path, "/api/v1/admin/orders/%s/diagnosis", id);
    assert_int_equal(clients_get(scenario->clients, path.ptr, &response), status);
    assert_contains(response.body.ptr, part);
    http_response_fini(&response);
    buf_fini(&path);
}

static void assert_prints(const char *id, const char *part) {
    struct buf output = {0};
    assert_int_equal(run_why(id, "", &output), 0);
    assert_contains(output.ptr, part);
    buf_fini(&output);
}

/* --- the mesh --------------------------------------------------------------------------------- */

static void place(const char *payment_method, char *id) {
    scenario_place(scenario, NULL, SKU, 1, payment_method, id);
}

static void assert_completes(const char *id) {
    struct buf order = {0};
    if (!clients_await_status(scenario->clients, id, "COMPLETED", PATIENCE_MS, &order))
        fail_msg("%s", order.ptr);
    buf_fini(&order);
}

static void assert_ready(void) {
    assert_true(mesh_await_ready(scenario->mesh, PATIENCE_MS));
}

/* The API's answer; the test's fault when it refuses. */
static void request(const char *subject, const char *body) {
    natsMsg *reply = NULL;
    natsStatus s =
        natsConnection_RequestString(&reply, nats_client_fast(nats), subject, body, 5000);
    if (s != NATS_OK || strstr(natsMsg_GetData(reply), "\"error\":{") != NULL)
        fail_msg("%s: %s", subject, s == NATS_OK ? natsMsg_GetData(reply) : natsStatus_GetText(s));
    natsMsg_Destroy(reply);
}

/* Of the stream INVENTORY, which takes nothing else then. */
static void set_subjects(const char *subject) {
    struct buf body = {0};
    buf_printf(&body,
               "{\"name\":\"INVENTORY\",\"subjects\":[\"%s\"],\"retention\":\"limits\","
               "\"storage\":\"file\",\"discard\":\"new\",\"max_consumers\":-1,"
               "\"max_msgs\":-1,\"max_bytes\":1006632960,\"max_age\":604800000000000,"
               "\"num_replicas\":1,\"duplicate_window\":120000000000%s}",
               subject,
               nats_client_server_version(nats) >= NATS_SERVER_VERSION(2, 12, 0)
                   ? ",\"persist_mode\":\"async\""
                   : "");
    request("$JS.API.STREAM.UPDATE.INVENTORY", body.ptr);
    buf_fini(&body);
}

static int set_up(void **state) {
    (void)scenario_setup((void **)&scenario);
    *state = scenario;
    nats = servers_connect(mesh_servers(scenario->mesh));
    return 0;
}

static int tear_down(void **state) {
    nats_client_destroy(&nats);
    return scenario_teardown(state);
}

/* --- each state ------------------------------------------------------------------------------- */

static void an_order_that_has_ended_waits_for_nothing(void **state) {
    (void)state;
    char id[64];
    struct buf output = {0};
    place("pm_card_visa", id);
    assert_completes(id);
    assert_why(id, "ended", "waits for nothing");
    assert_prints(id, "is COMPLETED since ");
    assert_api(id, 200, "\"cause\":\"ended\"");
    assert_api("00000000-25ac-85ab-b2e6-7f3075139440", 404, "/problems/not-found");
    assert_api("12", 404, "/problems/not-found");
    assert_int_equal(run_why("00000000-25ac-85ab-b2e6-7f3075139440", "", &output), 1);
    assert_contains(output.ptr, "there is no such order");
    buf_clear(&output);
    assert_int_equal(run_why("12", "", &output), 2);
    assert_contains(output.ptr, "12 is no order's id");
    buf_fini(&output);
}

static void a_consumer_is_missing(void **state) {
    (void)state;
    char id[64];
    request("$JS.API.CONSUMER.DELETE.ORDERS.inventory", "");
    place("pm_card_visa", id);
    assert_why(id, "consumer_missing",
               "ORDERS/inventory is missing, so nobody is given order.created");
    assert_prints(id, "It waits for its stock to be reserved.");
    assert_prints(id, "What to do: `omctl provision`");
    assert_api(id, 200, "\"cause\":\"consumer_missing\"");
    servers_provision(mesh_servers(scenario->mesh));
    assert_completes(id);
    assert_ready();
}

/* "held: bring back what it waits for" was said, and after the filter was put back nobody was ever
   given what had been published meanwhile. */
static void a_filter_leaves_its_event_out(void **state) {
    (void)state;
    char id[64];
    request("$JS.API.CONSUMER.DURABLE.CREATE.SHIPPING.order",
            "{\"stream_name\":\"SHIPPING\",\"config\":{\"durable_name\":\"order\","
            "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":2000000000,"
            "\"max_deliver\":4,\"filter_subject\":\"shipping.evt.stopped\","
            "\"replay_policy\":\"instant\",\"max_waiting\":512,\"max_ack_pending\":20000}}");
    place("pm_card_visa", id);
    assert_why(id, "consumer_filtered",
               "The filter of SHIPPING/order leaves out shipping.shipped, so nobody is given it");
    assert_prints(id, "What to do: `omctl provision` makes the consumer anew");
    assert_api(id, 200, "\"cause\":\"consumer_filtered\"");
    servers_provision(mesh_servers(scenario->mesh));
    assert_completes(id);
    assert_ready();
}

/* A pause is of servers from 2.11 on. */
static void a_consumer_is_paused(void **state) {
    (void)state;
    static const char subject[] = "$JS.API.CONSUMER.PAUSE.PAYMENTS.order";
    char id[64], until[RFC3339_SIZE];
    struct buf body = {0};
    natsMsg *reply = NULL;
    clock_format(clock_now_us() + INT64_C(3600) * 1000000, until);
    buf_printf(&body, "{\"pause_until\":\"%s\"}", until);
    if (natsConnection_RequestString(&reply, nats_client_fast(nats), subject, body.ptr, 5000) !=
        NATS_OK) {
        buf_fini(&body);
        skip();
    }
    natsMsg_Destroy(reply);
    place("pm_card_visa", id);
    assert_why(id, "consumer_paused", "PAYMENTS/order is paused until ");
    assert_prints(id, "It waits for its payment.");
    assert_api(id, 200, "\"cause\":\"consumer_paused\"");
    request(subject, "{}");
    assert_completes(id);
    assert_ready();
    buf_fini(&body);
}

/* One at a time, and the first one's charge takes its time. */
static void a_consumer_is_behind(void **state) {
    (void)state;
    char id[2][64];
    request("$JS.API.CONSUMER.DURABLE.CREATE.INVENTORY.payment",
            "{\"stream_name\":\"INVENTORY\",\"config\":{\"durable_name\":\"payment\","
            "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":2000000000,"
            "\"max_deliver\":4,\"filter_subject\":\"inventory.evt.reserved\","
            "\"replay_policy\":\"instant\",\"max_waiting\":512,\"max_ack_pending\":1}}");
    place("pm_sim_delay_8000", id[0]);
    assert_why(id[0], "at_work", "payment has 1 of the events of INVENTORY/payment in hand");
    place("pm_card_visa", id[1]);
    assert_why(id[1], "consumer_behind", "INVENTORY/payment is behind: 1 of its events wait");
    assert_api(id[1], 200, "\"cause\":\"consumer_behind\"");
    servers_provision(mesh_servers(scenario->mesh));
    assert_completes(id[0]);
    assert_completes(id[1]);
}

static void a_dependency_is_away(void **state) {
    (void)state;
    char id[64];
    scenario_sql(scenario, "REVOKE USAGE ON SCHEMA inventory FROM om_inventory", NULL);
    place("pm_card_visa", id);
    assert_why(id, "held", "inventory holds the events of ORDERS/inventory: ");
    assert_prints(id, "(42");
    assert_api(id, 200, "\"cause\":\"held\"");
    scenario_sql(scenario, "GRANT USAGE ON SCHEMA inventory TO om_inventory", NULL);
    assert_completes(id);
    assert_ready();
}

static void a_service_is_away(void **state) {
    (void)state;
    char id[64];
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_SHIPPING, PATIENCE_MS), 0);
    place("pm_card_visa", id);
    assert_why(id, "service_away",
               "No instance of shipping answers; 1 of the events of ORDERS/shipping wait for it, "
               "and 0 are in its hands");
    assert_prints(id, "It waits for it to be shipped.");
    assert_api(id, 200, "\"cause\":\"service_away\"");
    mesh_launch(scenario->mesh, MESH_SHIPPING, NULL);
    assert_completes(id);
    assert_ready();
}

/* Our copy of the catalog does not have its product, and inventory, which would know, is away. */
static void nobody_says_what_its_product_costs(void **state) {
    (void)state;
    char id[64];
    struct buf order = {0};
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_INVENTORY, PATIENCE_MS), 0);
    scenario_place(scenario, NULL, "NOT-HERE", 1, "pm_card_visa", id);
    assert_why(id, "answer_awaited",
               "order has order.submit in hand and waits for an answer since ");
    assert_why(id, "answer_awaited",
               "refuses it (unknown_sku, NOT-HERE), and inventory, asked for the price by "
               "mesh.inventory.product.prices, does not say: ");
    assert_prints(id, " since 20");
    assert_prints(id, "What to do: Bring back who is asked: `nats service ls`");
    assert_api(id, 200, "\"cause\":\"answer_awaited\"");
    mesh_launch(scenario->mesh, MESH_INVENTORY, NULL);
    if (!clients_await_status(scenario->clients, id, "FAILED", 2 * PATIENCE_MS, &order))
        fail_msg("%s", order.ptr);
    buf_fini(&order);
    assert_ready();
}

/* The order service itself. */
static void nobody_says_how_the_order_stands(void **state) {
    (void)state;
    char id[64];
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_ORDER, PATIENCE_MS), 0);
    place("pm_card_visa", id);
    assert_why(id, "service_away", "No instance of order answers; ");
    assert_api(id, 200, "\"cause\":\"service_away\"");
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);
    assert_completes(id);
    assert_ready();
}

/* "inventory holds the events of ORDERS/inventory" was said of what it had done already. */
static void what_was_done_cannot_be_published(void **state) {
    (void)state;
    char id[64];
    set_subjects("inventory.probe");
    place("pm_card_visa", id);
    assert_why(id, "outbox_waits",
               "inventory cannot publish what it did with the events of ORDERS/inventory: the "
               "relay waits: the stream INVENTORY ");
    assert_prints(id, "What to do: `omctl provision --check`");
    assert_api(id, 200, "\"cause\":\"outbox_waits\"");
    servers_provision(mesh_servers(scenario->mesh));
    assert_completes(id);
    assert_ready();
}

/* "There is no such order", while the gateway answered that it had it. */
static void the_broker_lost_it_before_the_order_service_had_it(void **state) {
    (void)state;
    char id[64];
    struct buf output = {0};
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_ORDER, PATIENCE_MS), 0);
    place("pm_card_visa", id);
    request("$JS.API.STREAM.PURGE.COMMANDS", "");
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);
    assert_ready();
    assert_api(id, 200, "\"cause\":\"accepted\"");
    assert_int_equal(run_why(id, "", &output), 1);
    assert_contains(output.ptr, "is known to the gateway only");
    if (!clients_await_status(scenario->clients, id, "COMPLETED", 4 * PATIENCE_MS, &output))
        fail_msg("%s", output.ptr);
    buf_fini(&output);
}

static void its_event_is_a_dead_letter(void **state) {
    (void)state;
    char id[64];
    struct buf output = {0}, entry = {0};
    struct json_object *found = NULL, *dead;
    struct slice dead_id;
    scenario_sql(scenario,
                 "ALTER TABLE inventory.reservations ADD CONSTRAINT drill CHECK (false) NOT VALID",
                 NULL);
    place("pm_card_visa", id);
    assert_why(id, "dead_letter", "ORDERS/inventory gave order.created up, which is a dead letter");
    assert_int_equal(run_why(id, "--json", &output), 0);
    assert_int_equal(json_parse(slice_trim(buf_slice(&output)), &found, NULL), STATUS_OK);
    assert_int_equal(json_get_array(found, "deadLetters", &dead, NULL), STATUS_OK);
    assert_int_equal(json_object_array_length(dead), 1);
    assert_int_equal(json_get_string(json_object_array_get_idx(dead, 0), "id", &dead_id, NULL),
                     STATUS_OK);
    buf_printf(&entry, "{\"id\":\"%.*s\"}", SLICE_ARG(dead_id));
    assert_prints(id, "omctl dlq replay ORDERS.inventory.");

    assert_api(id, 200, "\"cause\":\"dead_letter\"");
    scenario_sql(scenario, "ALTER TABLE inventory.reservations DROP CONSTRAINT drill", NULL);
    request("mesh.dlq.replay", entry.ptr);
    assert_completes(id);
    assert_why(id, "ended", "waits for nothing");
    json_object_put(found);
    buf_fini(&output);
    buf_fini(&entry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_that_has_ended_waits_for_nothing),
        cmocka_unit_test(a_consumer_is_missing),
        cmocka_unit_test(a_filter_leaves_its_event_out),
        cmocka_unit_test(a_consumer_is_paused),
        cmocka_unit_test(a_consumer_is_behind),
        cmocka_unit_test(a_dependency_is_away),
        cmocka_unit_test(a_service_is_away),
        cmocka_unit_test(nobody_says_what_its_product_costs),
        cmocka_unit_test(nobody_says_how_the_order_stands),
        cmocka_unit_test(what_was_done_cannot_be_published),
        cmocka_unit_test(the_broker_lost_it_before_the_order_service_had_it),
        cmocka_unit_test(its_event_is_a_dead_letter),
    };
    return cmocka_run_group_tests_name("why", tests, set_up, tear_down);
}

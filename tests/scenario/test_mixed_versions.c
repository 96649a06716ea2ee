/* Services of an earlier version beside new ones, as while versions change: what the old ones do
   with a payment that needs its customer. OM_OLD_BINARY_DIR names the folder with the programs of
   the version before; skipped without it.

   Covers: services/payment/handler.c services/order/handler.c shared/consume/consumer.c */
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/provider_sim.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { END_MS = 60000, SKIPPED = 77 };
#define METHOD "pm_card_threeDSecure2Required"

static struct provider_sim *sim;
static char dir[] = "/tmp/om-mixed-XXXXXX";
static const char *old_dir;

/* --- steps ------------------------------------------------------------------------------------ */

static void replace(struct scenario *scenario, enum mesh_part part, const char *from) {
    mesh_kill(scenario->mesh, part);
    mesh_run_from(scenario->mesh, part, from);
    mesh_launch(scenario->mesh, part, NULL);
}

struct sought {
    struct scenario *scenario;
    const char *sql, *id;
};

static bool is_there(void *closure) {
    const struct sought *sought = closure;
    return scenario_sql(sought->scenario, sought->sql, sought->id) > 0;
}

static void await(struct scenario *scenario, const char *sql, const char *id) {
    struct sought sought = {scenario, sql, id};
    if (!wait_until(is_there, &sought, END_MS))
        fail_msg("never so: %s", sql);
}

#define WAITS                                                                                      \
    "SELECT count(*) FROM payments.payments WHERE order_id = $1::uuid AND status = 'CHALLENGED'"

static void confirm(struct scenario *scenario, const char *id) {
    struct http_response ledger;
    char url[100], intent[64];
    (void)scenario;
    snprintf(url, sizeof(url), "%s/ledger", provider_sim_url(sim));
    assert_int_equal(http_get(url, &ledger), 200);
    const char *order = strstr(ledger.body.ptr, id);
    assert_non_null(order);
    while (order > ledger.body.ptr && strncmp(order, "\"id\":\"", 6) != 0)
        order--;
    assert_int_equal(sscanf(order, "\"id\":\"%63[^\"]", intent), 1);
    http_response_fini(&ledger);
    provider_sim_confirm(sim, intent);
}

static void assert_ends(struct scenario *scenario, const char *id, const char *status) {
    if (!clients_await_status(scenario->clients, id, status, END_MS, NULL))
        fail_msg("%s does not become %s", id, status);
}

#define DEAD                                                                                       \
    "SELECT count(*) FROM dlq.entries WHERE type = 'io.ordermesh.payment.action_required'"         \
    " AND status = 'dead' AND $1::text IS NOT NULL"

/* --- who is behind ---------------------------------------------------------------------------- */

static void an_old_order_service_goes_on_without_the_question(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    replace(scenario, MESH_ORDER, old_dir);
    replace(scenario, MESH_ANALYTICS, old_dir);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
    scenario_place(scenario, "old-order", "SKU-123", 1, METHOD, id);
    await(scenario, WAITS, id);
    await(scenario, DEAD, id);
    print_message("dead letters: %lld\n", (long long)scenario_sql(scenario, DEAD, id));
    assert_int_equal(scenario_sql(scenario,
                                  "SELECT count(*) FROM orders.orders WHERE id = $1::uuid AND"
                                  " steps & 256 <> 0",
                                  id),
                     0);
    confirm(scenario, id);
    assert_ends(scenario, id, "COMPLETED");
    replace(scenario, MESH_ORDER, NULL);
    replace(scenario, MESH_ANALYTICS, NULL);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
}

static void an_old_payment_service_declines_what_needs_its_customer(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    replace(scenario, MESH_PAYMENT, old_dir);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
    scenario_place(scenario, "old-payment", "SKU-123", 1, METHOD, id);
    assert_ends(scenario, id, "FAILED");
    replace(scenario, MESH_PAYMENT, NULL);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
}

static long cancel(struct scenario *scenario, const char *id) {
    struct http_client *client = http_client_create();
    struct http_response response;
    char url[160];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/api/v1/orders/%s/cancel",
             mesh_http_port(scenario->mesh), id);
    const struct http_request request = {.method = "POST", .url = url};
    long status = http_send(client, &request, &response);
    http_response_fini(&response);
    http_client_destroy(&client);
    return status;
}

/* A status that it does not know holds its consumer, and nothing else: no event is given up. */
static void an_old_payment_service_holds_what_it_cannot_read(void **state) {
    struct scenario *scenario = *state;
    char id[64], other[64];
    scenario_place(scenario, "back", "SKU-123", 1, METHOD, id);
    await(scenario, WAITS, id);
    replace(scenario, MESH_PAYMENT, old_dir);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
    scenario_place(scenario, "beside", "SKU-123", 1, "pm_card_visa", other);
    assert_ends(scenario, other, "COMPLETED");
    assert_int_equal(cancel(scenario, id), 202);
    scenario_let_pass(8000);
    struct buf body = {0};
    bool is_ready = mesh_is_ready(scenario->mesh, MESH_PAYMENT, &body);
    print_message("old payment service with a status that it does not know: %s %s\n",
                  is_ready ? "ready" : "not ready", body.ptr != NULL ? body.ptr : "");
    assert_int_equal(scenario_sql(scenario, WAITS, id), 1);
    replace(scenario, MESH_PAYMENT, NULL);
    await(scenario,
          "SELECT count(*) FROM payments.payments WHERE order_id = $1::uuid AND"
          " status = 'WITHDRAWN'",
          id);
    buf_fini(&body);
}

/* --- fixtures --------------------------------------------------------------------------------- */

static int setup(void **state) {
    assert_non_null(mkdtemp(dir));
    sim = provider_sim_start(dir, 1500);
    setenv("OM_PAYMENT_PROVIDER", "stripe", 1);
    setenv("OM_STRIPE_URL", provider_sim_url(sim), 1);
    setenv("OM_STRIPE_KEY_FILE", provider_sim_key_file(sim), 1);
    setenv("OM_PAYMENT_RETURN_URL", "https://shop.example/back", 1);
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
        cmocka_unit_test(an_old_order_service_goes_on_without_the_question),
        cmocka_unit_test(an_old_payment_service_declines_what_needs_its_customer),
        cmocka_unit_test(an_old_payment_service_holds_what_it_cannot_read),
    };
    old_dir = getenv("OM_OLD_BINARY_DIR");
    if (old_dir == NULL || old_dir[0] == '\0') {
        print_message("SKIP: OM_OLD_BINARY_DIR names no programs of the version before\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("mixed_versions", tests, setup, teardown);
}

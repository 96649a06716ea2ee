/* Payments that need the customer, with every process as in production: the provider's page and its
   signed webhooks, twice, lost and in another order, while the payment service dies at each step.

   Covers: gateway/orders/stripe_webhook.c gateway/orders/list_refunds.c
   services/payment/actions.c services/payment/action_store.c services/payment/simulator/hooks.c
   shared/crypto/stripe_signature.c */
#include "shared/base/clock.h"
#include "shared/crypto/stripe_signature.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/provider_sim.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { END_MS = 30000, LOAD_ENDS_MS = 60000 };
#define METHOD "pm_card_threeDSecure2Required"

static struct provider_sim *sim;
static char dir[] = "/tmp/om-customer-XXXXXX";
static char old_path[64];

static void assert_ledgers_agree(struct scenario *scenario) {
    struct buf sql = {0};
    provider_sim_write_check(sim, &sql);
    assert_int_equal(scenario_sql(scenario, sql.ptr, NULL), 0);
    buf_fini(&sql);
}

static void assert_ends(struct scenario *scenario, const char *id, const char *status,
                        const char *reason) {
    struct buf json = {0};
    assert_true(clients_await_status(scenario->clients, id, status, END_MS, &json));
    if (reason != NULL)
        assert_contains(json.ptr, reason);
    assert_null(strstr(json.ptr, "nextAction"));
    buf_fini(&json);
}

/* --- the customer ----------------------------------------------------------------------------- */

struct asked {
    struct scenario *scenario;
    const char *id;
};

static bool is_asked(void *closure) {
    const struct asked *asked = closure;
    return scenario_sql(asked->scenario,
                        "SELECT count(*) FROM orders.orders o JOIN payments.actions a ON"
                        " a.order_id = o.id WHERE o.id = $1::uuid AND o.steps & 256 <> 0",
                        asked->id) == 1;
}

/* Places an order, waits until it says where to confirm, and leaves the end of that URL, which is
   the intent's id. */
static void place(struct scenario *scenario, const char *key, char *id, char *intent) {
    struct buf json = {0};
    char url[300];
    scenario_place(scenario, key, "SKU-123", 1, METHOD, id);
    struct asked asked = {scenario, id};
    assert_true(wait_until(is_asked, &asked, END_MS));
    assert_true(clients_await_status(scenario->clients, id, "PENDING", END_MS, &json));
    assert_contains(json.ptr, "\"status\":\"ACTION_REQUIRED\"");
    const char *at = strstr(json.ptr, "\"nextAction\":{\"type\":\"redirect_to_url\",\"url\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(strstr(at, "http"), "%299[^\"]", url), 1);
    snprintf(intent, 64, "%s", strrchr(url, '/') + 1);
    buf_fini(&json);
}

static int64_t seconds_to_look(struct scenario *scenario) {
    return scenario_sql(scenario,
                        "UPDATE payments.actions SET due_at = now() + interval '1 hour'"
                        " RETURNING 1",
                        NULL);
}

/* Only a webhook can have the provider asked within the test. */
static void whoever_confirms_is_heard_by_a_webhook(void **state) {
    struct scenario *scenario = *state;
    char id[64], intent[64];
    place(scenario, "hook-1", id, intent);
    seconds_to_look(scenario);
    provider_sim_confirm(sim, intent);
    assert_ends(scenario, id, "COMPLETED", "PaymentActionRequired");

    place(scenario, "hook-2", id, intent);
    seconds_to_look(scenario);
    provider_sim_decline(sim, intent);
    assert_ends(scenario, id, "FAILED", "payment_declined");
    assert_ledgers_agree(scenario);
}

static void webhooks_that_come_twice_or_never_change_nothing(void **state) {
    struct scenario *scenario = *state;
    char id[64], intent[64];
    provider_sim_inject(sim, "webhooks=twice");
    place(scenario, "twice", id, intent);
    provider_sim_confirm(sim, intent);
    assert_ends(scenario, id, "COMPLETED", NULL);
    provider_sim_inject(sim, "webhooks=lost");
    place(scenario, "lost", id, intent);
    provider_sim_confirm(sim, intent);
    assert_ends(scenario, id, "COMPLETED", NULL);
    provider_sim_inject(sim, "webhooks=usual");
    assert_ledgers_agree(scenario);
}

/* The customer confirms, and the webhook is there, before the answer to the charge is. */
static void a_webhook_before_the_answer_to_the_charge_is_not_needed(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    provider_sim_inject(sim, "fault=slow&count=1");
    scenario_place(scenario, "early", "SKU-123", 1, "pm_sim_action_0", id);
    assert_ends(scenario, id, "COMPLETED", "PaymentActionRequired");
    assert_ledgers_agree(scenario);
}

static void time_is_up(struct scenario *scenario) {
    scenario_sql(scenario,
                 "UPDATE payments.actions SET until = now() - interval '1 second', due_at = now()"
                 " RETURNING 1",
                 NULL);
}

static void whoever_does_nothing_fails_with_payment_timeout(void **state) {
    struct scenario *scenario = *state;
    char id[64], intent[64];
    place(scenario, "nothing", id, intent);
    time_is_up(scenario);
    assert_ends(scenario, id, "FAILED", "payment_timeout");
    provider_sim_confirm(sim, intent);
    assert_ledgers_agree(scenario);
}

/* --- death ------------------------------------------------------------------------------------ */

static void a_payment_service_that_dies_at_any_step_leaves_no_order(void **state) {
    struct scenario *scenario = *state;
    static const char *const steps[] = {"payment.before_charge:1",   "payment.after_charge:1",
                                        "payment.before_inquire:1",  "payment.after_inquire:1",
                                        "payment.before_withdraw:1", "payment.after_withdraw:1"};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        bool is_late = strstr(steps[i], "withdraw") != NULL;
        char id[64], key[32];
        snprintf(key, sizeof(key), "dies-%zu", i);
        mesh_kill(scenario->mesh, MESH_PAYMENT);
        mesh_launch(scenario->mesh, MESH_PAYMENT, steps[i]);
        scenario_place(scenario, key, "SKU-123", 1, is_late ? "pm_sim_action" : "pm_sim_action_500",
                       id);
        struct asked asked = {scenario, id};
        if (is_late) {
            assert_true(wait_until(is_asked, &asked, END_MS));
            time_is_up(scenario);
        }
        assert_int_equal(mesh_await_end(scenario->mesh, MESH_PAYMENT, END_MS), 128 + SIGKILL);
        mesh_launch(scenario->mesh, MESH_PAYMENT, NULL);
        if (is_late)
            time_is_up(scenario);
        assert_ends(scenario, id, is_late ? "FAILED" : "COMPLETED",
                    is_late ? "payment_timeout" : NULL);
    }
    assert_ledgers_agree(scenario);
}

/* --- who signs -------------------------------------------------------------------------------- */

static long send_event(struct scenario *scenario, const char *signature, const char *body) {
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0}, line = {0};
    buf_printf(&url, "http://127.0.0.1:%u/api/v1/stripe/webhook", mesh_http_port(scenario->mesh));
    buf_printf(&line, "Stripe-Signature: %s", signature);
    const char *const headers[] = {"Content-Type: application/json", line.ptr, NULL};
    const struct http_request request = {
        .method = "POST", .url = url.ptr, .headers = headers, .body = body};
    long status = http_send(client, &request, &response);
    http_response_fini(&response);
    http_client_destroy(&client);
    buf_fini(&url);
    buf_fini(&line);
    return status;
}

static long send_signed(struct scenario *scenario, const char *secret_file, int64_t at_s,
                        const char *body) {
    struct stripe_secret *secret = NULL;
    struct error error = {0};
    char signature[STRIPE_SIGNATURE_SIZE];
    require_ok(stripe_secret_create(secret_file, &secret, &error), &error);
    stripe_signature_write(secret, at_s, slice_of(body), signature);
    stripe_secret_destroy(&secret);
    return send_event(scenario, signature, body);
}

#define OF_ORDER(type, id)                                                                         \
    "{\"id\":\"evt_1\",\"type\":\"" type                                                           \
    "\",\"data\":{\"object\":{\"metadata\":{\"order_id\":\"" id "\"}}}}"
#define NOBODYS "0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

static void only_what_is_signed_in_time_is_heard(void **state) {
    struct scenario *scenario = *state;
    const char *file = provider_sim_secret_file(sim);
    const char *body = OF_ORDER("payment_intent.succeeded", NOBODYS);
    int64_t now_s = clock_now_us() / 1000000;
    assert_int_equal(send_signed(scenario, file, now_s, body), 200);
    assert_int_equal(send_signed(scenario, old_path, now_s, body), 200);
    assert_int_equal(send_signed(scenario, file, now_s - 400, body), 400);
    assert_int_equal(send_signed(scenario, file, now_s + 400, body), 400);
    assert_int_equal(send_event(scenario, "t=1,v1=00", body), 400);
    assert_int_equal(send_event(scenario, "", body), 400);
}

static void what_is_of_no_use_is_answered_and_ignored(void **state) {
    struct scenario *scenario = *state;
    static const char *const bodies[] = {
        OF_ORDER("customer.created", NOBODYS),
        OF_ORDER("payment_intent.invented_tomorrow", NOBODYS),
        OF_ORDER("payment_intent.succeeded", "of another shop"),
        "{\"type\":\"payment_intent.succeeded\"}",
        "[]",
        "no JSON",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(send_signed(scenario, provider_sim_secret_file(sim),
                                     clock_now_us() / 1000000, bodies[i]),
                         200);
}

/* Stripe sends it again then. */
static void while_nobody_can_be_told_it_is_not_received(void **state) {
    struct scenario *scenario = *state;
    mesh_kill(scenario->mesh, MESH_PAYMENT);
    assert_int_equal(send_signed(scenario, provider_sim_secret_file(sim), clock_now_us() / 1000000,
                                 OF_ORDER("payment_intent.succeeded", NOBODYS)),
                     503);
    mesh_launch(scenario->mesh, MESH_PAYMENT, NULL);
    assert_true(mesh_await_ready(scenario->mesh, END_MS));
}

/* --- refunds, as they can be read ------------------------------------------------------------- */

static long get_refunds(struct scenario *scenario, const char *path, const char *id,
                        struct buf *body) {
    struct http_response response;
    char url[160];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/api/v1/%s/%s/refunds",
             mesh_http_port(scenario->mesh), path, id);
    long status = http_get(url, &response);
    buf_clear(body);
    buf_append_slice(body, buf_slice(&response.body));
    http_response_fini(&response);
    return status;
}

static void refunds_can_be_read_whole_or_as_the_customer_sees_them(void **state) {
    struct scenario *scenario = *state;
    struct buf body = {0};
    char id[64];
    scenario_place(scenario, "refunded", "SKU-123", 1, "pm_card_visa", id);
    assert_ends(scenario, id, "COMPLETED", NULL);
    assert_int_equal(get_refunds(scenario, "orders", id, &body), 200);
    assert_string_equal(body.ptr, "{\"refunds\":[]}");
    scenario_sql(scenario,
                 "INSERT INTO payments.refunds (id, order_id, amount_minor, reason, status, code)"
                 " VALUES (gen_random_uuid(), $1::uuid, 100, 'ours alone', 'REFUSED', 'why')"
                 " RETURNING 1",
                 id);
    assert_int_equal(get_refunds(scenario, "orders", id, &body), 200);
    assert_contains(body.ptr, "\"amountMinor\": 100");
    assert_null(strstr(body.ptr, "ours alone"));
    assert_null(strstr(body.ptr, "why"));
    assert_int_equal(get_refunds(scenario, "admin/orders", id, &body), 200);
    assert_contains(body.ptr, "\"reason\": \"ours alone\"");
    assert_contains(body.ptr, "\"code\": \"why\"");
    assert_int_equal(get_refunds(scenario, "orders", NOBODYS, &body), 404);
    buf_fini(&body);
}

/* --- all at once ------------------------------------------------------------------------------ */

static void under_load_and_kills_every_question_has_an_end(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = workload_start(
        scenario->clients,
        (const char *const[]){"--seconds", "120", "--rate", "30", "--connections", "8", "--mix",
                              "ok=40,asked=40,held=10,declined=5,stock=5", NULL});
    assert_true(workload_await_accepted(workload, 60, 20000));
    for (int i = 0; i < 2; i++) {
        mesh_kill(scenario->mesh, MESH_PAYMENT);
        mesh_launch(scenario->mesh, MESH_PAYMENT, NULL);
        mesh_kill(scenario->mesh, MESH_ORDER);
        mesh_launch(scenario->mesh, MESH_ORDER, NULL);
        assert_true(
            workload_await_accepted(workload, workload_accepted(workload) + 60, LOAD_ENDS_MS));
    }
    workload_stop(workload);
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    assert_ledgers_agree(scenario);
    workload_destroy(&workload);
}

/* --- fixtures --------------------------------------------------------------------------------- */

static void write_old_secret(void) {
    snprintf(old_path, sizeof(old_path), "%s/old.secret", dir);
    FILE *file = fopen(old_path, "w");
    assert_non_null(file);
    fputs("whsec_old\n", file);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state) {
    char url[80];
    assert_non_null(mkdtemp(dir));
    write_old_secret();
    sim = provider_sim_start(dir, 1500);
    setenv("OM_PAYMENT_PROVIDER", "stripe", 1);
    setenv("OM_STRIPE_URL", provider_sim_url(sim), 1);
    setenv("OM_STRIPE_KEY_FILE", provider_sim_key_file(sim), 1);
    setenv("OM_PAYMENT_RETURN_URL", "https://shop.example/back", 1);
    setenv("OM_STRIPE_WEBHOOK_SECRET_FILE", provider_sim_secret_file(sim), 1);
    setenv("OM_STRIPE_WEBHOOK_OLD_SECRET_FILE", old_path, 1);
    if (scenario_setup(state) != 0)
        return -1;
    struct scenario *scenario = *state;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/api/v1/stripe/webhook",
             mesh_http_port(scenario->mesh));
    provider_sim_kill(sim);
    provider_sim_hook(sim, url);
    provider_sim_restart(sim);
    return 0;
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
        cmocka_unit_test(whoever_confirms_is_heard_by_a_webhook),
        cmocka_unit_test(webhooks_that_come_twice_or_never_change_nothing),
        cmocka_unit_test(a_webhook_before_the_answer_to_the_charge_is_not_needed),
        cmocka_unit_test(whoever_does_nothing_fails_with_payment_timeout),
        cmocka_unit_test(a_payment_service_that_dies_at_any_step_leaves_no_order),
        cmocka_unit_test(only_what_is_signed_in_time_is_heard),
        cmocka_unit_test(what_is_of_no_use_is_answered_and_ignored),
        cmocka_unit_test(while_nobody_can_be_told_it_is_not_received),
        cmocka_unit_test(under_load_and_kills_every_question_has_an_end),
        cmocka_unit_test(refunds_can_be_read_whole_or_as_the_customer_sees_them),
    };
    return cmocka_run_group_tests_name("customer_action", tests, setup, teardown);
}

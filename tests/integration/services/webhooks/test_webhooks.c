/* Webhooks from the order to the receiver: gateway, order service and webhooks service, with
   receivers that are well, silent, gone, or answer with something else, and a service that is
   killed.

   Covers: services/webhooks/sender.c services/webhooks/main.c gateway/webhooks/
   sql/0032_webhooks.sql */
#include "shared/json/json.h"
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/order_fixture.h"
#include "tests/support/servers/program.h"

#define RECEIVED_MS 20000
#define RECEIVER OM_SOURCE_DIR "/tests/support/network/webhook_receiver.py"
#define VERIFIER OM_SOURCE_DIR "/tests/support/network/webhook_verify.py"
#define EVERYTHING "[\"*\"]"

static struct process *receiver, *service;
static int receiver_port, service_port;
static char received[64]; /* the file of what came */

/* A webhook of this test's own path. */
struct hook {
    char id[UUID_TEXT_SIZE];
    char secret[64];
    char path[32]; /* at the receiver */
};

/* --- the service ------------------------------------------------------------------------------ */

static void start_service(const char *failpoint, const char *const *more) {
    struct environment environment = {0};
    servers_service_environment(fixture.servers, "webhooks", "om_webhooks", &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", service_port);
    environment_set(&environment, "OM_WEBHOOKS_PRIVATE", "loopback");
    environment_set(&environment, "OM_WEBHOOKS_HTTP", "true");
    environment_set(&environment, "OM_WEBHOOKS_TIMEOUT_MS", "1000");
    environment_set(&environment, "OM_WEBHOOKS_OFF_AFTER_S", "2");
    for (; more != NULL && more[0] != NULL; more += 2)
        environment_set(&environment, more[0], more[1]);
    if (failpoint != NULL)
        environment_set(&environment, "OM_FAILPOINT", failpoint);
    service = program_start("webhooks", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &service_port, 20000));
}

static void restart_service(const char *failpoint, const char *const *more) {
    assert_int_equal(program_end(&service, 15000), 0);
    start_service(failpoint, more);
}

/* --- requests --------------------------------------------------------------------------------- */

static struct http_response send_json(const char *method, const char *path, const char *body) {
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http, &(struct http_request){.method = method, .url = url, .body = body},
              &response);
    free(url);
    return response;
}

static void copy_member(const struct http_response *response, const char *name, char *text,
                        size_t size) {
    struct json_object *root = NULL;
    struct slice value;
    struct error error = {0};
    if (json_parse(buf_slice(&response->body), &root, &error) != STATUS_OK ||
        json_get_string(root, name, &value, &error) != STATUS_OK)
        fail_msg("%s: %s", response->body.ptr, error.text);
    snprintf(text, size, "%.*s", SLICE_ARG(value));
    json_object_put(root);
}

static struct hook subscribe(const char *path, const char *types) {
    struct hook hook;
    struct buf body = {0};
    buf_printf(&body, "{\"url\":\"http://localhost:%d%s\",\"eventTypes\":%s}", receiver_port, path,
               types);
    struct http_response response = send_json("POST", "/api/v1/webhooks", body.ptr);
    if (response.status != 201)
        fail_msg("%ld %s", response.status, response.body.ptr);
    copy_member(&response, "id", hook.id, sizeof(hook.id));
    copy_member(&response, "secret", hook.secret, sizeof(hook.secret));
    snprintf(hook.path, sizeof(hook.path), "%s", path);
    assert_contains(response.headers.ptr, hook.id); /* Location */
    http_response_fini(&response);
    buf_fini(&body);
    return hook;
}

/* `rest` stands behind the webhook's address. */
static struct http_response about(const struct hook *hook, const char *method, const char *rest,
                                  const char *body) {
    struct buf path = {0};
    buf_printf(&path, "/api/v1/webhooks/%s%s", hook->id, rest);
    struct http_response response = send_json(method, path.ptr, body);
    buf_fini(&path);
    return response;
}

static bool shows(const struct hook *hook, const char *rest, const char *text) {
    struct http_response response = about(hook, "GET", rest, NULL);
    bool does = body_has(&response, text);
    http_response_fini(&response);
    return does;
}

static void delete_hook(const struct hook *hook) {
    struct http_response response = about(hook, "DELETE", "", NULL);
    assert_int_equal(response.status, 204);
    http_response_fini(&response);
}

static void place_order(char path[ORDER_PATH_SIZE]) {
    struct http_response response = post(NULL, ORDER);
    assert_int_equal(response.status, 202);
    snprintf(path, ORDER_PATH_SIZE, "%.*s", SLICE_ARG(http_header(&response, "Location")));
    http_response_fini(&response);
}

/* --- what came -------------------------------------------------------------------------------- */

/* Lines of the receiver's file with both texts. */
static int count_received(const char *path, const char *text) {
    char line[8192], wanted[64];
    int count = 0;
    FILE *file = fopen(received, "r");
    snprintf(wanted, sizeof(wanted), "\"path\": \"%s\"", path);
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, wanted) != NULL && strstr(line, text) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

struct wanted {
    const char *path, *text;
    int count;
};

static bool has_come(void *closure) {
    const struct wanted *wanted = closure;
    return count_received(wanted->path, wanted->text) >= wanted->count;
}

static void await(const char *path, const char *text, int count) {
    struct wanted wanted = {path, text, count};
    if (!wait_until(has_come, &wanted, RECEIVED_MS))
        fail_msg("%s: %d of %d with %s", path, count_received(path, text), count, text);
}

struct shown {
    const struct hook *hook;
    const char *rest, *text;
};

static bool is_shown(void *closure) {
    const struct shown *shown = closure;
    return shows(shown->hook, shown->rest, shown->text);
}

static void await_shown(const struct hook *hook, const char *rest, const char *text) {
    struct shown shown = {hook, rest, text};
    if (!wait_until(is_shown, &shown, RECEIVED_MS)) {
        struct http_response response = about(hook, "GET", rest, NULL);
        fail_msg("no %s in %s", text, response.body.ptr);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_orders_events_arrive_signed_as_the_documentation_verifies(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE];
    struct hook hook = subscribe("/ok/a", EVERYTHING);
    struct hook other = subscribe("/ok/b", "[\"order.cancelled\"]");
    place_order(path);
    assert_true(wait_until(is_known, path, 10000));
    cancel(path);

    await("/ok/a", "order.created", 1);
    await("/ok/a", "order.cancelled", 1);
    await("/ok/b", "order.cancelled", 1);

    assert_int_equal(count_received("/ok/a", path + strlen("/api/v1/orders/")), 2);
    assert_int_equal(count_received("/ok/b", "order.created"), 0);
    assert_int_equal(count_received("/ok/a", "sealed"), 0);
    const char *const argv[] = {"python3", VERIFIER, OM_SOURCE_DIR "/docs/webhooks.md",
                                received,  "/ok/a",  hook.secret,
                                NULL};
    assert_int_equal(process_run(&(struct process_options){.argv = argv}, 20000), 0);
    await_shown(&hook, "/deliveries?status=DELIVERED&limit=1", "\"nextCursor\"");
    assert_false(shows(&hook, "", "whsec_"));
    assert_true(shows(&hook, "", "\"lastSuccessAt\""));
    delete_hook(&hook);
    delete_hook(&other);
    assert_true(shows(&hook, "", "not-found"));
}

static void a_ping_and_a_delivery_that_is_sent_again_arrive(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE], id[UUID_TEXT_SIZE], rest[128];
    struct hook hook = subscribe("/ok/ping", "[\"order.created\"]");

    struct http_response response = about(&hook, "POST", "/ping", NULL);
    assert_int_equal(response.status, 202);
    copy_member(&response, "id", id, sizeof(id));
    http_response_fini(&response);
    await("/ok/ping", id, 1);
    place_order(path);
    await("/ok/ping", "order.created", 1);

    snprintf(rest, sizeof(rest), "/deliveries/%s/resend", id);
    response = about(&hook, "POST", rest, NULL);
    assert_int_equal(response.status, 202);
    http_response_fini(&response);
    await("/ok/ping", id, 2);
    response =
        about(&hook, "POST", "/deliveries/00000000-0000-7000-8000-000000000000/resend", NULL);
    assert_problem(&response, 404, "not-found");
    delete_hook(&hook);
}

/* One endpoint that never answers, with everything under way to it that may be. */
static void an_endpoint_that_hangs_holds_no_other(void **state) {
    (void)state;
    enum { ORDERS = 20, WELL = 3 };
    char path[ORDER_PATH_SIZE];
    static const char *const paths[WELL] = {"/ok/x", "/ok/y", "/ok/z"};
    struct hook well[WELL];
    restart_service(NULL, (const char *const[]){"OM_WEBHOOKS_TIMEOUT_MS", "60000", NULL});
    struct hook hanging = subscribe("/hang", EVERYTHING);
    for (int i = 0; i < WELL; i++)
        well[i] = subscribe(paths[i], EVERYTHING);

    int64_t begin_us = clock_now_us();
    for (int i = 0; i < ORDERS; i++)
        place_order(path);
    for (int i = 0; i < WELL; i++)
        await(paths[i], "order.created", ORDERS);
    int64_t took_ms = (clock_now_us() - begin_us) / 1000;

    print_message("%d orders arrived at %d receivers in %lld ms, beside one that never answers\n",
                  ORDERS, WELL, (long long)took_ms);
    assert_int_equal(count_received("/hang", "order.created"), 8);
    assert_true(took_ms < 15000 * OM_TIME_FACTOR);
    delete_hook(&hanging);
    for (int i = 0; i < WELL; i++)
        delete_hook(&well[i]);
    restart_service(NULL, NULL);
}

static void an_endpoint_that_is_gone_is_switched_off_and_can_be_switched_on(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE];
    struct hook hook = subscribe("/gone", EVERYTHING);
    place_order(path);
    await_shown(&hook, "", "\"enabled\":false,\"offReason\":\"gone\"");
    struct http_response response = about(&hook, "POST", "/ping", NULL);
    assert_problem(&response, 409, "webhook-off");
    int before = count_received("/gone", "order.created");

    response = about(&hook, "PATCH", "", "{\"enabled\":true}");
    assert_int_equal(response.status, 200);
    assert_true(body_has(&response, "\"enabled\":true"));
    http_response_fini(&response);

    await("/gone", "order.created", before + 1);
    delete_hook(&hook);
}

static void an_endpoint_that_fails_is_retried_and_then_switched_off(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE], metrics_url[64];
    struct http_response metrics;
    struct hook hook = subscribe("/fail", EVERYTHING);
    place_order(path);
    await("/fail", "order.created", 2);
    await_shown(&hook, "", "\"enabled\":false,\"offReason\":\"failing\"");
    assert_true(shows(&hook, "", "the receiver answered 500"));
    assert_true(shows(&hook, "/deliveries", "\"responseStatus\":500"));
    snprintf(metrics_url, sizeof(metrics_url), "http://127.0.0.1:%d/metrics", service_port);
    assert_int_equal(http_get(metrics_url, &metrics), 200);
    assert_true(body_has(&metrics, "switched_off_total{reason=\"failing\"} 1"));
    http_response_fini(&metrics);
    delete_hook(&hook);
}

static void retry_after_is_kept(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE];
    struct hook hook = subscribe("/later", EVERYTHING);
    place_order(path);
    await("/later", "order.created", 1);
    int64_t first_us = clock_now_us();
    await("/later", "order.created", 2);
    assert_true(clock_now_us() - first_us > 2500000);
    await_shown(&hook, "/deliveries", "\"attempts\":2,\"responseStatus\":200");
    delete_hook(&hook);
}

static void a_redirect_is_not_followed(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE];
    struct hook hook = subscribe("/redirect", EVERYTHING);
    int before = count_received("/ok", "");
    place_order(path);
    await_shown(&hook, "/deliveries", "\"responseStatus\":302");
    assert_int_equal(count_received("/ok", ""), before);
    delete_hook(&hook);
}

/* A name that was taken when it led elsewhere: what counts is what is connected to. */
static void no_connection_is_made_to_an_address_that_is_not_permitted(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE];
    struct hook hook = subscribe("/ok/private", EVERYTHING);
    restart_service(NULL, (const char *const[]){"OM_WEBHOOKS_PRIVATE", "none", NULL});
    place_order(path);
    await_shown(&hook, "/deliveries", "the address is not public");
    assert_int_equal(count_received("/ok/private", ""), 0);
    struct http_response response =
        send_json("POST", "/api/v1/webhooks",
                  "{\"url\":\"https://169.254.169.254/\",\"eventTypes\":[\"*\"]}");
    assert_true(body_has(&response, "\"field\":\"url\""));
    assert_problem(&response, 422, "invalid-webhook");
    delete_hook(&hook);
    restart_service(NULL, NULL);
}

static bool has_ended(void *closure) {
    (void)closure;
    return !process_is_running(service);
}

/* Killed between the answers of receivers and its notes of them, and at any moment besides. */
static void a_service_that_is_killed_loses_nothing(void **state) {
    (void)state;
    enum { ORDERS = 30, KILLS = 3 };
    static char paths[ORDERS][ORDER_PATH_SIZE];
    struct hook hook = subscribe("/ok/kills", "[\"order.created\"]");
    restart_service("webhooks.before_settle:1", NULL);
    int placed = 0;
    for (int kill = 0; kill < KILLS; kill++) {
        for (; placed < ORDERS * (kill + 1) / KILLS; placed++)
            place_order(paths[placed]);
        if (kill == 0)
            assert_true(wait_until(has_ended, NULL, RECEIVED_MS));
        process_destroy(&service); /* SIGKILL */
        start_service(NULL, NULL);
    }

    for (int i = 0; i < ORDERS; i++)
        await("/ok/kills", paths[i] + strlen("/api/v1/orders/"), 1);
    await("/ok/kills", "order.created", ORDERS + 1); /* what the first kill hid comes again */

    const char *const argv[] = {"python3", VERIFIER,    OM_SOURCE_DIR "/docs/webhooks.md",
                                received,  "/ok/kills", hook.secret,
                                NULL};
    assert_int_equal(process_run(&(struct process_options){.argv = argv}, 60000), 0);
    int arrived = count_received("/ok/kills", "order.created");
    print_message("%d events arrived %d times, with %d kills\n", ORDERS, arrived, KILLS);
    delete_hook(&hook);
}

static void what_is_no_webhook_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *body;
        long status;
        const char *problem;
    } bodies[] = {
        {"no", 400, "invalid-json"},
        {"{}", 422, "invalid-webhook"},
        {"{\"url\":\"https://a.example/\",\"eventTypes\":[\"order.x\"]}", 422, "invalid-webhook"},
        {"{\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"],\"secret\":\"s\"}", 422,
         "invalid-webhook"},
        {"{\"url\":\"https://10.0.0.1/\",\"eventTypes\":[\"*\"]}", 422, "invalid-webhook"},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct http_response response = send_json("POST", "/api/v1/webhooks", bodies[i].body);
        assert_problem(&response, bodies[i].status, bodies[i].problem);
    }
    struct http_response response = send_json("GET", "/api/v1/webhooks/x", NULL);
    assert_problem(&response, 404, "not-found");
    response = send_json("GET", "/api/v1/webhooks?limit=2", NULL);
    assert_problem(&response, 400, "invalid-query");
    response = send_json("PUT", "/api/v1/webhooks", "{}");
    assert_problem(&response, 405, "method-not-allowed");
}

/* --- fixture ---------------------------------------------------------------------------------- */

static bool accepts(void *port) {
    return port_accepts(*(int *)port);
}

static int setup(void **state) {
    char port[16];
    order_fixture_setup(state);
    receiver_port = free_port();
    service_port = free_port();
    snprintf(port, sizeof(port), "%d", receiver_port);
    snprintf(received, sizeof(received), "%s/received", servers_dir(fixture.servers));
    receiver = process_start(&(struct process_options){
        .argv = (const char *const[]){"python3", RECEIVER, port, received, NULL}});
    assert_true(wait_until(accepts, &receiver_port, 10000));
    start_service(NULL, NULL);
    return 0;
}

static int teardown(void **state) {
    int exit_code = program_end(&service, 15000);
    process_destroy(&receiver);
    int order_code = order_fixture_teardown(state);
    return exit_code == 0 ? order_code : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orders_events_arrive_signed_as_the_documentation_verifies),
        cmocka_unit_test(a_ping_and_a_delivery_that_is_sent_again_arrive),
        cmocka_unit_test(an_endpoint_that_hangs_holds_no_other),
        cmocka_unit_test(an_endpoint_that_is_gone_is_switched_off_and_can_be_switched_on),
        cmocka_unit_test(an_endpoint_that_fails_is_retried_and_then_switched_off),
        cmocka_unit_test(retry_after_is_kept),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(no_connection_is_made_to_an_address_that_is_not_permitted),
        cmocka_unit_test(a_service_that_is_killed_loses_nothing),
        cmocka_unit_test(what_is_no_webhook_is_refused),
    };
    return cmocka_run_group_tests_name("webhooks", tests, setup, teardown);
}

/* Readiness tells also of what nobody consumes: a task by the clock, and requests, whose database
   is in trouble, and of what NATS does not let the process publish. It was once ready while its
   watchdog failed at every turn.

   Covers: shared/service/runtime.c shared/service/periodic.c shared/service/micro.c */
#include "shared/base/clock.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/program.h"
#include "tests/support/servers/servers_fixture.h"

#include <string.h>

#define WAIT_MS 20000
#define END_MS 10000
#define ORDER "{\"orderId\":\"01936b2a-0000-7000-8000-000000000001\",\"tenant\":\"default\"}"

static struct pg *pg;
static struct process *service;
static int admin_port;

static void run(const char *sql) {
    struct error error = {0};
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static bool readiness_says(void *words) {
    struct http_response response = {0};
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", admin_port);
    long status = http_get(url, &response);
    bool says = status == 503 && strstr(response.body.ptr, words) != NULL;
    http_response_fini(&response);
    return says;
}

static void await_words(const char *words) {
    if (!wait_until(readiness_says, (void *)(uintptr_t)words, WAIT_MS))
        fail_msg("readiness does not say: %s", words);
}

static void ask(void) {
    natsMsg *reply = NULL;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(nats), "mesh.order.get",
                                                  ORDER, WAIT_MS),
                     NATS_OK);
    natsMsg_Destroy(reply);
}

static bool requests_are_said_to_fail(void *unused) {
    (void)unused;
    ask();
    return readiness_says("requests to mesh.order.get fail: ");
}

static void a_task_that_cannot_write_shows_until_it_can(void **state) {
    (void)state;
    run("REVOKE UPDATE ON orders.watch FROM om_orders");
    await_words("the task watchdog fails: ");
    await_words("(42501)");

    run("GRANT UPDATE ON orders.watch TO om_orders");
    assert_true(wait_until(program_is_ready, &admin_port, WAIT_MS));
}

static void requests_that_cannot_read_show_while_they_come(void **state) {
    (void)state;
    run("REVOKE SELECT ON orders.order_items FROM om_orders");
    assert_true(wait_until(requests_are_said_to_fail, NULL, WAIT_MS));

    run("GRANT SELECT ON orders.order_items TO om_orders");
    ask();
    assert_true(wait_until(program_is_ready, &admin_port, WAIT_MS));
}

/* An answer to a request, of which nobody waits for the end. */
static void a_publish_that_is_refused_shows_whatever_it_was(void **state) {
    (void)state;
    servers_deny(servers, "order", "_INBOX_operator.>");
    clock_sleep_ms(1000); /* the server reads its file again */
    natsMsg *reply = NULL;
    assert_int_equal(
        natsConnection_RequestString(&reply, nats_client_fast(nats), "mesh.order.get", ORDER, 1000),
        NATS_TIMEOUT);
    await_words("NATS does not let this user publish to _INBOX_operator.");

    servers_deny(servers, "order", NULL);
    assert_true(wait_until(program_is_ready, &admin_port, WAIT_MS));
    ask();
}

#define ITS_WAIT                                                                                   \
    "usename = 'om_orders' AND application_name LIKE '%watchdog%' AND wait_event_type = 'Lock'"

static bool waits_for_the_lock(void *unused) {
    static const struct pg_statement count = {
        "waiting_watchdogs", "SELECT count(*) FROM pg_stat_activity WHERE " ITS_WAIT, 0};
    (void)unused;
    struct error error = {0};
    struct pg_result *result = NULL;
    assert_false(readiness_says("the task watchdog fails"));
    if (pg_query(pg, &count, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    int64_t waiting = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return waiting > 0;
}

/* In the midst of a turn, which is begun anew. */
static void a_session_that_is_ended_once_is_no_trouble(void **state) {
    (void)state;
    struct error error = {0};
    static const struct pg_statement lock = {"lock",
                                             "LOCK TABLE orders.watch IN ACCESS EXCLUSIVE MODE", 0};
    struct pg *locker = pg_create(servers_postgres_url(servers), "locker");
    assert_int_equal(pg_begin(locker, &error), STATUS_OK);
    assert_int_equal(pg_query(locker, &lock, NULL, NULL, &error), STATUS_OK);
    assert_true(wait_until(waits_for_the_lock, NULL, WAIT_MS));
    run("SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE " ITS_WAIT);
    assert_true(wait_until(waits_for_the_lock, NULL, WAIT_MS));
    pg_rollback(locker);
    pg_destroy(&locker);
    assert_false(readiness_says("the task watchdog fails"));
}

static int group_setup(void **state) {
    if (system_setup(state) != 0)
        return -1;
    struct environment environment = {0};
    admin_port = free_port();
    pg = pg_create(servers_postgres_url(servers), "test");
    servers_service_environment(servers, "order", "om_orders", &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    service = program_start("order", &environment, NULL);
    environment_fini(&environment);
    return wait_until(program_is_ready, &admin_port, WAIT_MS) ? 0 : -1;
}

static int group_teardown(void **state) {
    int code = program_end(&service, END_MS);
    pg_destroy(&pg);
    return servers_teardown(state) != 0 || code != 0 ? -1 : 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_cannot_write_shows_until_it_can),
        cmocka_unit_test(requests_that_cannot_read_show_while_they_come),
        cmocka_unit_test(a_publish_that_is_refused_shows_whatever_it_was),
        cmocka_unit_test(a_session_that_is_ended_once_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

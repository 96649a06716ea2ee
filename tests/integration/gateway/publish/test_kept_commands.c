/* Accepted commands that the broker loses before the order service has them: they come again from
   Redis, each once, and nothing else does.

   Covers: gateway/kept/ gateway/orders/post_order.c gateway/orders/cancel_order.c */
#include "shared/contract/event.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/servers/program.h"

#define PATH_SIZE sizeof("/api/v1/orders/00000000-0000-0000-0000-000000000000")
#define ID_AT (sizeof("/api/v1/orders/") - 1)
#define POISONED "C-poison"
#define BACK_MS 60000
#define SEVERAL_GRACES_MS 5000

/* A service of the fixture's world. */
struct part {
    const char *name, *role;
    int admin_port;
    struct process *process;
};

static struct part order = {"order", "om_orders", 0, NULL};
static struct part dlq = {"dlq", "om_dlq", 0, NULL};
static struct pg *pg; /* superuser */

/* --- the world -------------------------------------------------------------------------------- */

static void part_start(struct part *part) {
    struct environment environment = {0};
    servers_service_environment(fixture.servers, part->name, part->role, &environment);
    part->admin_port = free_port();
    environment_set_int(&environment, "OM_ADMIN_PORT", part->admin_port);
    part->process = program_start(part->name, &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &part->admin_port, 20000));
}

static void part_stop(struct part *part) {
    assert_int_equal(program_end(&part->process, 15000), 0);
}

static void part_kill(struct part *part) {
    process_signal(part->process, SIGKILL);
    process_destroy(&part->process);
}

static void run_sql(const char *sql) {
    struct error error;
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static int64_t count_sql(const char *sql) {
    const struct pg_statement statement = {.name = "", .sql = sql};
    struct pg_result *result = NULL;
    struct error error;
    if (pg_query(pg, &statement, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
    int64_t count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return count;
}

/* Nobody can write there, but read, until the session is destroyed. */
static struct pg *lock_table(const char *name) {
    struct pg *session = pg_create(servers_postgres_url(fixture.servers), "lock");
    char sql[96];
    struct error error;
    snprintf(sql, sizeof(sql), "BEGIN; LOCK TABLE %s IN SHARE MODE", name);
    if (pg_script(session, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
    return session;
}

static bool is_dead(void *unused) {
    (void)unused;
    return count_sql("SELECT count(*) FROM dlq.entries WHERE status = 'dead'") == 1;
}

static bool is_known(void *path) {
    struct http_response response = get(path);
    bool is = body_has(&response, "\"version\":");
    http_response_fini(&response);
    return is;
}

static bool is_cancelled(void *path) {
    struct http_response response = get(path);
    bool is = body_has(&response, "\"status\":\"CANCELLED\"");
    http_response_fini(&response);
    return is;
}

static int64_t kept(void) {
    return redis_number("XLEN order:commands");
}

static bool nothing_is_kept(void *unused) {
    (void)unused;
    return kept() == 0;
}

/* How many commands this gateway has published again. */
static int64_t published_again(const char *kind) {
    char url[64], series[96];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    snprintf(series, sizeof(series), "\nordermesh_commands_published_again_total{command=\"%s\"} ",
             kind);
    http_get(url, &response);
    const char *at = response.body.ptr == NULL ? NULL : strstr(response.body.ptr, series);
    assert_non_null(at);
    int64_t count = strtoll(at + strlen(series), NULL, 10);
    http_response_fini(&response);
    return count;
}

static void place_body(const char *key, const char *body, char path[PATH_SIZE]) {
    struct http_response response = post(key, body);
    assert_int_equal(response.status, 202);
    snprintf(path, PATH_SIZE, "%.*s", SLICE_ARG(http_header(&response, "Location")));
    http_response_fini(&response);
}

static void place(const char *key, char path[PATH_SIZE]) {
    place_body(key, ORDER, path);
}

static void purge(void) {
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_PurgeStream(js, "COMMANDS", NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
}

/* Not asked for anything: what is on its way to the order service is in the stream. */
static void stop_order_and_purge(const char *key, char path[PATH_SIZE]) {
    part_stop(&order);
    place(key, path);
    purge();
}

/* --- orders ----------------------------------------------------------------------------------- */

/* As a gateway of the version before sends it, while versions change. */
static void a_command_under_its_former_subject_is_taken_in(void **state) {
    (void)state;
    char path[PATH_SIZE];
    jsCtx *js = NULL;
    natsMsg *command = NULL;
    part_stop(&order);
    place("former", path);
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetLastMsg(&command, js, "COMMANDS", "commands.order.submit", NULL, NULL),
                     NATS_OK);
    purge();
    assert_int_equal(js_Publish(NULL, js, event_former_subject(EVENT_ORDER_SUBMIT),
                                natsMsg_GetData(command), natsMsg_GetDataLength(command), NULL,
                                NULL),
                     NATS_OK);
    natsMsg_Destroy(command);
    jsCtx_Destroy(js);
    part_start(&order);

    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
}

static void a_command_is_kept_until_the_order_service_has_it(void **state) {
    (void)state;
    char path[PATH_SIZE];
    part_stop(&order);
    place("until", path);
    int64_t before = kept();
    part_start(&order);

    assert_int_equal(before, 1);
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(published_again("submit"), 0);
}

/* The stream knew the id, so that the order sent again was a repetition of what it had lost, and
   the client's own repetition is answered by Redis and published nowhere. */
static void an_order_that_was_purged_comes_again(void **state) {
    (void)state;
    char path[PATH_SIZE], repeated[PATH_SIZE];
    int64_t before = published_again("submit");
    stop_order_and_purge("purged", path);
    place("purged", repeated);
    part_start(&order);

    assert_string_equal(path, repeated);
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(published_again("submit"), before + 1);
}

/* Of events, those come again that somebody was not done with. */
static uint64_t stored_commands(void) {
    return stored_messages("commands.order.>");
}

static bool command_is_stored(void *unused) {
    (void)unused;
    return stored_commands() == 1;
}

/* Each time under an id of its own: the stream knows those before, too. */
static void an_order_comes_again_as_often_as_it_is_lost(void **state) {
    (void)state;
    char path[PATH_SIZE];
    int64_t before = published_again("submit");
    int64_t orders = count_sql("SELECT count(*) FROM orders.orders");
    purge();
    struct pg *lock = lock_table("orders.orders");
    place("often", path);
    for (int times = 0; times < 2; times++) {
        assert_true(wait_until(command_is_stored, NULL, BACK_MS));
        purge();
    }
    part_kill(&order); /* with what it has in hand */
    pg_destroy(&lock);
    part_start(&order);

    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(published_again("submit"), before + 2);
    assert_int_equal(count_sql("SELECT count(*) FROM orders.orders"), orders + 1);
}

static void a_store_that_was_deleted_costs_no_order(void **state) {
    (void)state;
    char path[PATH_SIZE], command[512];
    part_stop(&order);
    place("store", path);
    servers_kill(fixture.servers, SERVER_NATS);
    snprintf(command, sizeof(command), "rm -rf '%s'/nats", servers_dir(fixture.servers));
    assert_int_equal(system(command), 0);
    servers_restart(fixture.servers, SERVER_NATS);
    servers_provision(fixture.servers);
    part_start(&order);

    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
}

static void redis_killed_and_started_again_still_has_it(void **state) {
    (void)state;
    char path[PATH_SIZE];
    stop_order_and_purge("redis", path);
    assert_true(wait_until(has_redis_written, NULL, BACK_MS));
    servers_kill(fixture.servers, SERVER_REDIS);
    servers_restart(fixture.servers, SERVER_REDIS);
    part_start(&order);

    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
}

/* --- what is not sent again ------------------------------------------------------------------- */

/* The order service says of each that it does not have it. */
static void what_waits_in_the_stream_is_not_sent_again(void **state) {
    (void)state;
    enum { ORDERS = 300 };
    char path[PATH_SIZE];
    place(NULL, path);
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS)); /* so somebody has the lease */
    purge();
    struct pg *lock = lock_table("orders.orders");
    for (int i = 0; i < ORDERS; i++)
        place(NULL, path);
    clock_sleep_ms(SEVERAL_GRACES_MS); /* of the story: the backlog is older than that */
    pg_destroy(&lock);

    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(stored_commands(), ORDERS);
}

static void discard(const char *order_id) {
    char request[256];
    natsMsg *reply = NULL;
    const char *refusal = NULL;
    snprintf(request, sizeof(request), "{\"id\":\"COMMANDS.order.%s\",\"reason\":\"no\"}",
             order_id);
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(fixture.nats),
                                                  "mesh.dlq.discard", request, 5000),
                     NATS_OK);
    assert_int_not_equal(natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &refusal), NATS_OK);
    natsMsg_Destroy(reply);
}

static void what_an_operator_discarded_stays_so(void **state) {
    (void)state;
    char path[PATH_SIZE];
    gateway_restart((const char *const[]){"OM_COMMAND_GRACE_S", "6", NULL});
    purge();
    run_sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'poison'; END$$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON orders.orders FOR EACH ROW"
            " WHEN (NEW.customer_id = '" POISONED "') EXECUTE FUNCTION refuse()");
    place_body("poison", ORDER_OF(POISONED), path);
    bool died = wait_until(is_dead, NULL, BACK_MS);
    discard(path + ID_AT);
    run_sql("DROP TRIGGER refuse ON orders.orders");
    bool is_let_go = wait_until(nothing_is_kept, NULL, BACK_MS);
    int64_t again = published_again("submit");
    gateway_restart(NULL);

    assert_true(died);
    assert_true(is_let_go);
    assert_int_equal(again, 0);
    assert_int_equal(stored_commands(), 1);
    assert_false(is_known(path));
}

/* --- cancels ---------------------------------------------------------------------------------- */

/* The order service answers, but takes no wish in. */
static void a_cancel_that_was_purged_comes_again(void **state) {
    (void)state;
    char path[PATH_SIZE], cancel[PATH_SIZE + 8];
    struct http_response response;
    place("cancel", path);
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    int64_t before = published_again("cancel");
    struct pg *lock = lock_table("orders.early_cancels");
    snprintf(cancel, sizeof(cancel), "%s/cancel", path);
    char *url = gateway_url(cancel);
    http_send(fixture.http, &(struct http_request){.method = "POST", .url = url}, &response);
    free(url);
    purge();
    part_kill(&order); /* with the wish in hand */
    pg_destroy(&lock);
    part_start(&order);

    assert_int_equal(response.status, 202);
    http_response_fini(&response);
    assert_true(wait_until(is_cancelled, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(published_again("cancel"), before + 1);
}

/* --- gateways --------------------------------------------------------------------------------- */

/* The command has no second copy in the stream: the next one is under the same id. */
static void a_gateway_that_dies_after_sending_it_again_doubles_nothing(void **state) {
    (void)state;
    char path[PATH_SIZE];
    int exit_code = 0;
    gateway_restart((const char *const[]){"OM_FAILPOINT", "gateway.after_again:1", NULL});
    stop_order_and_purge("dies", path);
    part_start(&order);
    bool has_died = process_wait(fixture.gateway, BACK_MS, &exit_code);
    process_destroy(&fixture.gateway);
    gateway_start(NULL);

    assert_true(has_died);
    assert_int_equal(exit_code, 128 + SIGKILL);
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    assert_int_equal(stored_commands(), 1);
}

/* The lease is the first one's, and ends with it. */
static void another_gateway_takes_over_from_one_that_is_killed(void **state) {
    (void)state;
    struct environment environment = {0};
    char path[PATH_SIZE];
    int port = free_port(), admin_port = free_port(), first_port = fixture.port,
        first_admin_port = fixture.admin_port;
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    stop_order_and_purge("both", path);
    environment_copy(&environment, &fixture.environment);
    environment_set_int(&environment, "OM_HTTP_PORT", port);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    struct process *second = program_start("gateway", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &admin_port, 10000));
    process_signal(fixture.gateway, SIGKILL);
    process_destroy(&fixture.gateway);
    part_start(&order);
    fixture.port = port;
    fixture.admin_port = admin_port;
    bool is_back = wait_until(is_known, path, BACK_MS);
    int64_t again = published_again("submit");
    fixture.port = first_port;
    fixture.admin_port = first_admin_port;
    gateway_start(NULL);
    int code = program_end(&second, 15000);

    assert_true(is_back);
    assert_int_equal(again, 1);
    assert_good_end(code);
}

/* --- the bound -------------------------------------------------------------------------------- */

static bool health_has(void *part) {
    struct http_response response = get("/health");
    bool has = body_has(&response, part);
    http_response_fini(&response);
    return has;
}

static void beyond_its_bound_nothing_is_kept_and_health_says_so(void **state) {
    (void)state;
    char path[PATH_SIZE];
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    gateway_restart((const char *const[]){"OM_COMMAND_KEPT_BYTES", "0", NULL});
    bool is_said = wait_until(health_has, "\"commands\":\"degraded\"", 10000);
    part_stop(&order);
    place("bound", path);
    int64_t before = kept();
    part_start(&order);
    gateway_restart(NULL);

    assert_true(is_said);
    assert_int_equal(before, 0);
    assert_true(wait_until(health_has, "\"commands\":\"ok\"", 10000));
    assert_true(wait_until(is_known, path, BACK_MS));
}

/* A key of another kind in its place, or a user without the right: orders were accepted as ever. */
static void what_redis_refuses_to_keep_shows_until_it_is_kept_again(void **state) {
    (void)state;
    char path[PATH_SIZE], next[PATH_SIZE];
    assert_true(wait_until(nothing_is_kept, NULL, BACK_MS));
    redis_do("SET order:commands something");
    place("refused", path);
    bool is_said = wait_until(health_has, "\"commands\":\"degraded\"", 10000);
    bool has_reason = health_has("commands: not kept: Redis refuses them");
    redis_do("DEL order:commands");
    place("kept-again", next);

    assert_true(is_said);
    assert_true(has_reason);
    assert_true(wait_until(health_has, "\"commands\":\"ok\"", 10000));
    assert_true(wait_until(is_known, path, BACK_MS));
    assert_true(wait_until(is_known, next, BACK_MS));
}

/* --- the fixture ------------------------------------------------------------------------------ */

static int setup(void **state) {
    fixture_setup_with_database(state);
    servers_migrate(fixture.servers);
    pg = pg_create(servers_postgres_url(fixture.servers), "test");
    run_sql("INSERT INTO orders.catalog VALUES ('SKU-123', 1200, 'USD', true, 1)");
    part_start(&order);
    part_start(&dlq);
    environment_set(&fixture.environment, "OM_COMMAND_GRACE_S", "1");
    gateway_restart(NULL);
    return 0;
}

static int teardown(void **state) {
    part_stop(&order);
    part_stop(&dlq);
    pg_destroy(&pg);
    return fixture_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_kept_until_the_order_service_has_it),
        cmocka_unit_test(a_command_under_its_former_subject_is_taken_in),
        cmocka_unit_test(an_order_that_was_purged_comes_again),
        cmocka_unit_test(an_order_comes_again_as_often_as_it_is_lost),
        cmocka_unit_test(a_store_that_was_deleted_costs_no_order),
        cmocka_unit_test(redis_killed_and_started_again_still_has_it),
        cmocka_unit_test(what_waits_in_the_stream_is_not_sent_again),
        cmocka_unit_test(what_an_operator_discarded_stays_so),
        cmocka_unit_test(a_cancel_that_was_purged_comes_again),
        cmocka_unit_test(a_gateway_that_dies_after_sending_it_again_doubles_nothing),
        cmocka_unit_test(another_gateway_takes_over_from_one_that_is_killed),
        cmocka_unit_test(beyond_its_bound_nothing_is_kept_and_health_says_so),
        cmocka_unit_test(what_redis_refuses_to_keep_shows_until_it_is_kept_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

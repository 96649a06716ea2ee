/* The conduct of a connection when its session, its server or an answer is lost.

   Covers: shared/pg/pg.c */
#include "shared/base/clock.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/data/sample.h"
#include "tests/support/servers/servers_fixture.h"

#include <pthread.h>

#define WAIT_MS 10000

static struct pg *pg;
static struct pg *observer; /* a second connection, which nothing happens to */

static const struct pg_statement insert_item = {"test.insert_item",
                                                "INSERT INTO items (id) VALUES ($1::int8)", 1};
static const struct pg_statement count_items = {"test.count_items", "SELECT count(*) FROM items",
                                                0};
static const struct pg_statement sessions = {
    "test.sessions", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'victim'", 0};
static const struct pg_statement terminate = {"test.terminate",
                                              "SELECT count(pg_terminate_backend(pid)) "
                                              "FROM pg_stat_activity "
                                              "WHERE application_name = 'victim'",
                                              0};
static const struct pg_statement terminate_committing = {
    "test.terminate_committing",
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = 'victim' AND wait_event = 'SyncRep'",
    0};

static int64_t query_number(struct pg *connection, const struct pg_statement *statement) {
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(connection, statement, NULL, &result, &error), &error);
    int64_t number = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return number;
}

static enum status insert(int64_t id, struct error *error) {
    const struct pg_param params[] = {pg_int64(id)};
    return pg_query(pg, &insert_item, params, NULL, error);
}

static void begin_with(int64_t id) {
    struct error error = {0};
    require_ok(pg_begin(pg, &error), &error);
    require_ok(insert(id, &error), &error);
}

static bool victim_is_gone(void *closure) {
    (void)closure;
    return query_number(observer, &sessions) == 0;
}

static void terminate_victim(void) {
    assert_int_equal(query_number(observer, &terminate), 1);
    assert_true(wait_until(victim_is_gone, NULL, WAIT_MS));
}

/* Every fault has to leave an object that works, with statements it knows from before and new
   ones. */
static void assert_works_again(int64_t id) {
    struct error error = {0};
    begin_with(id);
    require_ok(pg_commit(pg, &error), &error);
    assert_int_not_equal(query_number(pg, &count_items), 0);
}

static void a_terminated_session_is_unavailable_and_reopened_by_the_next_begin(void **state) {
    (void)state;
    struct error error = {0};
    int64_t reconnects = sample_value("ordermesh_db_reconnects_total");
    begin_with(1);
    terminate_victim();
    assert_int_equal(insert(2, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "57P01");
    assert_int_equal(pg_commit(pg, &error), STATUS_UNAVAILABLE);
    pg_rollback(pg);
    assert_works_again(3);
    assert_int_equal(query_number(pg, &count_items), 1);
    assert_int_equal(sample_value("ordermesh_db_reconnects_total"), reconnects + 1);
}

static void a_session_lost_in_a_transaction_is_reopened_by_the_next_begin_alone(void **state) {
    (void)state;
    struct error error = {0};
    begin_with(1);
    terminate_victim();
    assert_int_equal(pg_commit(pg, &error), STATUS_UNAVAILABLE);
    assert_works_again(2);
}

static void a_session_that_ended_while_idle_costs_no_transaction(void **state) {
    (void)state;
    assert_works_again(1);
    terminate_victim();
    assert_works_again(2);
    assert_int_equal(query_number(pg, &count_items), 2);
}

/* A session may hold a lock: whoever asks outside a transaction has to learn that it is gone. */
static void
a_session_that_ended_while_idle_fails_the_next_query_outside_a_transaction(void **state) {
    (void)state;
    struct error error = {0};
    assert_works_again(1);
    terminate_victim();
    assert_int_equal(pg_query(pg, &count_items, NULL, NULL, &error), STATUS_UNAVAILABLE);
    assert_int_equal(query_number(pg, &count_items), 1);
}

static void a_query_under_way_ends_with_its_session(void **state) {
    (void)state;
    static const struct pg_statement suicide = {
        "test.suicide", "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)", 0};
    struct error error = {0};
    begin_with(1);
    assert_int_equal(pg_query(pg, &suicide, NULL, NULL, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "57P01");
    pg_rollback(pg);
    assert_works_again(2);
}

static void a_killed_server_is_unavailable_until_it_is_back(void **state) {
    (void)state;
    struct error error = {0};
    assert_works_again(1);
    begin_with(2);
    servers_kill(servers, SERVER_POSTGRES);
    assert_int_equal(pg_commit(pg, &error), STATUS_UNAVAILABLE);
    pg_rollback(pg);
    assert_int_equal(pg_begin(pg, &error), STATUS_UNAVAILABLE);
    assert_int_equal(pg_connect(pg, &error), STATUS_UNAVAILABLE);
    servers_restart(servers, SERVER_POSTGRES);
    assert_works_again(3);
    assert_int_equal(query_number(pg, &count_items), 2);
}

static void a_restarted_server_is_met_without_an_error(void **state) {
    (void)state;
    assert_works_again(1);
    servers_restart(servers, SERVER_POSTGRES);
    assert_works_again(2);
    assert_int_equal(query_number(pg, &count_items), 2);
}

static void a_silent_server_is_noticed_and_its_connection_left(void **state) {
    (void)state;
    struct error error = {0};
    begin_with(1);
    servers_pause(servers, SERVER_POSTGRES);
    int64_t started_us = clock_monotonic_us();
    enum status status = insert(2, &error);
    int64_t silent_ms = (clock_monotonic_us() - started_us) / 1000;
    pg_rollback(pg);
    started_us = clock_monotonic_us();
    enum status status_connecting = pg_begin(pg, &error);
    int64_t connecting_ms = (clock_monotonic_us() - started_us) / 1000;
    servers_resume(servers, SERVER_POSTGRES);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_in_range(silent_ms, 11000, 13000);
    assert_int_equal(status_connecting, STATUS_UNAVAILABLE);
    assert_in_range(connecting_ms, 1000, 4500);
    assert_works_again(3);
}

static void *terminate_when_committing(void *closure) {
    (void)closure;
    while (query_number(observer, &terminate_committing) == 0)
        clock_sleep_ms(5);
    return NULL;
}

static void set_standby(const char *sql) {
    struct error error = {0};
    require_ok(pg_script(observer, sql, &error), &error);
    require_ok(pg_script(observer, "SELECT pg_reload_conf()", &error), &error);
}

static bool waits_for_standby(void *closure) {
    const char *expected = closure;
    static const struct pg_statement show = {"test.standby", "SHOW synchronous_standby_names", 0};
    struct pg_result *result = NULL;
    struct error error = {0};
    require_ok(pg_query(observer, &show, NULL, &result, &error), &error);
    bool is_expected = slice_is(pg_get_slice(result, 0, 0), expected);
    pg_result_free(&result);
    return is_expected;
}

/* The transaction is committed and waits for a standby that does not exist when its session ends:
   the caller cannot know, and has to look before it does it again. */
static void a_commit_whose_answer_is_lost_is_unavailable_though_it_happened(void **state) {
    (void)state;
    struct error error = {0};
    pthread_t thread;
    char nobody[] = "nobody", none[] = "";
    set_standby("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    assert_true(wait_until(waits_for_standby, nobody, WAIT_MS));
    begin_with(1);
    assert_int_equal(pthread_create(&thread, NULL, terminate_when_committing, NULL), 0);
    enum status status = pg_commit(pg, &error);
    pthread_join(thread, NULL);
    set_standby("ALTER SYSTEM RESET synchronous_standby_names");
    assert_true(wait_until(waits_for_standby, none, WAIT_MS));
    assert_int_equal(status, STATUS_UNAVAILABLE);
    pg_rollback(pg);
    assert_int_equal(query_number(pg, &count_items), 1);
    assert_works_again(2);
}

static void an_idle_transaction_is_ended_by_the_server_and_unavailable(void **state) {
    (void)state;
    static const struct pg_statement impatient = {
        "test.impatient", "SET LOCAL idle_in_transaction_session_timeout = 20", 0};
    struct error error = {0};
    begin_with(1);
    require_ok(pg_query(pg, &impatient, NULL, NULL, &error), &error);
    assert_true(wait_until(victim_is_gone, NULL, WAIT_MS));
    assert_int_equal(insert(2, &error), STATUS_UNAVAILABLE);
    pg_rollback(pg);
    assert_works_again(3);
}

static void a_session_has_its_timeouts_and_its_own_settings(void **state) {
    (void)state;
    static const struct pg_statement settings = {
        "test.settings",
        "SELECT concat_ws(' ', current_setting('statement_timeout'), "
        "current_setting('lock_timeout'), "
        "current_setting('idle_in_transaction_session_timeout'), "
        "current_setting('application_name'), current_setting('work_mem'), "
        "current_setting('client_encoding'))",
        0};
    struct error error = {0};
    pg_set_on_connect(pg, "SET work_mem = '5MB'; SET client_min_messages = warning");
    for (int i = 0; i < 2; i++) {
        struct pg_result *result = NULL;
        require_ok(pg_connect(pg, &error), &error);
        require_ok(pg_query(pg, &settings, NULL, &result, &error), &error);
        assert_slice_equal(pg_get_slice(result, 0, 0), "10s 5s 30s victim 5MB UTF8");
        pg_result_free(&result);
        terminate_victim();
    }
    pg_set_on_connect(pg, "SET nonsense = 1");
    assert_int_equal(pg_connect(pg, &error), STATUS_UNAVAILABLE);
}

/* A failover leaves the old server as a standby: who stayed with it could never write again. */
static void a_session_that_may_not_write_is_none(void **state) {
    (void)state;
    struct error error = {0};
    assert_works_again(1);
    require_ok(pg_script(observer, "ALTER DATABASE postgres SET default_transaction_read_only = on",
                         &error),
               &error);
    terminate_victim();
    assert_int_equal(pg_begin(pg, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "25006");
    assert_string_equal(error.text, "the database is read-only (25006)");
    assert_int_equal(pg_query(pg, &count_items, NULL, NULL, &error), STATUS_UNAVAILABLE);
    require_ok(pg_script(observer, "ALTER DATABASE postgres RESET ALL", &error), &error);
    assert_works_again(2);
}

static void a_session_is_left_after_an_error_that_is_the_server_s(void **state) {
    (void)state;
    struct error error = {0};
    static const struct pg_statement write_anyway = {
        "test.write_anyway", "DO $$ BEGIN RAISE 'made up' USING ERRCODE = '25006'; END $$", 0};
    begin_with(1);
    assert_int_equal(pg_query(pg, &write_anyway, NULL, NULL, &error), STATUS_UNAVAILABLE);
    assert_false(pg_is_connected(pg));
    assert_int_equal(pg_commit(pg, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "25006");
    pg_rollback(pg);
    assert_works_again(2);
    assert_int_equal(query_number(pg, &count_items), 1);
}

static void what_cannot_be_reached_is_unavailable(void **state) {
    (void)state;
    struct error error = {0};
    char url[128];
    snprintf(url, sizeof(url), "postgresql://postgres:wrong@127.0.0.1:%d/postgres",
             servers_port(servers, SERVER_POSTGRES));
    struct pg *refused = pg_create(url, "test");
    assert_int_equal(pg_connect(refused, &error), STATUS_UNAVAILABLE);
    pg_destroy(&refused);
    snprintf(url, sizeof(url), "postgresql://postgres@127.0.0.1:%d/postgres", free_port());
    struct pg *absent = pg_create(url, "test");
    assert_int_equal(pg_connect(absent, &error), STATUS_UNAVAILABLE);
    assert_int_equal(pg_query(absent, &count_items, NULL, NULL, &error), STATUS_UNAVAILABLE);
    pg_destroy(&absent);
    pg_destroy(&absent);
}

/* libpq's own message has the whole address in it. */
static void an_address_that_cannot_be_parsed_does_not_show_its_password(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *wrong = pg_create("postgresql://postgres:secret@[::1/postgres", "test");
    assert_int_equal(pg_connect(wrong, &error), STATUS_INVALID);
    assert_null(strstr(error.text, "secret"));
    pg_destroy(&wrong);
}

static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    pg = pg_create(servers_postgres_url(servers), "victim");
    observer = pg_create(servers_postgres_url(servers), "observer");
    require_ok(pg_script(observer,
                         "DROP TABLE IF EXISTS items; CREATE TABLE items (id int8 PRIMARY KEY);"
                         "SET synchronous_commit = local",
                         &error),
               &error);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    pg_destroy(&pg);
    pg_destroy(&observer);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_terminated_session_is_unavailable_and_reopened_by_the_next_begin),
        TEST(a_session_lost_in_a_transaction_is_reopened_by_the_next_begin_alone),
        TEST(a_session_that_ended_while_idle_costs_no_transaction),
        TEST(a_session_that_ended_while_idle_fails_the_next_query_outside_a_transaction),
        TEST(a_query_under_way_ends_with_its_session),
        TEST(a_killed_server_is_unavailable_until_it_is_back),
        TEST(a_restarted_server_is_met_without_an_error),
        TEST(a_silent_server_is_noticed_and_its_connection_left),
        TEST(a_commit_whose_answer_is_lost_is_unavailable_though_it_happened),
        TEST(an_idle_transaction_is_ended_by_the_server_and_unavailable),
        TEST(a_session_has_its_timeouts_and_its_own_settings),
        TEST(a_session_that_may_not_write_is_none),
        TEST(a_session_is_left_after_an_error_that_is_the_server_s),
        TEST(what_cannot_be_reached_is_unavailable),
        TEST(an_address_that_cannot_be_parsed_does_not_show_its_password),
    };
    return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
}

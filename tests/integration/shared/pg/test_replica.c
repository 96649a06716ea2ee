/* Lists and reports from a hot standby: never less than the primary has, and from the primary
   wherever the standby will not do.

   Covers: shared/service/replica.c shared/service/micro.c shared/pg/pg.c
   tests/support/servers/standby.c */
#include "shared/base/clock.h"
#include "shared/pg/pg_result.h"
#include "shared/service/micro.h"
#include "shared/service/replica.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/servers/standby.h"

#define WAIT_MS 30000
/* As long as a look may find the replica away that is there again. */
#define SOON_MS 15000

static struct standby *standby;
static struct pg *primary;
static struct replica_watch *watch;
static struct replica_reader *reader;

static void run(struct pg *pg, const char *sql) {
    struct error error = {0};
    require_ok(pg_script(pg, sql, &error), &error);
}

static int64_t query_number(struct pg *pg, const struct pg_statement *statement) {
    struct pg_result *rows = NULL;
    struct error error = {0};
    require_ok(pg_query(pg, statement, NULL, &rows, &error), &error);
    int64_t number = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return number;
}

static const struct pg_statement count_items = {"test.count", "SELECT count(*) FROM items", 0};
static const struct pg_statement insert_item = {"test.insert", "INSERT INTO items VALUES (1)", 0};
static const struct pg_statement is_standby = {"test.is_standby", "SELECT pg_is_in_recovery()::int",
                                               0};

/* --- the servers ------------------------------------------------------------------------------ */

static int start_servers(void **state) {
    (void)state;
    servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    nats = servers_connect(servers);
    primary = pg_create(servers_postgres_url(servers), "test");
    run(primary, "CREATE TABLE items (id int8)");
    return 0;
}

static int stop_servers(void **state) {
    pg_destroy(&primary);
    return servers_teardown(state);
}

static bool is_read(void *closure) {
    (void)closure;
    return replica_is_read(watch, NULL);
}

static bool is_unread(void *closure) {
    (void)closure;
    return !replica_is_read(watch, NULL);
}

/* What libpq says of it, once it is asked for a standby. */
static bool is_left(void *closure) {
    (void)closure;
    struct error why = {0};
    return !replica_is_read(watch, &why) && strstr(why.text, "standby mode") != NULL;
}

static void begin_reading(const char *primary_url, const char *replica_url) {
    struct error error = {0};
    require_ok(replica_watch_start(primary_url, replica_url, &watch, &error), &error);
    reader = replica_reader_create(watch, "test reader");
}

/* Its first look takes a moment, and until then the primary is read. */
static struct pg *take(void) {
    return replica_take(reader, primary);
}

static bool can_take(void *closure) {
    (void)closure;
    return take() != NULL;
}

static int start_standby(void **state) {
    (void)state;
    standby = standby_start(servers, servers_postgres_url(servers));
    begin_reading(servers_postgres_url(servers), standby_url(standby));
    assert_true(wait_until(can_take, NULL, WAIT_MS));
    return 0;
}

static int stop_standby(void **state) {
    (void)state;
    replica_reader_destroy(&reader);
    replica_watch_stop(&watch);
    standby_stop(&standby);
    return 0;
}

static void assert_why(const char *part) {
    struct error why = {0};
    assert_false(replica_is_read(watch, &why));
    assert_contains(why.text, "reads go to the primary; the replica: ");
    assert_contains(why.text, part);
}

/* --- tests ------------------------------------------------------------------------------------ */

/* A customer who has seen the order would miss it in the list. */
static void what_is_committed_is_never_missing(void **state) {
    (void)state;
    struct error error = {0};
    int from_replica = 0;
    int64_t before = query_number(primary, &count_items);
    for (int64_t i = 1; i <= 300; i++) {
        require_ok(pg_query(primary, &insert_item, NULL, NULL, &error), &error);
        struct pg *pg = take();
        from_replica += pg != NULL && query_number(pg, &is_standby) == 1;
        assert_int_equal(query_number(pg != NULL ? pg : primary, &count_items), before + i);
    }
    assert_true(from_replica > 0);
}

static void a_replica_that_lags_is_left_until_it_has_caught_up(void **state) {
    (void)state;
    struct error error = {0};
    standby_hold_replay(standby);
    require_ok(pg_query(primary, &insert_item, NULL, NULL, &error), &error);
    assert_null(take());
    assert_why("bytes behind");
    assert_null(take());
    standby_resume_replay(standby);
    assert_true(wait_until(is_read, NULL, SOON_MS));
    assert_true(wait_until(can_take, NULL, SOON_MS));
}

/* A list lacked what its customer had just seen: the first question after the primary was back went
   over a connection that its end had broken, and so counted the primary as away. */
static void a_primary_whose_connection_broke_is_not_away(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *other = pg_create(servers_postgres_url(servers), "other");
    standby_hold_replay(standby);
    require_ok(pg_query(primary, &insert_item, NULL, NULL, &error), &error);
    run(other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'test'");
    assert_null(take());
    assert_why("bytes behind");
    standby_resume_replay(standby);
    assert_true(wait_until(is_read, NULL, SOON_MS));
    pg_destroy(&other);
}

static void a_replica_that_is_away_is_left_until_it_is_back(void **state) {
    (void)state;
    standby_kill(standby);
    assert_null(take());
    assert_why("database: ");
    standby_restart(standby);
    assert_true(wait_until(can_take, NULL, SOON_MS));
}

/* Whoever waits for an answer would have given up: the primary is asked soon enough. */
static void a_replica_that_hangs_is_not_waited_for(void **state) {
    (void)state;
    standby_pause(standby);
    int64_t began_us = clock_monotonic_us();
    assert_null(take());
    assert_true(clock_monotonic_us() - began_us < 5000000);
    assert_why("no answer in time");
    standby_resume(standby);
    assert_true(wait_until(can_take, NULL, SOON_MS));
}

static void without_the_primary_the_replica_answers_with_what_it_has(void **state) {
    (void)state;
    int64_t before = query_number(primary, &count_items);
    servers_kill(servers, SERVER_POSTGRES);
    struct pg *pg = take();
    assert_non_null(pg);
    assert_int_equal(query_number(pg, &count_items), before);
    servers_restart(servers, SERVER_POSTGRES);
    assert_true(wait_until(can_take, NULL, SOON_MS));
}

static void a_replica_that_was_promoted_is_none(void **state) {
    (void)state;
    standby_promote(standby);
    assert_true(wait_until(is_unread, NULL, SOON_MS));
    assert_null(take());
    assert_why("it is no standby any more");
    assert_true(wait_until(is_left, NULL, SOON_MS));
}

/* After a failover the log of who follows the server from before counts another way: it may be far
   ahead, and lacks all that is new. */
static void a_replica_of_the_primary_from_before_is_none(void **state) {
    (void)state;
    struct standby *promoted = standby_start(servers, servers_postgres_url(servers));
    standby_promote(promoted);
    replica_reader_destroy(&reader);
    replica_watch_stop(&watch);
    begin_reading(standby_url(promoted), standby_url(standby));
    run(primary, "INSERT INTO items SELECT generate_series(1, 100000)"); /* far ahead */
    assert_true(wait_until(is_unread, NULL, SOON_MS));
    assert_why("it follows timeline 1, and the primary is on 2");
    struct pg *pg = pg_create(standby_url(promoted), "test");
    assert_null(replica_take(reader, pg));
    pg_destroy(&pg);
    standby_stop(&promoted);
}

/* --- endpoints -------------------------------------------------------------------------------- */

static enum status tell_server(struct endpoint_call *call, struct error *error) {
    struct pg_result *rows = NULL;
    enum status status = pg_query(call->pg, &is_standby, NULL, &rows, error);
    if (status == STATUS_OK)
        buf_append_text(call->reply, pg_get_int64(rows, 0, 0) == 1 ? "replica" : "primary");
    pg_result_free(&rows);
    return status;
}

/* The replica refuses it, once the answer is half written. */
static enum status write_anyway(struct endpoint_call *call, struct error *error) {
    buf_append_text(call->reply, "written");
    return pg_query(call->pg, &insert_item, NULL, NULL, error);
}

static const struct endpoint endpoints[] = {
    {"list", "mesh.probe.list", tell_server},
    {"get", "mesh.probe.get", tell_server},
    {"write", "mesh.probe.write", write_anyway},
};
static const struct service service = {.name = "probe",
                                       .description = "answers the test",
                                       .endpoints = ROWS(endpoints),
                                       .replica_reads =
                                           (const char *const[]){"list", "write", NULL}};

static void assert_answer(const char *subject, const char *expected) {
    natsMsg *reply = NULL;
    natsStatus s =
        natsConnection_RequestString(&reply, nats_client_fast(nats), subject, "", WAIT_MS);
    assert_int_equal(s, NATS_OK);
    struct slice body = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_slice_equal(body, expected);
    natsMsg_Destroy(reply);
}

static void an_endpoint_reads_the_replica_where_it_may_and_can(void **state) {
    (void)state;
    struct error error = {0};
    struct micro *micro = NULL;
    const struct micro_options options = {.nats = nats,
                                          .service = &service,
                                          .database_url = servers_postgres_url(servers),
                                          .replica = watch,
                                          .version = "1.2.3"};
    require_ok(micro_create(&options, &micro, &error), &error);
    assert_answer("mesh.probe.get", "primary");
    assert_answer("mesh.probe.list", "replica");
    assert_answer("mesh.probe.write", "written");
    assert_true(micro_is_ready(micro, &error));
    standby_kill(standby);
    assert_answer("mesh.probe.list", "primary");
    assert_true(micro_is_ready(micro, &error));
    micro_destroy(&micro);
}

#define STANDBY_TEST(name) cmocka_unit_test_setup_teardown(name, start_standby, stop_standby)

int main(void) {
    const struct CMUnitTest tests[] = {
        STANDBY_TEST(what_is_committed_is_never_missing),
        STANDBY_TEST(a_replica_that_lags_is_left_until_it_has_caught_up),
        STANDBY_TEST(a_primary_whose_connection_broke_is_not_away),
        STANDBY_TEST(a_replica_that_is_away_is_left_until_it_is_back),
        STANDBY_TEST(a_replica_that_hangs_is_not_waited_for),
        STANDBY_TEST(without_the_primary_the_replica_answers_with_what_it_has),
        STANDBY_TEST(a_replica_that_was_promoted_is_none),
        STANDBY_TEST(a_replica_of_the_primary_from_before_is_none),
        STANDBY_TEST(an_endpoint_reads_the_replica_where_it_may_and_can),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}

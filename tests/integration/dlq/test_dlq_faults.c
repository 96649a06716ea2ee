/* om-dlq when something dies: itself before and after its publish, its database, the broker; and
   two of it at once. Each time one dead letter comes of one poison.

   Covers: services/dlq/collect/ shared/service/worker.c */
#include "shared/base/clock.h"
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/program.h"
#include "tests/support/world/dead_letters.h"

#include <inttypes.h>
#include <signal.h>

#define GRACE_MS 600000
#define MANY 40
#define FEW 5
#define TROUBLE_MS 2500

static struct dead_letters world;

static int set_up(void **state) {
    (void)state;
    dead_letters_start(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dead_letters_stop(&world);
    return 0;
}

static const char dead_sql[] =
    "SELECT count(*) FROM dlq.entries WHERE consumer = $1 AND status = 'dead' AND generation = 1";

static void poison(void) {
    char id[UUID_TEXT_SIZE];
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, sequence);
}

static void dies_and_comes_back(const char *failpoint, int64_t count_when_dead) {
    struct process *service = dead_letters_service(&world, GRACE_MS, failpoint);
    int exit_code = 0;
    poison();
    assert_true(process_wait(service, DEAD_LETTERS_WAIT_MS, &exit_code));
    assert_int_equal(exit_code, 128 + SIGKILL);
    process_destroy(&service);
    assert_int_equal(dead_letters_count(&world), count_when_dead);
    assert_int_equal(dead_letters_query(&world, dead_sql), 0);

    service = dead_letters_service(&world, GRACE_MS, NULL);

    dead_letters_await_query(&world, dead_sql, 1);
    assert_int_equal(dead_letters_count(&world), 1);
    dead_letters_end(&service);
}

static void killed_before_its_publish_it_writes_one(void **state) {
    (void)state;
    dead_letters_consumer(&world, "before");
    dies_and_comes_back("dlq.before_publish:1", 0);
}

static void killed_after_its_publish_it_writes_no_second(void **state) {
    (void)state;
    dead_letters_consumer(&world, "after");
    dies_and_comes_back("dlq.after_publish:1", 1);
}

static void run(const char *sql) {
    struct error error = {0};
    struct pg *pg = pg_create(servers_postgres_url(world.servers), "test");
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
    pg_destroy(&pg);
}

/* After a failover to a standby 24 reports were ended as malformed, and their entries never
 * indexed. */
static void a_read_only_database_loses_no_notice(void **state) {
    (void)state;
    dead_letters_consumer(&world, "readonly");
    struct process *service = dead_letters_service(&world, GRACE_MS, NULL);
    run("ALTER ROLE om_dlq SET default_transaction_read_only = on;"
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'om_dlq'");
    for (int i = 0; i < FEW; i++)
        poison();
    clock_sleep_ms(TROUBLE_MS);
    assert_int_equal(dead_letters_query(&world, dead_sql), 0);

    run("ALTER ROLE om_dlq RESET default_transaction_read_only");

    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.entries WHERE consumer = $1"
                             " AND reason = 'rejected' AND error = 'told to fail'",
                             FEW);
    assert_int_equal(dead_letters_count(&world), FEW);
    dead_letters_end(&service);
}

static void two_instances_write_each_entry_once(void **state) {
    (void)state;
    dead_letters_consumer(&world, "two");
    struct process *one = dead_letters_service(&world, GRACE_MS, NULL);
    struct process *other = dead_letters_service(&world, GRACE_MS, NULL);

    for (int i = 0; i < MANY; i++)
        poison();

    dead_letters_await_query(&world, dead_sql, MANY);
    assert_int_equal(dead_letters_count(&world), MANY);
    dead_letters_end(&one);
    dead_letters_end(&other);
}

static void outage_of_the_database_holds_what_is_to_be_written(void **state) {
    (void)state;
    dead_letters_consumer(&world, "database");
    struct process *service = dead_letters_service(&world, GRACE_MS, NULL);
    poison();
    dead_letters_await_query(&world, dead_sql, 1);

    servers_kill(world.servers, SERVER_POSTGRES);
    poison();
    poison();
    servers_restart(world.servers, SERVER_POSTGRES);

    dead_letters_await_query(&world, dead_sql, 3);
    assert_int_equal(dead_letters_count(&world), 3);
    dead_letters_end(&service);
}

static void killed_broker_repeats_advisories_in_vain(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "broker");
    struct process *service = dead_letters_service(&world, GRACE_MS, NULL);
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_exhaust(&world, id, sequence);
    dead_letters_await_query(&world, dead_sql, 1);

    servers_kill(world.servers, SERVER_NATS);
    servers_restart(world.servers, SERVER_NATS);
    assert_true(dead_letters_reconnected(&world));
    dead_letters_await_quiet(&world); /* the pull that makes a 2.9 server say it again */
    poison();

    dead_letters_await_query(&world, dead_sql, 2);
    assert_int_equal(dead_letters_count(&world), 2);
    dead_letters_end(&service);
}

static bool says_what_is_missing(void *port) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", *(const int *)port);
    bool says = http_get(url, &response) == 503 && response.body.ptr != NULL &&
                strstr(response.body.ptr, "stream ORDERS_DLQ is missing") != NULL &&
                strstr(response.body.ptr, "omctl provision") != NULL;
    http_response_fini(&response);
    return says;
}

/* What failed while the stream was away was refused as of an unknown stream, and lost. */
static void missing_stream_of_dead_letters_holds_what_is_to_be_written(void **state) {
    (void)state;
    natsMsg *reply = NULL;
    dead_letters_consumer(&world, "unprovisioned");
    struct process *service = dead_letters_service(&world, GRACE_MS, NULL);
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.STREAM.DELETE.ORDERS_DLQ", "", 5000),
                     NATS_OK);
    natsMsg_Destroy(reply);
    poison();
    assert_true(wait_until(says_what_is_missing, &world.admin_port, DEAD_LETTERS_WAIT_MS));
    assert_int_equal(dead_letters_query(&world, dead_sql), 0);

    servers_provision(world.servers);

    dead_letters_await_query(&world, dead_sql, 1);
    assert_int_equal(dead_letters_count(&world), 1);
    assert_true(wait_until(program_is_ready, &world.admin_port, DEAD_LETTERS_WAIT_MS));
    dead_letters_end(&service);
}

static void set_dead_letter_limit(int64_t bytes) {
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(world.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "ORDERS_DLQ", NULL, NULL), NATS_OK);
    info->Config->MaxBytes = bytes;
    assert_int_equal(js_UpdateStream(NULL, js, info->Config, NULL, NULL), NATS_OK);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
}

static bool says_what_is_full(void *port) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", *(const int *)port);
    bool says = http_get(url, &response) == 503 && response.body.ptr != NULL &&
                strstr(response.body.ptr, "writing a dead letter: maximum bytes exceeded") != NULL;
    http_response_fini(&response);
    return says;
}

static void full_stream_of_dead_letters_holds_what_is_to_be_written(void **state) {
    (void)state;
    dead_letters_consumer(&world, "full");
    struct process *service = dead_letters_service(&world, GRACE_MS, NULL);
    set_dead_letter_limit(1);
    poison();
    bool is_said = wait_until(says_what_is_full, &world.admin_port, DEAD_LETTERS_WAIT_MS);
    int64_t while_full = dead_letters_query(&world, dead_sql);
    set_dead_letter_limit(-1);

    dead_letters_await_query(&world, dead_sql, 1);
    assert_true(is_said);
    assert_int_equal(while_full, 0);
    assert_int_equal(dead_letters_count(&world), 1);
    assert_true(wait_until(program_is_ready, &world.admin_port, DEAD_LETTERS_WAIT_MS));
    dead_letters_end(&service);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_before_its_publish_it_writes_one),
        cmocka_unit_test(killed_after_its_publish_it_writes_no_second),
        cmocka_unit_test(a_read_only_database_loses_no_notice),
        cmocka_unit_test(two_instances_write_each_entry_once),
        cmocka_unit_test(outage_of_the_database_holds_what_is_to_be_written),
        cmocka_unit_test(killed_broker_repeats_advisories_in_vain),
        cmocka_unit_test(missing_stream_of_dead_letters_holds_what_is_to_be_written),
        cmocka_unit_test(full_stream_of_dead_letters_holds_what_is_to_be_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

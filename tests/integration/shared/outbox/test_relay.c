/* The relay between a real PostgreSQL and a real NATS: every committed outbox row is in the stream,
   no other, and nobody waits for somebody else's transaction.

   Covers: shared/outbox/ */
#include "shared/base/clock.h"
#include "shared/outbox/relay_pass.h"
#include "shared/outbox/relay_publisher.h"
#include "tests/integration/shared/outbox/relay_fixture.h"
#include "tests/support/data/sample.h"
#include "tests/support/network/http.h"
#include "tests/support/network/tcp_proxy.h"
#include "tests/support/servers/program.h"

#include <pthread.h>
#include <signal.h>

/* --- what is published --- */

static void committed_events_are_published_in_the_order_they_were_added(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (int i = 0; i < 20; i++)
        write_committed(&writer, 7);
    assert_true(are_published(140, WAIT_MS));
    assert_true(id_lists_equal(&published, &writer.committed));
    stop_relay(&relay);
    writer_close(&writer);
}

static void a_transaction_larger_than_a_pass_is_published_whole(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    for (int i = 0; i < 5; i++)
        write_committed(&writer, 10);
    struct relay *relay = start_relay(1);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

static void events_of_a_transaction_rolled_back_are_never_published(void **state) {
    (void)state;
    struct writer writer;
    struct id_list forgotten = {0};
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (int i = 0; i < 20; i++) {
        write_committed(&writer, 2);
        write_open(&writer, 2, &forgotten);
        pg_rollback(writer.pg);
    }
    write_committed(&writer, 1);
    assert_published(&writer.committed);
    stop_relay(&relay);
    assert_published(&writer.committed);
    buf_fini(&forgotten.bytes);
    writer_close(&writer);
}

static void events_of_a_transaction_that_commits_late_are_published_then(void **state) {
    (void)state;
    struct writer late, early;
    writer_open(&late);
    writer_open(&early);
    struct relay *relay = start_relay(512);
    write_open(&late, 3, &late.committed);
    write_committed(&early, 3);
    assert_true(are_published(3, WAIT_MS));
    assert_true(id_lists_equal(&published, &early.committed));
    commit(&late);
    for (size_t i = 0; i < 3; i++)
        id_add(&early.committed, id_at(&late.committed, i));
    assert_published(&early.committed);
    stop_relay(&relay);
    writer_close(&late);
    writer_close(&early);
}

/* Reading only behind the oldest running transaction would be safe too, and would stop here. */
static void a_transaction_left_open_holds_up_no_one_elses_events(void **state) {
    (void)state;
    static const struct pg_statement take_xid = {"test.take_xid",
                                                 "SELECT pg_current_xact_id()::text", 0};
    struct error error = {0};
    struct writer idle, busy;
    struct pg *stranger = pg_create(servers_postgres_url(servers), "stranger");
    writer_open(&idle);
    writer_open(&busy);
    struct relay *relay = start_relay(512);
    require_ok(pg_begin(stranger, &error), &error);
    require_ok(pg_query(stranger, &take_xid, NULL, NULL, &error), &error);
    write_open(&idle, 1, &idle.committed);
    for (size_t i = 1; i <= 10; i++) {
        write_committed(&busy, 1);
        assert_true(are_published(i, 2000));
    }
    assert_published(&busy.committed);
    pg_rollback(idle.pg);
    pg_destroy(&stranger);
    stop_relay(&relay);
    writer_close(&idle);
    writer_close(&busy);
}

/* --- relays come and go --- */

static void a_relay_that_starts_again_publishes_nothing_twice(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    write_committed(&writer, 50);
    struct relay *relay = start_relay(512);
    assert_true(are_published(50, WAIT_MS));
    stop_relay(&relay);
    int64_t acknowledged = sample_value("ordermesh_outbox_published_total");

    relay = start_relay(512);
    write_committed(&writer, 1);
    assert_published(&writer.committed);
    stop_relay(&relay);
    assert_int_equal(sample_value("ordermesh_outbox_published_total"), acknowledged + 1);
    writer_close(&writer);
}

static void a_transaction_still_open_when_the_relay_ended_is_published_by_the_next(void **state) {
    (void)state;
    struct writer late, early;
    writer_open(&late);
    writer_open(&early);
    struct relay *relay = start_relay(512);
    write_open(&late, 3, &early.committed);
    write_committed(&early, 3);
    assert_true(are_published(3, WAIT_MS));
    stop_relay(&relay);
    commit(&late);
    relay = start_relay(512);
    assert_published(&early.committed);
    stop_relay(&relay);
    writer_close(&late);
    writer_close(&early);
}

static bool has_counted(void *closure) {
    const int64_t *count = closure;
    return sample_value("ordermesh_outbox_pending_rows") == *count;
}

/* A relay looks as soon as it leads, before it publishes. */
static void what_waits_to_be_published_is_counted(void **state) {
    (void)state;
    struct writer writer;
    int64_t waiting = 3;
    writer_open(&writer);
    write_committed(&writer, 3);
    struct relay *relay = start_relay(512);
    assert_true(wait_until(has_counted, &waiting, WAIT_MS));
    assert_in_range(sample_value("ordermesh_outbox_oldest_seconds"), 0, 60);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

static void a_draining_relay_publishes_what_is_committed(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(64);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    write_committed(&writer, 500);
    stop_relay(&relay);
    assert_published(&writer.committed);
    writer_close(&writer);
}

/* Acknowledgements were subscribed to on the client's first connection and large passes published
   on its second: with the first delayed, the answers came before the subscription and were lost. */
static void a_first_large_pass_is_acknowledged_however_slow_the_other_connection(void **state) {
    (void)state;
    struct error error = {0};
    struct writer writer;
    char url[64];
    struct nats_client *slow = NULL;
    struct tcp_proxy *proxy = tcp_proxy_start(servers_port(servers, SERVER_NATS), 40);
    snprintf(url, sizeof(url), "nats://127.0.0.1:%d", tcp_proxy_port(proxy));
    const struct nats_client_options options = {
        .url = url,
        .user = "operator",
        .password_file = servers_nats_password_file(servers, "operator"),
        .name = "slow",
    };
    require_ok(nats_client_create(&options, &slow, &error), &error);
    writer_open(&writer);
    write_committed(&writer, 300);
    int64_t passes = sample_value("ordermesh_relay_batch_seconds_count");
    int64_t acknowledged = sample_value("ordermesh_outbox_published_total");

    struct relay *relay = start_relay_over(slow, 512);
    stop_relay(&relay);

    assert_int_equal(sample_value("ordermesh_outbox_published_total"), acknowledged + 300);
    assert_int_equal(sample_value("ordermesh_relay_batch_seconds_count"), passes + 1);
    assert_published(&writer.committed);
    nats_client_destroy(&slow);
    tcp_proxy_stop(&proxy);
    writer_close(&writer);
}

static void a_relay_whose_session_is_terminated_goes_on(void **state) {
    (void)state;
    static const struct pg_statement terminate = {
        "test.terminate",
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'relay'",
        0};
    struct error error = {0};
    struct writer writer;
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (int i = 0; i < 5; i++) {
        write_committed(&writer, 10);
        require_ok(pg_query(admin, &terminate, NULL, NULL, &error), &error);
        write_committed(&writer, 10);
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    pg_destroy(&admin);
    writer_close(&writer);
}

/* --- a leader that is stopped --- */

static struct process *start_order(int *port, const char *instance) {
    struct environment environment = {0};
    *port = free_port();
    servers_service_environment(servers, "order", ROLE, &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", *port);
    environment_set(&environment, "OM_INSTANCE", instance);
    struct process *program = program_start("order", &environment, NULL);
    environment_fini(&environment);
    if (!wait_until(program_is_ready, port, WAIT_MS))
        fixture_fail("%s is not ready", instance);
    return program;
}

static int64_t saved_cursor(struct pg *pg) {
    static const struct pg_statement saved = {
        "test.saved", "SELECT next_xid::text::int8 FROM orders.outbox_cursor", 0};
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(pg, &saved, NULL, &result, &error), &error);
    int64_t next_xid = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return next_xid;
}

static bool says_who_leads(void *port) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", *(const int *)port);
    bool says = http_get(url, &response) == 200 && response.body.ptr != NULL &&
                strstr(response.body.ptr, "relay order-first") != NULL;
    http_response_fini(&response);
    return says;
}

/* The lock was its session's, which nobody ended: another instance waited for 116 minutes. The
   leader here has sent a pass to a broker that does not read, so that both publish those rows. */
static void a_stopped_leader_is_followed_and_changes_nothing_when_it_wakes(void **state) {
    (void)state;
    struct writer writer;
    int first_port, second_port;
    writer_open(&writer);
    struct process *first = start_order(&first_port, "order-first");
    write_committed(&writer, 5);
    assert_true(are_published(5, WAIT_MS));
    struct process *second = start_order(&second_port, "order-second");
    assert_true(wait_until(says_who_leads, &second_port, WAIT_MS));

    servers_pause(servers, SERVER_NATS);
    write_committed(&writer, 20);
    clock_sleep_ms(300);
    process_signal(first, SIGSTOP);
    servers_resume(servers, SERVER_NATS);
    write_committed(&writer, 20);
    assert_true(are_published(45, 15000));
    write_committed(&writer, 5);
    assert_true(are_published(50, WAIT_MS));
    int64_t cursor = saved_cursor(writer.pg);

    process_signal(first, SIGCONT);
    write_committed(&writer, 10);
    assert_true(wait_until(program_is_ready, &first_port, WAIT_MS));
    assert_published(&writer.committed);
    assert_true(saved_cursor(writer.pg) >= cursor);
    assert_int_equal(program_end(&first, WAIT_MS), 0);
    assert_int_equal(program_end(&second, WAIT_MS), 0);
    assert_published(&writer.committed);
    writer_close(&writer);
}

/* A leader that wakes may have lost its lock since it read: what it holds is not published. */
static void rows_that_were_held_for_too_long_are_not_published(void **state) {
    (void)state;
    static const struct pg_statement last_row = {
        "test.last_row",
        "SELECT ''::text, 0::int8, 0::int8, id, xid::text::int8, event_id, subject, traceparent, "
        "payload "
        "FROM outbox ORDER BY id DESC LIMIT 1",
        0};
    struct error error = {0};
    struct writer writer;
    struct pg_result *row = NULL;
    natsSubscription *heard = NULL;
    natsMsg *message = NULL;
    struct relay_publisher *publisher = relay_publisher_create(nats);
    writer_open(&writer);
    write_committed(&writer, 1);
    require_ok(pg_query(writer.pg, &last_row, NULL, &row, &error), &error);
    struct relay_pass rows = pass_of(row);
    assert_int_equal(natsConnection_SubscribeSync(&heard, nats_client_fast(nats), "orders.>"),
                     NATS_OK);

    assert_int_equal(
        relay_publisher_send(publisher, rows.rows, 1, clock_monotonic_us() - 1, &error),
        STATUS_UNAVAILABLE);
    assert_int_equal(natsSubscription_NextMsg(&message, heard, 200), NATS_TIMEOUT);

    require_ok(
        relay_publisher_send(publisher, rows.rows, 1, clock_monotonic_us() + 5000000, &error),
        &error);
    require_ok(relay_publisher_await(publisher, &error), &error);
    assert_int_equal(natsSubscription_NextMsg(&message, heard, 5000), NATS_OK);
    natsMsg_Destroy(message);
    nats_client_unsubscribe(nats, &heard);
    relay_pass_fini(&rows);
    relay_publisher_destroy(&publisher);
    struct relay *relay = start_relay(512);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

/* --- under load --- */

#define WRITERS 4
#define TRANSACTIONS 150

struct load {
    pthread_t thread;
    unsigned seed;
    struct writer writer;
};

/* Transactions of one to four events: some rolled back, some in a savepoint, some committed only
   after others have come and gone. */
static void *write_load(void *closure) {
    static const struct pg_statement savepoint = {"test.savepoint", "SAVEPOINT s", 0};
    struct load *load = closure;
    struct error error = {0};
    for (int i = 0; i < TRANSACTIONS; i++) {
        struct id_list ids = {0};
        int dice = rand_r(&load->seed) % 10;
        write_open(&load->writer, 1 + rand_r(&load->seed) % 4, &ids);
        if (dice == 1)
            require_ok(pg_query(load->writer.pg, &savepoint, NULL, NULL, &error), &error);
        if (dice <= 1)
            clock_sleep_ms(rand_r(&load->seed) % 60);
        if (dice == 2) {
            pg_rollback(load->writer.pg);
        } else {
            commit(&load->writer);
            buf_append(&load->writer.committed.bytes, ids.bytes.ptr, ids.bytes.len);
        }
        buf_fini(&ids.bytes);
    }
    return NULL;
}

static void start_load(struct load *loads) {
    for (unsigned i = 0; i < WRITERS; i++) {
        loads[i] = (struct load){.seed = i + 1};
        writer_open(&loads[i].writer);
        if (pthread_create(&loads[i].thread, NULL, write_load, &loads[i]) != 0)
            fixture_fail("no thread");
    }
}

static void finish_load(struct load *loads, struct id_list *committed) {
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(loads[i].thread, NULL);
        buf_append(&committed->bytes, loads[i].writer.committed.bytes.ptr,
                   loads[i].writer.committed.bytes.len);
        writer_close(&loads[i].writer);
    }
}

static void two_relays_that_take_turns_lose_and_repeat_nothing(void **state) {
    (void)state;
    struct load loads[WRITERS];
    struct id_list committed = {0};
    struct relay *relays[2] = {start_relay(16), start_relay(16)};
    start_load(loads);
    for (int turn = 0; turn < 4; turn++) {
        assert_true(are_published((size_t)(turn + 1) * 150, WAIT_MS));
        relay_destroy(&relays[turn % 2]);
        relays[turn % 2] = start_relay(16);
    }
    finish_load(loads, &committed);
    assert_published(&committed);
    stop_relay(&relays[0]);
    stop_relay(&relays[1]);
    buf_fini(&committed.bytes);
}

static void a_broker_killed_and_restarted_under_load_loses_nothing(void **state) {
    (void)state;
    struct load loads[WRITERS];
    struct id_list committed = {0};
    struct relay *relay = start_relay(64);
    start_load(loads);
    for (size_t turn = 1; turn <= 3; turn++) {
        assert_true(are_published(turn * 100, WAIT_MS));
        servers_kill(servers, SERVER_NATS);
        servers_restart(servers, SERVER_NATS);
    }
    finish_load(loads, &committed);
    assert_published(&committed);
    stop_relay(&relay);
    buf_fini(&committed.bytes);
}

/* What a stream that is made anew lost comes again (test_setback.c); not here. */
static void forget_streams(struct pg *pg) {
    static const struct pg_statement forget = {"test.forget",
                                               "UPDATE outbox_cursor SET acknowledged = ''", 0};
    struct error error = {0};
    require_ok(pg_query(pg, &forget, NULL, NULL, &error), &error);
    read_sequence = 0;
}

static bool has_tried(void *closure) {
    return sample_value("ordermesh_relay_batch_seconds_count") >= *(const int64_t *)closure;
}

/* Each failed pass left answers behind, and later passes took them, one each, for their own: a
   relay that had met no stream went on only after as many turns as it had published events. */
static void a_stream_that_comes_late_gets_everything_at_once(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    assert_int_equal(js_DeleteStream(js, STREAM, NULL, NULL), NATS_OK);
    forget_streams(writer.pg);
    write_committed(&writer, 16);
    int64_t tries = sample_value("ordermesh_relay_batch_seconds_count") + 5;
    struct relay *relay = start_relay(512);
    assert_true(wait_until(has_tried, &tries, WAIT_MS));
    assert_false(relay_is_ready(relay, NULL));
    servers_provision(servers);
    assert_published(&writer.committed);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    stop_relay(&relay);
    writer_close(&writer);
}

struct waiting {
    struct relay *relay;
    const char *said;
};

static bool says(void *closure) {
    const struct waiting *waiting = closure;
    struct error why = {0};
    return !relay_is_ready(waiting->relay, &why) && strstr(why.text, waiting->said) != NULL;
}

/* The reason was an error's number, or a time-out, of whichever stream. */
static void a_stream_that_takes_nothing_is_named(void **state) {
    (void)state;
    struct writer writer;
    struct waiting waiting = {.relay = start_relay(512)};
    writer_open(&writer);
    stream_change(nats, STREAM, "{\"max_msgs\":1,\"discard\":\"new\"}");
    write_committed(&writer, 5);
    waiting.said = "the relay waits: the stream ORDERS refuses: maximum messages exceeded (10077)";
    bool is_full = wait_until(says, &waiting, WAIT_MS);
    stream_change(nats, STREAM, "{\"max_msgs\":-1,\"discard\":\"old\",\"sealed\":true}");
    waiting.said = "the stream ORDERS refuses: invalid operation on sealed stream (10109)";
    bool is_sealed = wait_until(says, &waiting, WAIT_MS);
    assert_int_equal(js_DeleteStream(js, STREAM, NULL, NULL), NATS_OK);
    forget_streams(writer.pg);
    waiting.said = "the stream ORDERS is missing, or has no leader";
    bool is_missing = wait_until(says, &waiting, WAIT_MS);
    servers_provision(servers);

    assert_published(&writer.committed);
    assert_true(is_full && is_sealed && is_missing);
    assert_true(wait_until(is_ready, waiting.relay, WAIT_MS));
    stop_relay(&waiting.relay);
    writer_close(&writer);
}

static void a_database_killed_and_restarted_is_taken_up_again(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (int turn = 0; turn < 2; turn++) {
        write_committed(&writer, 20);
        servers_kill(servers, SERVER_POSTGRES);
        servers_restart(servers, SERVER_POSTGRES);
        write_committed(&writer, 20);
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

/* --- the program --- */

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(committed_events_are_published_in_the_order_they_were_added),
        TEST(a_transaction_larger_than_a_pass_is_published_whole),
        TEST(events_of_a_transaction_rolled_back_are_never_published),
        TEST(events_of_a_transaction_that_commits_late_are_published_then),
        TEST(a_transaction_left_open_holds_up_no_one_elses_events),
        TEST(a_relay_that_starts_again_publishes_nothing_twice),
        TEST(a_transaction_still_open_when_the_relay_ended_is_published_by_the_next),
        TEST(what_waits_to_be_published_is_counted),
        TEST(a_draining_relay_publishes_what_is_committed),
        TEST(a_first_large_pass_is_acknowledged_however_slow_the_other_connection),
        TEST(a_relay_whose_session_is_terminated_goes_on),
        TEST(a_stopped_leader_is_followed_and_changes_nothing_when_it_wakes),
        TEST(rows_that_were_held_for_too_long_are_not_published),
        TEST(two_relays_that_take_turns_lose_and_repeat_nothing),
        TEST(a_broker_killed_and_restarted_under_load_loses_nothing),
        TEST(a_stream_that_comes_late_gets_everything_at_once),
        TEST(a_stream_that_takes_nothing_is_named),
        TEST(a_database_killed_and_restarted_is_taken_up_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

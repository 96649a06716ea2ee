/* The database's trouble is not the events': it holds them, shows, and uses up no delivery. With a
   read-only database, as after a failover, every order under way was once a dead letter within
   seconds. A consumer that was deleted or paused was once ready, with nothing pending, for ever.

   Covers: shared/consume/consumer.c shared/consume/intake.c shared/pg/pg_sqlstate.c
   shared/pg/pg_result.c shared/base/hindrance.c shared/nats/pull.c shared/nats/consumer_info.c */
#include "shared/json/json.h"
#include "shared/pg/pg_param.h"
#include "tests/integration/shared/consumer_fixture.h"

#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TROUBLE_MS 2500 /* more than the first two retries would take */

#define MOVE_OUTBOX(where)                                                                         \
    "DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid FROM pg_inherits"              \
    " WHERE inhparent = 'inventory.outbox'::regclass LOOP"                                         \
    " EXECUTE format('ALTER TABLE %s SET TABLESPACE " where "', part); END LOOP; END $$"
#define END_SESSIONS                                                                               \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'om_inventory'"

static atomic_bool has_a_bug;
static char small_disk[256]; /* mounted there, if any */

static enum status apply(struct batch *batch, struct error *error) {
    for (size_t i = 0; i < batch->count; i++)
        take_effect(batch, batch->items[i]);
    return atomic_load(&has_a_bug) ? error_set(error, STATUS_INTERNAL, "a bug") : STATUS_OK;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

/* --- helpers ---------------------------------------------------------------------------------- */

static void publish(void) {
    publish_event("{}");
}

/* Three events meet the trouble and wait in hand for longer than retries would. */
static void meet_trouble(const char *reason) {
    for (int i = 0; i < 3; i++)
        publish();
    assert_waits_for(reason);
    clock_sleep_ms(TROUBLE_MS);
    assert_true(waits_for((void *)(uintptr_t)reason));
}

static void assert_nothing_was_lost(void) {
    assert_effects(4);
    assert_ready();
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_no_report();
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_read_only_database_holds_events_until_a_session_may_write(void **state) {
    (void)state;
    run("ALTER ROLE om_inventory SET default_transaction_read_only = on; " END_SESSIONS);

    meet_trouble("the database is read-only (25006)");

    run("ALTER ROLE om_inventory RESET default_transaction_read_only");
    assert_nothing_was_lost();
}

static void a_lock_that_is_not_granted_holds_events_and_never_counts(void **state) {
    (void)state;
    struct error error = {0};
    static const struct pg_statement lock = {
        "lock", "LOCK TABLE inventory.outbox IN ACCESS EXCLUSIVE MODE", 0};
    struct pg *locker = pg_create(servers_postgres_url(servers), "locker");
    assert_int_equal(pg_begin(locker, &error), STATUS_OK);
    assert_int_equal(pg_query(locker, &lock, NULL, NULL, &error), STATUS_OK);

    meet_trouble("55P03");

    pg_rollback(locker);
    pg_destroy(&locker);
    assert_nothing_was_lost();
}

static void a_right_that_is_missing_holds_events_until_it_is_granted(void **state) {
    (void)state;
    run("REVOKE INSERT ON inventory.outbox FROM om_inventory");

    meet_trouble("42501");

    run("GRANT INSERT ON inventory.outbox TO om_inventory");
    assert_nothing_was_lost();
}

static void another_password_holds_events_until_it_is_ours_again(void **state) {
    (void)state;
    run("CREATE TEMP TABLE was AS SELECT rolpassword FROM pg_authid WHERE rolname = 'om_inventory';"
        "ALTER ROLE om_inventory PASSWORD 'another'; " END_SESSIONS);

    meet_trouble("password authentication failed");

    run("DO $$ BEGIN EXECUTE format('ALTER ROLE om_inventory PASSWORD %L',"
        " (SELECT rolpassword FROM was)); END $$");
    assert_nothing_was_lost();
}

static void a_server_that_takes_no_more_sessions_holds_events_until_it_does(void **state) {
    (void)state;
    run("ALTER ROLE om_inventory CONNECTION LIMIT 0; " END_SESSIONS);

    meet_trouble("too many connections");

    run("ALTER ROLE om_inventory CONNECTION LIMIT -1");
    assert_nothing_was_lost();
}

/* Upkeep that failed, or a partition that somebody detached: no row of any event has a place. */
static void a_partition_that_is_missing_holds_events_until_it_is_there(void **state) {
    (void)state;
    run("CREATE TEMP TABLE part AS SELECT c.oid::regclass::text AS name,"
        " pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_class c JOIN pg_inherits ON"
        " inhrelid = c.oid WHERE inhparent = 'inventory.outbox'::regclass");
    run("DO $$ DECLARE p part; BEGIN FOR p IN SELECT * FROM part LOOP"
        " EXECUTE format('ALTER TABLE inventory.outbox DETACH PARTITION %s', p.name);"
        " END LOOP; END $$");

    meet_trouble("no partition of relation");

    run("DO $$ DECLARE p part; BEGIN FOR p IN SELECT * FROM part LOOP"
        " EXECUTE format('ALTER TABLE inventory.outbox ATTACH PARTITION %s %s', p.name, p.bound);"
        " END LOOP; END $$; DROP TABLE part");
    assert_nothing_was_lost();
}

static void a_sequence_that_has_ended_holds_events_until_it_goes_on(void **state) {
    (void)state;
    run("DO $$ BEGIN EXECUTE format('ALTER SEQUENCE inventory.outbox_id_seq MAXVALUE %s',"
        " (SELECT last_value FROM inventory.outbox_id_seq)); END $$");

    meet_trouble("(2200H)");

    run("ALTER SEQUENCE inventory.outbox_id_seq NO MAXVALUE");
    assert_nothing_was_lost();
}

/* Needs root, to mount a disk that is small. */
static void a_full_disk_holds_events_until_there_is_room(void **state) {
    (void)state;
    char sql[512];
    const struct passwd *owner = getpwnam("postgres");
    snprintf(small_disk, sizeof(small_disk), "%s/small", servers_dir(servers));
    if (owner == NULL || mkdir(small_disk, 0700) != 0 ||
        mount("none", small_disk, "tmpfs", 0, "size=1m") != 0 ||
        chown(small_disk, owner->pw_uid, owner->pw_gid) != 0)
        skip();
    snprintf(sql, sizeof(sql), "CREATE TABLESPACE small LOCATION '%s'", small_disk);
    run(sql);
    run("CREATE TABLE filler (text text) TABLESPACE small; ALTER TABLE filler ALTER text SET "
        "STORAGE"
        " PLAIN; TRUNCATE inventory.outbox");
    run(MOVE_OUTBOX("small"));
    run("DO $$ BEGIN LOOP INSERT INTO filler SELECT repeat('x', 4000); END LOOP;"
        " EXCEPTION WHEN disk_full THEN END $$");
    publish();

    meet_trouble("(53100)");

    run("DROP TABLE filler");
    assert_nothing_was_lost();
    run(MOVE_OUTBOX("pg_default"));
    run("DROP TABLESPACE small");
}

/* A dead letter would be an order that fails for our mistake, and nobody would look. */
static void a_bug_holds_events_and_says_so(void **state) {
    (void)state;
    atomic_store(&has_a_bug, true);

    meet_trouble("a bug");

    atomic_store(&has_a_bug, false);
    assert_nothing_was_lost();
}

/* --- the consumer itself ---------------------------------------------------------------------- */

static void a_consumer_that_is_deleted_shows_and_goes_on_once_it_is_made_again(void **state) {
    (void)state;
    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");

    meet_trouble("it is missing; run `omctl provision`");

    servers_provision(servers); /* it delivers all of the stream again: the inbox knows the first */
    assert_nothing_was_lost();
}

static void a_consumer_that_is_made_anew_behind_its_back_is_gone_on_with(void **state) {
    (void)state;
    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

static void a_stream_that_is_missing_shows_until_it_is_made_again(void **state) {
    (void)state;
    ask_jetstream("STREAM.DELETE." STREAM, "");
    assert_waits_for("its stream is missing; run `omctl provision`");

    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

static void a_consumer_that_is_paused_shows_until_it_is_resumed(void **state) {
    (void)state;
    if (nats_client_server_version(nats) < NATS_SERVER_VERSION(2, 11, 0))
        skip();
    ask_jetstream("CONSUMER.PAUSE." STREAM "." DURABLE,
                  "{\"pause_until\":\"2099-01-01T00:00:00Z\"}");

    meet_trouble("it is paused until 2099-01-01T00:00:00Z; run `omctl provision`");

    servers_provision(servers);
    assert_nothing_was_lost();
}

static void a_consumer_of_another_kind_shows_until_it_is_removed(void **state) {
    (void)state;
    static const char *const kinds[][2] = {
        {"\"ack_policy\":\"none\"", "ack_policy none"},
        {"\"ack_policy\":\"explicit\",\"deliver_subject\":\"elsewhere\"",
         "deliver_subject elsewhere"},
        {"\"ack_policy\":\"explicit\",\"replay_policy\":\"original\"", "replay_policy original"},
        {"\"ack_policy\":\"explicit\",\"deliver_policy\":\"new\"", "deliver_policy new"},
    };
    for (size_t i = 0; i < 4; i++) {
        char body[256], reason[256];
        snprintf(body, sizeof(body),
                 "{\"stream_name\":\"" STREAM "\",\"config\":{\"durable_name\":\"" DURABLE
                 "\",\"deliver_policy\":\"all\",%s}}",
                 kinds[i][0]);
        ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
        ask_jetstream("CONSUMER.DURABLE.CREATE." STREAM "." DURABLE, body);
        snprintf(reason, sizeof(reason),
                 "it is of another kind than declared (%s): remove it (`nats consumer rm " STREAM
                 " " DURABLE "`) and run `omctl provision`",
                 kinds[i][1]);
        assert_waits_for(reason);
    }
    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

/* As declared, but for `member`. */
/* Pulls were refused with words that said nothing of what to do. */
static void a_consumer_that_would_not_serve_shows_until_it_is_put_back(void **state) {
    (void)state;
    static const char *const members[][2] = {
        {"\"headers_only\":true", "headers_only true"},
        {"\"max_deliver\":1", "max_deliver 1"},
        {"\"max_batch\":1", "max_batch 1"},
        {"\"max_expires\":1000000000", "max_expires 1000000000"},
    };
    for (size_t i = 0; i < 4; i++) {
        char reason[160];
        set_consumer(members[i][0]);
        snprintf(reason, sizeof(reason),
                 "it is of another kind than declared (%s): run `omctl provision`", members[i][1]);
        assert_waits_for(reason);
        servers_provision(servers);
        assert_true(wait_until(is_ready, NULL, WAIT_MS));
    }
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

static void assert_no_failure_was_reported(void) {
    natsMsg *message = NULL;
    while (natsSubscription_NextMsg(&message, reports, 100) == NATS_OK) {
        assert_contains(natsMsg_GetData(message), "\"outcome\":\"DONE\"");
        natsMsg_Destroy(message);
    }
}

/* Each event was a dead letter: "JSON: value expected at byte 0". */
static void events_without_their_bodies_are_held_until_they_come_with_them(void **state) {
    (void)state;
    set_consumer("\"headers_only\":true");

    meet_trouble("headers_only");
    clock_sleep_ms(TROUBLE_MS); /* longer than ack_wait */

    int one = 1;
    assert_true(effects_are(&one));
    servers_provision(servers);
    assert_effects(4);
    assert_true(wait_until(is_ready, NULL, WAIT_MS));
    assert_int_equal(atomic_load(&most_attempts), 2);
    assert_no_failure_was_reported();
}

/* While events came, it was ready in between. */
static void a_consumer_of_another_kind_is_not_ready_while_events_come(void **state) {
    (void)state;
    int effects = 1;
    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
    set_consumer("\"deliver_policy\":\"new\"");
    assert_waits_for("(deliver_policy new)");

    for (int64_t until_us = clock_monotonic_us() + TROUBLE_MS * 1000;
         clock_monotonic_us() < until_us; effects++) {
        publish();
        assert_effects(effects + 1);
        assert_true(waits_for("(deliver_policy new)"));
    }

    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
    servers_provision(servers);
    assert_true(wait_until(is_ready, NULL, WAIT_MS));
}

static void a_filter_that_leaves_out_all_that_it_is_for_shows(void **state) {
    (void)state;
    set_consumer("\"filter_subject\":\"orders.evt.failed\"");
    assert_waits_for("its filter leaves out all that it is for; run `omctl provision`");

    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

static int64_t ask_for_figure(const char *name) {
    natsMsg *reply = NULL;
    struct json_object *root = NULL;
    int64_t figure = -1;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(nats),
                                                  "$JS.API.CONSUMER.INFO." STREAM "." DURABLE, "",
                                                  5000),
                     NATS_OK);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(text, &root, NULL), STATUS_OK);
    assert_int_equal(json_get_int64(root, name, &figure, NULL), STATUS_OK);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return figure;
}

static bool has_no_pull(void *unused) {
    (void)unused;
    return ask_for_figure("num_waiting") == 0;
}

static bool is_all_acknowledged(void *unused) {
    (void)unused;
    return ask_for_figure("num_ack_pending") == 0;
}

/* Answers about the consumer go on coming meanwhile: those once counted as a sign of life. */
static void a_pull_that_is_lost_without_a_word_is_asked_for_again(void **state) {
    (void)state;
    enum { BATCH = 64, EVENTS = 3 * BATCH };
    int wanted = 1 + EVENTS;
    servers_deny(servers, "operator", "$JS.API.CONSUMER.MSG.NEXT.>");
    clock_sleep_ms(1000); /* the server reads its file again */
    for (int i = 0; i < EVENTS; i++)
        publish();
    assert_true(wait_until(has_no_pull, NULL, WAIT_MS));
    assert_true(ask_for_figure("num_pending") > 0);
    assert_waits_for("NATS does not let this user ask for its messages");

    servers_deny(servers, "operator", NULL);
    assert_true(wait_until(effects_are, &wanted, 2 * WAIT_MS));
    assert_ready();
}

/* By the server: deliveries of what is in hand, whether or not it has been looked at. */
static int64_t redelivered(void) {
    return ask_for_figure("num_redelivered");
}

/* It was ready, and each event a dead letter after as many deliveries as it may have. */
static void acknowledgements_that_are_refused_show_and_use_up_no_delivery(void **state) {
    (void)state;
    int wanted = 4;
    servers_deny(servers, "operator", "$JS.ACK.>");
    clock_sleep_ms(1000); /* the server reads its file again */
    for (int i = 0; i < 3; i++)
        publish();
    assert_waits_for("NATS does not let this user acknowledge its messages");
    clock_sleep_ms(3 * TROUBLE_MS); /* as long as four deliveries take */
    assert_true(waits_for("NATS does not let this user acknowledge its messages"));
    assert_true(effects_are(&wanted));
    assert_true(redelivered() <= 3);
    assert_true(ask_for_figure("num_ack_pending") > 0);

    servers_deny(servers, "operator", NULL);
    assert_ready();
    assert_true(wait_until(is_all_acknowledged, NULL, WAIT_MS));
    assert_effects(4);
    assert_no_failure_was_reported();
}

/* The heartbeat goes by ack_wait: by the old one, what is in hand would come a second time. */
static void a_shorter_ack_wait_is_heeded_while_a_batch_is_held(void **state) {
    (void)state;
    set_consumer("\"ack_wait\":400000000");
    clock_sleep_ms(TROUBLE_MS); /* it is asked after every 2 s */
    run("REVOKE INSERT ON inventory.outbox FROM om_inventory");

    meet_trouble("42501");
    assert_int_equal(redelivered(), 0);

    run("GRANT INSERT ON inventory.outbox TO om_inventory");
    assert_nothing_was_lost();
    servers_provision(servers);
}

/* --- the program ------------------------------------------------------------------------------ */

/* The consumer is at work, with a session: one event is done. */
static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    struct buf url = {0};
    begin_anew();
    buf_printf(&url, "%s?options=-c%%20lock_timeout%%3D200ms",
               servers_role_url(servers, "om_inventory"));
    const struct consumer_options options = {
        .nats = nats,
        .database_url = url.ptr,
        .service = "inventory",
        .instance = "test",
        .batch_max = 64,
    };
    consumer = consumer_create(&spec, &options);
    buf_fini(&url); /* it has its own copy */
    assert_int_equal(consumer_start(consumer, &error), STATUS_OK);
    publish();
    assert_effects(1);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    consumer_destroy(&consumer);
    natsSubscription_Destroy(reports);
    if (small_disk[0] != '\0')
        umount2(small_disk, MNT_DETACH);
    small_disk[0] = '\0';
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_read_only_database_holds_events_until_a_session_may_write),
        TEST(a_lock_that_is_not_granted_holds_events_and_never_counts),
        TEST(a_right_that_is_missing_holds_events_until_it_is_granted),
        TEST(another_password_holds_events_until_it_is_ours_again),
        TEST(a_server_that_takes_no_more_sessions_holds_events_until_it_does),
        TEST(a_full_disk_holds_events_until_there_is_room),
        TEST(a_partition_that_is_missing_holds_events_until_it_is_there),
        TEST(a_sequence_that_has_ended_holds_events_until_it_goes_on),
        TEST(a_bug_holds_events_and_says_so),
        TEST(a_consumer_that_is_deleted_shows_and_goes_on_once_it_is_made_again),
        TEST(a_consumer_that_is_made_anew_behind_its_back_is_gone_on_with),
        TEST(a_stream_that_is_missing_shows_until_it_is_made_again),
        TEST(a_pull_that_is_lost_without_a_word_is_asked_for_again),
        TEST(acknowledgements_that_are_refused_show_and_use_up_no_delivery),
        TEST(a_consumer_that_is_paused_shows_until_it_is_resumed),
        TEST(a_filter_that_leaves_out_all_that_it_is_for_shows),
        TEST(a_consumer_of_another_kind_shows_until_it_is_removed),
        TEST(a_consumer_that_would_not_serve_shows_until_it_is_put_back),
        TEST(events_without_their_bodies_are_held_until_they_come_with_them),
        TEST(a_consumer_of_another_kind_is_not_ready_while_events_come),
        TEST(a_shorter_ack_wait_is_heeded_while_a_batch_is_held),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

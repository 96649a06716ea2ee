/* The database's trouble is not the events': it holds them, shows, and uses up no delivery. With a
   read-only database, as after a failover, every order under way was once a dead letter within
   seconds. A consumer that was deleted or paused was once ready, with nothing pending, for ever.

   Covers: shared/consume/consumer.c shared/pg/pg_sqlstate.c shared/base/hindrance.c
   shared/nats/pull.c shared/nats/consumer_info.c */
#include "shared/base/clock.h"
#include "shared/consume/consumer.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <pwd.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 20000
#define STREAM "ORDERS"
#define DURABLE "analytics"
#define TROUBLE_MS 2500 /* more than the first two retries would take */

#define MOVE_OUTBOX(where)                                                                         \
    "DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid FROM pg_inherits"              \
    " WHERE inhparent = 'inventory.outbox'::regclass LOOP"                                         \
    " EXECUTE format('ALTER TABLE %s SET TABLESPACE " where "', part); END LOOP; END $$"
#define END_SESSIONS                                                                               \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'om_inventory'"

static struct pg *pg;
static struct consumer *consumer;
static natsSubscription *reports; /* failure reports, from the beginning of each test */
static atomic_int most_attempts;
static atomic_bool has_a_bug;
static char small_disk[256]; /* mounted there, if any */

static enum status apply(struct batch *batch, struct error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        if (delivery->attempt > atomic_load(&most_attempts))
            atomic_store(&most_attempts, delivery->attempt);
        outbox_add(batch->outbox, EVENT_INVENTORY_RELEASED, delivery->event.subject,
                   &delivery->event, SLICE_LITERAL("{}"));
    }
    return atomic_load(&has_a_bug) ? error_set(error, STATUS_INTERNAL, "a bug") : STATUS_OK;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

/* --- helpers ---------------------------------------------------------------------------------- */

static void run(const char *sql) {
    struct error error = {0};
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static void ask_jetstream(const char *verb, const char *body) {
    char subject[128];
    natsMsg *reply = NULL;
    snprintf(subject, sizeof(subject), "$JS.API.%s", verb);
    assert_int_equal(
        natsConnection_RequestString(&reply, nats_client_fast(nats), subject, body, 5000), NATS_OK);
    if (strstr(natsMsg_GetData(reply), "\"error\"") != NULL)
        fail_msg("%s: %s", verb, natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
}

static void publish(void) {
    struct uuid id = uuid_v7(), order = uuid_v7();
    char order_text[UUID_TEXT_SIZE], msg_id[UUID_TEXT_SIZE];
    struct error error = {0};
    struct buf payload = {0};
    natsMsg *message = NULL, *reply = NULL;
    uuid_format(&order, order_text);
    uuid_format(&id, msg_id);
    const struct event_head head = {
        .type = EVENT_ORDER_CREATED,
        .id = id,
        .subject = slice_of(order_text),
        .trace = trace_start(),
        .correlation_id = slice_of(order_text),
        .time_us = clock_now_us(),
    };
    event_encode(&head, SLICE_LITERAL("{}"), &payload, NULL);
    assert_int_equal(nats_event_message(&message, event_info(EVENT_ORDER_CREATED)->subject, NULL,
                                        buf_slice(&payload), msg_id, STREAM, NULL, &error),
                     STATUS_OK);
    assert_int_equal(natsConnection_RequestMsg(&reply, nats_client_fast(nats), message, 5000),
                     NATS_OK);
    natsMsg_Destroy(message);
    natsMsg_Destroy(reply);
    buf_fini(&payload);
}

static bool effects_are(void *wanted) {
    static const struct pg_statement effects = {"effects", "SELECT count(*) FROM inventory.outbox",
                                                0};
    struct error error = {0};
    struct pg_result *result = NULL;
    if (pg_query(pg, &effects, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    int64_t count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return count == *(int *)wanted;
}

static void assert_effects(int wanted) {
    assert_true(wait_until(effects_are, &wanted, WAIT_MS));
}

static bool waits_for(void *reason) {
    struct error why = {0};
    return !consumer_is_ready(consumer, &why) && strstr(why.text, reason) != NULL &&
           strstr(why.text, STREAM "/" DURABLE " waits: ") == why.text;
}

static bool is_ready(void *unused) {
    (void)unused;
    return consumer_is_ready(consumer, NULL);
}

/* Three events meet the trouble and wait in hand for longer than retries would. */
static void meet_trouble(const char *reason) {
    for (int i = 0; i < 3; i++)
        publish();
    bool is_waiting = wait_until(waits_for, (void *)(uintptr_t)reason, WAIT_MS);
    if (!is_waiting) {
        struct error why = {0};
        bool ready = consumer_is_ready(consumer, &why);
        fail_msg("ready: %d; \"%s\" is not about %s", ready, why.text, reason);
    }
    clock_sleep_ms(TROUBLE_MS);
    assert_true(waits_for((void *)(uintptr_t)reason));
}

static void assert_nothing_was_lost(void) {
    natsMsg *message = NULL;
    assert_effects(4);
    assert_true(wait_until(is_ready, NULL, WAIT_MS));
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_int_equal(natsSubscription_NextMsg(&message, reports, 100), NATS_TIMEOUT);
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
    const char *reason = "its stream is missing; run `omctl provision`";
    assert_true(wait_until(waits_for, (void *)(uintptr_t)reason, WAIT_MS));

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
    static const char *const kinds[] = {
        "\"ack_policy\":\"none\"",
        "\"ack_policy\":\"explicit\",\"deliver_subject\":\"elsewhere\"",
    };
    for (size_t i = 0; i < 2; i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"stream_name\":\"" STREAM "\",\"config\":{\"durable_name\":\"" DURABLE
                 "\",\"deliver_policy\":\"all\",%s}}",
                 kinds[i]);
        ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
        ask_jetstream("CONSUMER.DURABLE.CREATE." STREAM "." DURABLE, body);
        const char *reason =
            "it is of another kind than declared: remove it (`nats consumer rm " STREAM " " DURABLE
            "`) and run `omctl provision`";
        assert_true(wait_until(waits_for, (void *)(uintptr_t)reason, WAIT_MS));
    }
    ask_jetstream("CONSUMER.DELETE." STREAM "." DURABLE, "");
    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

static void set_consumer(const char *filter, const char *ack_wait_ns) {
    char body[512];
    snprintf(body, sizeof(body),
             "{\"stream_name\":\"" STREAM "\",\"config\":{\"durable_name\":\"" DURABLE
             "\",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":%s,"
             "\"max_deliver\":4,\"filter_subject\":\"%s\",\"max_ack_pending\":20000,"
             "\"max_waiting\":512}}",
             ack_wait_ns, filter);
    ask_jetstream("CONSUMER.DURABLE.CREATE." STREAM "." DURABLE, body);
}

static void a_filter_that_leaves_out_all_that_it_is_for_shows(void **state) {
    (void)state;
    set_consumer("orders.evt.failed", "2000000000");
    const char *reason = "its filter leaves out all that it is for; run `omctl provision`";
    assert_true(wait_until(waits_for, (void *)(uintptr_t)reason, WAIT_MS));

    servers_provision(servers);
    for (int i = 0; i < 3; i++)
        publish();
    assert_nothing_was_lost();
}

/* By the server: deliveries of what is in hand, whether or not it has been looked at. */
static int64_t redelivered(void) {
    natsMsg *reply = NULL;
    struct json_object *root = NULL;
    int64_t figure = -1;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(nats),
                                                  "$JS.API.CONSUMER.INFO." STREAM "." DURABLE, "",
                                                  5000),
                     NATS_OK);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(text, &root, NULL), STATUS_OK);
    assert_int_equal(json_get_int64(root, "num_redelivered", &figure, NULL), STATUS_OK);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return figure;
}

/* The heartbeat goes by ack_wait: by the old one, what is in hand would come a second time. */
static void a_shorter_ack_wait_is_heeded_while_a_batch_is_held(void **state) {
    (void)state;
    set_consumer("orders.evt.>", "400000000");
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
    run("TRUNCATE inventory.outbox; TRUNCATE inventory.inbox");
    ask_jetstream("STREAM.PURGE." STREAM, "");
    atomic_store(&most_attempts, 0);
    natsConnection_SubscribeSync(&reports, nats_client_fast(nats), "failures.>");
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

static int group_setup(void **state) {
    int failure = system_setup(state);
    if (failure == 0)
        pg = pg_create(servers_postgres_url(servers), "test");
    return failure;
}

static int group_teardown(void **state) {
    pg_destroy(&pg);
    return servers_teardown(state);
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
        TEST(a_bug_holds_events_and_says_so),
        TEST(a_consumer_that_is_deleted_shows_and_goes_on_once_it_is_made_again),
        TEST(a_consumer_that_is_made_anew_behind_its_back_is_gone_on_with),
        TEST(a_stream_that_is_missing_shows_until_it_is_made_again),
        TEST(a_consumer_that_is_paused_shows_until_it_is_resumed),
        TEST(a_filter_that_leaves_out_all_that_it_is_for_shows),
        TEST(a_consumer_of_another_kind_shows_until_it_is_removed),
        TEST(a_shorter_ack_wait_is_heeded_while_a_batch_is_held),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

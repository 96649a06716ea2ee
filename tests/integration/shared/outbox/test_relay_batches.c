/* A pass of the relay as atomic batches, where the server has them: as fast as may be, and neither
   lost nor doubled wherever a batch ends. On older servers, the same one by one.

   Covers: shared/outbox/relay.c shared/outbox/relay_publisher.c shared/outbox/relay_strand.c
   shared/outbox/stream_acks.c shared/nats/atomic_batch.c */
#include "omctl/streams/jetstream.h"
#include "shared/base/clock.h"
#include "shared/nats/atomic_batch.h"
#include "shared/outbox/relay_pass.h"
#include "shared/outbox/relay_publisher.h"
#include "tests/integration/shared/outbox/relay_fixture.h"
#include "tests/support/data/sample.h"
#include "tests/support/servers/program.h"

#include <signal.h>

#define STORED "ordermesh_relay_batches_total{result=\"stored\"}"
#define REFUSED "ordermesh_relay_batches_total{result=\"refused\"}"

static bool has_batches(void) {
    return atomic_batch_is_supported(nats_client_server_version(nats));
}

static void skip_without_batches(void) {
    if (!has_batches())
        skip();
}

struct batch_counts {
    int64_t stored, refused;
};

static struct batch_counts count_batches(void) {
    return (struct batch_counts){sample_value(STORED), sample_value(REFUSED)};
}

/* On a server without batches none was tried. */
static void assert_batches(struct batch_counts before, int64_t stored, int64_t refused) {
    assert_int_equal(sample_value(STORED) - before.stored, has_batches() ? stored : 0);
    assert_int_equal(sample_value(REFUSED) - before.refused, has_batches() ? refused : 0);
}

/* In the stream as they were committed. */
static void assert_published_in_order(const struct writer *writer) {
    if (!are_published(id_count(&writer->committed), WAIT_MS))
        fail_msg("%zu of %zu events are published", id_count(&published),
                 id_count(&writer->committed));
    assert_true(id_lists_equal(&published, &writer->committed));
}

static void relay_all(void) {
    struct relay *relay = start_relay(512);
    stop_relay(&relay);
}

/* --- what goes as a batch --- */

static void a_large_pass_is_one_batch_and_a_small_one_none(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct batch_counts before = count_batches();
    write_committed(&writer, 300);
    relay_all();
    assert_published_in_order(&writer);
    assert_batches(before, 1, 0);

    write_committed(&writer, ATOMIC_BATCH_LEAST - 1);
    relay_all();
    assert_published_in_order(&writer);
    assert_batches(before, 1, 0);
    writer_close(&writer);
}

static void more_than_a_batch_may_have_is_cut_and_stays_in_order(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct batch_counts before = count_batches();
    write_committed(&writer, 2 * ATOMIC_BATCH_MESSAGES_MAX + 5);
    relay_all();
    assert_published_in_order(&writer);
    assert_batches(before, 2, 0); /* five are no batch */
    writer_close(&writer);
}

/* What came while a batch was sent went alone, and what came until it was answered waited for both.
 */
static void what_is_committed_while_a_batch_is_under_way_is_the_next_one(void **state) {
    (void)state;
    skip_without_batches();
    struct writer writers[3];
    struct relay *relay = start_relay(512);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    for (int turn = 0; turn < 5; turn++) {
        struct batch_counts before = count_batches();
        buf_clear(&published.bytes);
        read_sequence = last_sequence();
        for (int i = 0; i < 3; i++) {
            writer_open(&writers[i]);
            writers[i].relay = relay;
            write_open(&writers[i], i == 0 ? 300 : 20, &writers[0].committed);
        }
        servers_pause(servers, SERVER_NATS);
        commit(&writers[0]);
        commit(&writers[1]);
        clock_sleep_ms(20);
        commit(&writers[2]);
        servers_resume(servers, SERVER_NATS);

        assert_published_in_order(&writers[0]);
        assert_in_range(sample_value(STORED) - before.stored, 1, 2);
        for (int i = 0; i < 3; i++)
            writer_close(&writers[i]);
    }
    stop_relay(&relay);
}

/* --- the publisher by itself --- */

/* The rows of the latest transaction, every other one for a second stream if so wanted. */
static struct relay_pass read_latest(struct writer *writer, bool has_two_streams) {
    static const struct pg_statement of_one = {
        "test.latest",
        "SELECT ''::text, 0::int8, 0::int8, id, xid::text::int8, event_id, subject, traceparent, "
        "payload FROM outbox WHERE xid = (SELECT xid FROM outbox ORDER BY id DESC LIMIT 1) "
        "ORDER BY id",
        0};
    static const struct pg_statement of_two = {
        "test.latest_of_two",
        "SELECT ''::text, 0::int8, 0::int8, id, xid::text::int8, event_id, "
        "CASE WHEN row_number() OVER (ORDER BY id) % 2 = 0 THEN 'notifications.evt.sent' "
        "ELSE subject END, traceparent, "
        "payload FROM outbox WHERE xid = (SELECT xid FROM outbox ORDER BY id DESC LIMIT 1) "
        "ORDER BY id",
        0};
    struct error error = {0};
    struct pg_result *rows = NULL;
    require_ok(pg_query(writer->pg, has_two_streams ? &of_two : &of_one, NULL, &rows, &error),
               &error);
    return pass_of(rows);
}

static enum status send_for(struct relay_publisher *publisher, struct relay_pass *pass,
                            int64_t lease_us) {
    struct error error = {0};
    return relay_publisher_send(publisher, pass->rows, pass->row_count,
                                clock_monotonic_us() + lease_us, &error);
}

static void require_published(struct relay_publisher *publisher, struct relay_pass *pass) {
    struct error error = {0};
    assert_int_equal(send_for(publisher, pass, 10000000), STATUS_OK);
    require_ok(relay_publisher_await(publisher, &error), &error);
}

static void the_sequences_of_each_stream_are_known(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay_publisher *publisher = relay_publisher_create(nats);
    struct batch_counts before = count_batches();
    uint64_t last = last_sequence();
    write_committed(&writer, 80);
    struct relay_pass rows = read_latest(&writer, true);

    require_published(publisher, &rows);

    const struct pass_acks *acks = relay_publisher_acks(publisher);
    assert_int_equal(acks->count, 2);
    assert_string_equal(acks->items[0].stream, "ORDERS");
    assert_int_equal(acks->items[0].lowest, last + 1);
    assert_int_equal(acks->items[0].highest, last + 40);
    assert_memory_equal(&acks->items[0].last_event, id_at(&writer.committed, 78),
                        sizeof(struct uuid));
    assert_string_equal(acks->items[1].stream, "NOTIFICATIONS");
    assert_int_equal(acks->items[1].highest - acks->items[1].lowest, 39);
    assert_false(acks->items[0].has_duplicates || acks->items[1].has_duplicates);
    assert_batches(before, 2, 0);

    require_published(publisher, &rows); /* again: both batches hold events that are known */
    acks = relay_publisher_acks(publisher);
    assert_int_equal(acks->items[0].highest, 0);
    assert_true(acks->items[0].has_duplicates && acks->items[1].has_duplicates);
    assert_batches(before, 2, 2);
    assert_int_equal(last_sequence(), last + 40);

    relay_pass_fini(&rows);
    relay_publisher_destroy(&publisher);
    relay_all(); /* the cursor knows nothing of it: the second half comes into ORDERS, too */
    assert_published(&writer.committed);
    writer_close(&writer);
}

/* --- batches that are refused --- */

static void publish_by_hand(const struct uuid *id) {
    char text[UUID_TEXT_SIZE];
    jsPubOptions options;
    uuid_format(id, text);
    jsPubOptions_Init(&options);
    options.MsgId = text;
    assert_int_equal(js_Publish(NULL, js, "orders.evt.created", "{}", 2, &options, NULL), NATS_OK);
}

static void what_the_stream_knows_is_not_doubled_and_what_it_does_not_is_stored(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct batch_counts before = count_batches();
    write_committed(&writer, 100);
    publish_by_hand(id_at(&writer.committed, 50));
    relay_all();
    assert_published(&writer.committed);
    assert_batches(before, 0, 1);

    write_committed(&writer, 100);
    relay_all();
    assert_published(&writer.committed);
    assert_batches(before, 1, 1);
    writer_close(&writer);
}

static void a_stream_that_takes_no_batches_is_asked_once_in_a_while(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct batch_counts before = count_batches();
    stream_change(nats, STREAM, "{\"allow_atomic\":false}");
    struct relay *relay = start_relay(512);
    write_committed(&writer, 100);
    assert_true(are_published(100, WAIT_MS));
    write_committed(&writer, 100);
    assert_published_in_order(&writer);
    stop_relay(&relay);
    servers_provision(servers);
    assert_batches(before, 0, 1);
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

/* A refused batch names no message: one by one the others are stored, and the reason shows. */
static void a_message_that_is_refused_holds_up_none_of_its_batch(void **state) {
    (void)state;
    static const struct pg_statement enlarge = {
        "test.enlarge",
        "UPDATE orders.outbox SET payload = convert_to(repeat('x', 5000), 'UTF8') WHERE id = "
        "(SELECT id - 20 FROM orders.outbox ORDER BY id DESC LIMIT 1)",
        0};
    struct error error = {0};
    struct writer writer;
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    writer_open(&writer);
    struct batch_counts before = count_batches();
    write_committed(&writer, 60);
    require_ok(pg_query(admin, &enlarge, NULL, NULL, &error), &error);
    stream_change(nats, STREAM, "{\"max_msg_size\":4000}");
    struct waiting waiting = {start_relay(512), "the stream ORDERS refuses: "};

    assert_true(wait_until(says, &waiting, WAIT_MS));
    assert_true(are_published(59, WAIT_MS));
    assert_int_equal(has_batches(), sample_value(REFUSED) > before.refused);

    stream_change(nats, STREAM, "{\"max_msg_size\":1048576}");
    assert_published(&writer.committed);
    stop_relay(&waiting.relay);
    pg_destroy(&admin);
    writer_close(&writer);
}

/* --- a leader that was held up --- */

static void a_batch_without_its_end_stores_nothing(void **state) {
    (void)state;
    skip_without_batches();
    struct writer writer;
    writer_open(&writer);
    struct relay_publisher *publisher = relay_publisher_create(nats);
    uint64_t last = last_sequence();
    write_committed(&writer, 900);
    struct relay_pass rows = read_latest(&writer, false);

    assert_int_equal(send_for(publisher, &rows, 500), STATUS_UNAVAILABLE); /* some, not the end */
    assert_int_equal(natsConnection_FlushTimeout(nats_client_bulk(nats), WAIT_MS), NATS_OK);
    assert_int_equal(last_sequence(), last);

    require_published(publisher, &rows);
    relay_pass_fini(&rows);
    relay_publisher_destroy(&publisher);
    relay_all();
    assert_published_in_order(&writer);
    writer_close(&writer);
}

static void what_follows_a_refused_batch_is_for_a_leader_only(void **state) {
    (void)state;
    skip_without_batches();
    struct error error = {0};
    struct writer writer;
    writer_open(&writer);
    struct relay_publisher *publisher = relay_publisher_create(nats);
    write_committed(&writer, 50);
    publish_by_hand(id_at(&writer.committed, 49));
    uint64_t last = last_sequence();
    struct relay_pass rows = read_latest(&writer, false);

    assert_int_equal(send_for(publisher, &rows, 200000), STATUS_OK);
    clock_sleep_ms(300);
    assert_int_equal(relay_publisher_await(publisher, &error), STATUS_UNAVAILABLE);
    assert_contains(error.text, "held up");
    assert_int_equal(natsConnection_FlushTimeout(nats_client_bulk(nats), WAIT_MS), NATS_OK);
    assert_int_equal(last_sequence(), last);

    relay_pass_fini(&rows);
    relay_publisher_destroy(&publisher);
    relay_all();
    assert_published(&writer.committed);
    writer_close(&writer);
}

/* --- kill -9 at each step of a batch --- */

struct crash {
    const char *sentence;
    const char *failpoint;
    bool is_of_batch; /* else every server's relay gets there */
    int64_t stored;   /* of 200 by then; -1: some */
};

static const struct crash crashes[] = {
    {"a relay killed with a batch begun", "relay.in_batch:1", true, 0},
    {"a relay killed in the middle of a batch", "relay.in_batch:150", true, 0},
    {"a relay killed before a batch's end", "relay.before_commit:1", true, 0},
    {"a relay killed when all is sent", "relay.after_publish:1", false, -1},
    {"a relay killed when a batch is acknowledged", "relay.after_commit:1", true, 200},
};

static struct process *start_order(int *port, const char *failpoint) {
    struct environment environment = {0};
    *port = free_port();
    servers_service_environment(servers, "order", ROLE, &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", *port);
    if (failpoint != NULL)
        environment_set(&environment, "OM_FAILPOINT", failpoint);
    struct process *program = program_start("order", &environment, NULL);
    environment_fini(&environment);
    return program;
}

/* As its own user of NATS, who may do no more than its service needs. */
static void a_killed_relay_loses_and_doubles_nothing(void **state) {
    const struct crash *crash = *state;
    if (crash->is_of_batch)
        skip_without_batches();
    struct writer writer;
    int port, code = 0;
    writer_open(&writer);
    buf_clear(&published.bytes);
    read_sequence = last_sequence();
    uint64_t last = read_sequence;
    write_committed(&writer, 200);

    struct process *killed = start_order(&port, crash->failpoint);
    assert_true(process_wait(killed, WAIT_MS, &code));
    assert_int_equal(code, 128 + SIGKILL);
    process_destroy(&killed);
    if (crash->stored >= 0)
        assert_int_equal(last_sequence() - last, crash->stored);

    struct process *next = start_order(&port, NULL);
    assert_true(wait_until(program_is_ready, &port, WAIT_MS));
    assert_published_in_order(&writer);
    assert_int_equal(program_end(&next, WAIT_MS), 0);
    assert_published_in_order(&writer);
    writer_close(&writer);
}

static void batches_that_nobody_ended_are_no_dead_letters(void **state) {
    (void)state;
    jsStreamInfo *info = NULL;
    assert_int_equal(js_GetStreamInfo(&info, js, "ADVISORIES", NULL, NULL), NATS_OK);
    assert_int_equal(info->State.Msgs, 0);
    jsStreamInfo_Destroy(info);
}

static void a_broker_killed_in_the_midst_of_batches_loses_nothing(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (size_t turn = 1; turn <= 4; turn++) {
        for (int i = 0; i < 5; i++)
            write_committed(&writer, 300);
        assert_true(are_published((turn - 1) * 1500 + 300, WAIT_MS));
        servers_kill(servers, SERVER_NATS);
        servers_restart(servers, SERVER_NATS);
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

/* A test's own state is its crash, which cmocka hands over only where the group has none. */
static void call(const char *verb, const char *stream, struct json_object *config) {
    struct json_object *answer;
    struct jetstream_refusal refused;
    struct error error = {0};
    char text[64];
    snprintf(text, sizeof(text), "STREAM.%s.%s", verb, stream);
    require_ok(jetstream_call(nats, text, config, &answer, &refused, &error), &error);
    assert_int_equal(refused.code, 0);
    json_object_put(answer);
}

/* One that persists asynchronously takes no batches. */
static void make_synced(const char *stream, const char *config) {
    struct json_object *body = NULL;
    assert_int_equal(json_parse(slice_of(config), &body, NULL), STATUS_OK);
    call("DELETE", stream, NULL);
    call("CREATE", stream, body);
    json_object_put(body);
}

static int setup_without_state(void **state) {
    int result = setup(state);
    make_synced("ORDERS", "{\"name\":\"ORDERS\",\"subjects\":[\"orders.>\"]}");
    make_synced("NOTIFICATIONS", "{\"name\":\"NOTIFICATIONS\",\"subjects\":[\"notifications.>\"]}");
    servers_provision(servers);
    *state = NULL;
    return result;
}

int main(void) {
#define CRASH(i)                                                                                   \
    {                                                                                              \
        crashes[i].sentence, a_killed_relay_loses_and_doubles_nothing, NULL, NULL,                 \
            (void *)&crashes[i]                                                                    \
    }
    const struct CMUnitTest tests[] = {
        TEST(a_large_pass_is_one_batch_and_a_small_one_none),
        TEST(more_than_a_batch_may_have_is_cut_and_stays_in_order),
        TEST(what_is_committed_while_a_batch_is_under_way_is_the_next_one),
        TEST(the_sequences_of_each_stream_are_known),
        TEST(what_the_stream_knows_is_not_doubled_and_what_it_does_not_is_stored),
        TEST(a_stream_that_takes_no_batches_is_asked_once_in_a_while),
        TEST(a_message_that_is_refused_holds_up_none_of_its_batch),
        TEST(a_batch_without_its_end_stores_nothing),
        TEST(what_follows_a_refused_batch_is_for_a_leader_only),
        CRASH(0),
        CRASH(1),
        CRASH(2),
        CRASH(3),
        CRASH(4),
        TEST(batches_that_nobody_ended_are_no_dead_letters),
        TEST(a_broker_killed_in_the_midst_of_batches_loses_nothing),
    };
    return cmocka_run_group_tests(tests, setup_without_state, teardown);
}

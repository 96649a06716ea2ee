/* A broker that loses what it has acknowledged gets it again from the outbox: its store is set
   back, a stream is deleted and made anew, or purged. Nothing is published again otherwise.

   Covers: shared/outbox/setback.c shared/outbox/checkpoint.c shared/outbox/relay.c
   shared/outbox/stream/stream_fill.c shared/nats/stored_message.c */
#include "shared/base/clock.h"
#include "tests/integration/shared/outbox/relay_fixture.h"
#include "tests/support/data/sample.h"

#define READER "reader"

static struct writer writer;
static struct relay *relay;
static int64_t counted_before;

/* --- the database --- */

static void run(const char *sql) {
    struct error error = {0};
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    require_ok(pg_script(admin, sql, &error), &error);
    pg_destroy(&admin);
}

static int64_t count(const struct pg_statement *statement) {
    struct error error = {0};
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    struct pg_result *result = NULL;
    require_ok(pg_query(admin, statement, NULL, &result, &error), &error);
    int64_t number = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    pg_destroy(&admin);
    return number;
}

/* --- what the stream has --- */

static int64_t repaired(const char *kind) {
    char name[96];
    snprintf(name, sizeof(name), "ordermesh_outbox_setbacks_total{kind=\"%s\"}", kind);
    return sample_value(name);
}

static int64_t all_repaired(void) {
    return repaired("set_back") + repaired("purged");
}

static jsStreamState stream_state(void) {
    jsStreamInfo *info = NULL;
    jsStreamState state = {0};
    if (js_GetStreamInfo(&info, js, STREAM, NULL, NULL) == NATS_OK)
        state = info->State;
    jsStreamInfo_Destroy(info);
    return state;
}

/* Each event of the stream, as often as it is there, whatever the generation of its id. */
static struct id_list events_of_stream(void) {
    struct id_list events = {0};
    jsStreamState state = stream_state();
    for (uint64_t at = state.FirstSeq; at > 0 && at <= state.LastSeq; at++) {
        natsMsg *message = NULL;
        const char *text = NULL;
        struct uuid id;
        if (js_GetMsg(&message, js, STREAM, at, NULL, NULL) == NATS_OK &&
            natsMsgHeader_Get(message, "Nats-Msg-Id", &text) == NATS_OK &&
            strlen(text) >= UUID_TEXT_LEN && uuid_parse((struct slice){text, UUID_TEXT_LEN}, &id))
            id_add(&events, &id);
        natsMsg_Destroy(message);
    }
    return events;
}

static bool has_all(void *closure) {
    const struct id_list *expected = closure;
    struct id_list events = events_of_stream();
    bool has = true;
    for (size_t i = 0; has && i < id_count(expected); i++) {
        bool found = false;
        for (size_t j = 0; !found && j < id_count(&events); j++)
            found = uuid_compare(id_at(&events, j), id_at(expected, i)) == 0;
        has = found;
    }
    buf_fini(&events.bytes);
    return has;
}

static void assert_stream_has_all(void) {
    assert_true(wait_until(has_all, &writer.committed, WAIT_MS));
}

static bool is_repaired_again(void *closure) {
    return all_repaired() > *(const int64_t *)closure;
}

static void assert_repaired(const char *kind) {
    int64_t before = counted_before;
    assert_true(wait_until(is_repaired_again, &before, WAIT_MS));
    assert_stream_has_all();
    assert_int_equal(all_repaired(), before + 1);
    assert_true(repaired(kind) > 0);
}

static bool is_lock_free(void *closure) {
    static const struct pg_statement locks = {
        "test.locks", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 0};
    (void)closure;
    return count(&locks) == 0;
}

/* A relay that leads looks before it is ready. */
static void start_again(void) {
    stop_relay(&relay);
    assert_true(wait_until(is_lock_free, NULL, WAIT_MS));
    relay = start_relay(64);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
}

/* On a new connection, too, it looks before it publishes. */
static void assert_nothing_is_repaired(void) {
    servers_restart(servers, SERVER_NATS);
    write_committed(&writer, 1);
    struct id_list last = {0};
    id_add(&last, id_at(&writer.committed, id_count(&writer.committed) - 1));
    assert_true(wait_until(has_all, &last, WAIT_MS));
    buf_fini(&last.bytes);
    assert_int_equal(all_repaired(), counted_before);
}

static void publish(int transactions) {
    for (int i = 0; i < transactions; i++)
        write_committed(&writer, 5);
    assert_stream_has_all();
}

/* --- a consumer --- */

static void replace_consumers(void) {
    jsConsumerInfoList *list = NULL;
    jsConsumerConfig config;
    assert_int_equal(js_Consumers(&list, js, STREAM, NULL, NULL), NATS_OK);
    for (int i = 0; i < list->Count; i++)
        assert_int_equal(js_DeleteConsumer(js, STREAM, list->List[i]->Name, NULL, NULL), NATS_OK);
    jsConsumerInfoList_Destroy(list);
    jsConsumerConfig_Init(&config);
    config.Durable = READER;
    config.AckPolicy = js_AckExplicit;
    assert_int_equal(js_AddConsumer(NULL, js, STREAM, &config, NULL, NULL), NATS_OK);
}

static void add_event(struct id_list *events, natsMsg *message) {
    const char *text = NULL;
    struct uuid id;
    if (events != NULL && natsMsgHeader_Get(message, "Nats-Msg-Id", &text) == NATS_OK &&
        strlen(text) >= UUID_TEXT_LEN && uuid_parse((struct slice){text, UUID_TEXT_LEN}, &id))
        id_add(events, &id);
}

/* `events` gets those that were read; NULL: nobody asks. */
static void read_and_acknowledge(struct id_list *events) {
    jsSubOptions options;
    natsSubscription *subscription = NULL;
    natsMsgList list = {0};
    jsSubOptions_Init(&options);
    options.Stream = STREAM;
    options.Consumer = READER;
    assert_int_equal(js_PullSubscribe(&subscription, js, NULL, NULL, NULL, &options, NULL),
                     NATS_OK);
    while (natsSubscription_Fetch(&list, subscription, 100, 500, NULL) == NATS_OK) {
        for (int i = 0; i < list.Count; i++) {
            assert_int_equal(natsMsg_AckSync(list.Msgs[i], NULL, NULL), NATS_OK);
            add_event(events, list.Msgs[i]);
        }
        natsMsgList_Destroy(&list);
    }
    nats_client_unsubscribe(nats, &subscription);
}

/* --- the end of the stream is gone --- */

static void what_a_store_that_was_set_back_lost_is_published_again(void **state) {
    (void)state;
    publish(2);
    servers_save_store(servers);
    publish(2);
    servers_set_store_back(servers);
    assert_repaired("set_back");
}

/* By the numbers alone nothing is missing: others have published as much as was lost. */
static void what_others_have_taken_the_place_of_is_missed(void **state) {
    (void)state;
    publish(1);
    servers_save_store(servers);
    publish(1);
    stop_relay(&relay);
    servers_set_store_back(servers);
    for (int i = 0; i < 10; i++)
        assert_int_equal(js_Publish(NULL, js, "orders.probe", "x", 1, NULL, NULL), NATS_OK);
    relay = start_relay(64);
    assert_repaired("set_back");
}

/* A relay that was killed before it saved its cursor left messages that the next one published
   again as duplicates. Their last was not marked, and a stream that was set back among them seemed
   well. */
static void what_was_lost_behind_duplicates_is_published_again(void **state) {
    (void)state;
    publish(1);
    run("CREATE TABLE orders.kept AS TABLE orders.outbox_cursor");
    publish(1);
    servers_save_store(servers);
    publish(1);
    stop_relay(&relay);
    run("UPDATE orders.outbox_cursor c SET next_xid = k.next_xid, holes = k.holes,"
        " acknowledged = k.acknowledged FROM orders.kept k; DROP TABLE orders.kept");
    assert_true(wait_until(is_lock_free, NULL, WAIT_MS));
    relay = start_relay(64);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    stop_relay(&relay);
    servers_set_store_back(servers);
    relay = start_relay(64);
    assert_repaired("set_back");
}

static bool says_stream_is_missing(void *closure) {
    struct error why;
    return !relay_is_ready(closure, &why) &&
           strstr(why.text, "stream " STREAM " is missing; run `omctl provision`") != NULL;
}

static void a_stream_that_is_missing_is_said_though_there_is_nothing_to_publish(void **state) {
    (void)state;
    publish(1);
    assert_int_equal(js_DeleteStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_true(wait_until(says_stream_is_missing, relay, WAIT_MS));
    servers_provision(servers);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    assert_stream_has_all();
}

/* A look that a hang had cut short was once the last for a minute. */
static void after_a_server_hung_its_streams_are_soon_looked_at_again(void **state) {
    (void)state;
    publish(1);
    servers_pause(servers, SERVER_NATS);
    clock_sleep_ms(11000); /* it looks every 5 s, and waits for 5 s then */
    servers_resume(servers, SERVER_NATS);
    assert_int_equal(js_DeleteStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_true(wait_until(says_stream_is_missing, relay, WAIT_MS));
    servers_provision(servers);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
}

static void
a_stream_that_is_made_anew_gets_all_again_though_nothing_new_is_published(void **state) {
    (void)state;
    publish(3);
    assert_int_equal(js_DeleteStream(js, STREAM, NULL, NULL), NATS_OK);
    servers_provision(servers);
    assert_repaired("set_back");
}

static void a_store_that_is_lost_gets_all_again_once_it_is_provisioned(void **state) {
    (void)state;
    publish(3);
    start_again(); /* its cursor is saved */
    servers_lose_store(servers);
    write_committed(&writer, 5);
    servers_provision(servers);
    assert_repaired("set_back");
}

/* A relay that takes over knows by what the one before has saved. */
static void what_was_lost_while_no_relay_ran_is_published_again(void **state) {
    (void)state;
    publish(3);
    stop_relay(&relay);
    servers_lose_store(servers);
    servers_provision(servers);
    relay = start_relay(64);
    assert_repaired("set_back");
}

/* --- a consumer is ahead of its stream --- */

static bool has_read_all(void *closure) {
    struct id_list *events = closure;
    read_and_acknowledge(events);
    for (size_t i = 0; i < id_count(&writer.committed); i++) {
        bool found = false;
        for (size_t j = 0; !found && j < id_count(events); j++)
            found = uuid_compare(id_at(events, j), id_at(&writer.committed, i)) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* Each event that was committed from `first` on is read now. */
static void assert_all_are_read(size_t first) {
    struct id_list events = {0};
    for (size_t i = 0; i < first; i++)
        id_add(&events, id_at(&writer.committed, i));
    assert_true(wait_until(has_read_all, &events, WAIT_MS));
    buf_fini(&events.bytes);
}

/* The messages and where a consumer is are two files, of which a power cut can leave the second
   newer: what was published again below the consumer's number was not delivered before 2.14. */
static void a_consumer_that_is_ahead_is_delivered_what_is_published_again(void **state) {
    (void)state;
    replace_consumers();
    publish(1);
    servers_save_store(servers);
    publish(3);
    read_and_acknowledge(NULL);
    servers_set_messages_back(servers, STREAM);
    assert_repaired("set_back");
    assert_all_are_read(5);
}

/* A look that times out over a server's restart says nothing of the new one. */
static void nothing_is_published_behind_a_look_that_a_restart_cut_short(void **state) {
    (void)state;
    replace_consumers();
    publish(1);
    servers_save_store(servers);
    publish(3);
    read_and_acknowledge(NULL);
    servers_restart(servers, SERVER_NATS); /* so that it has stored where its consumers are */
    start_again();
    servers_pause(servers, SERVER_NATS);
    clock_sleep_ms(6000); /* it looks every 5 s, and waits for 5 s then */
    write_committed(&writer, 5);
    servers_kill(servers, SERVER_NATS);
    servers_set_messages_back(servers, STREAM);
    assert_repaired("set_back");
    assert_all_are_read(5);
}

static void
a_consumer_that_is_ahead_by_what_others_published_is_delivered_what_comes(void **state) {
    (void)state;
    replace_consumers();
    publish(1);
    servers_save_store(servers);
    for (int i = 0; i < 20; i++)
        assert_int_equal(js_Publish(NULL, js, "orders.cmd.submit", "x", 1, NULL, NULL), NATS_OK);
    read_and_acknowledge(NULL);
    servers_set_messages_back(servers, STREAM);
    publish(1);
    assert_all_are_read(5);
    assert_int_equal(all_repaired(), counted_before);
}

/* --- purged --- */

/* The duplicate window still knows the ids. */
static void a_purged_stream_gets_again_what_nobody_was_done_with_and_once(void **state) {
    (void)state;
    publish(3);
    assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_repaired("purged");
    counted_before = all_repaired();
    start_again();
    assert_nothing_is_repaired();
    struct id_list events = events_of_stream();
    assert_int_equal(id_count(&events), id_count(&writer.committed));
    buf_fini(&events.bytes);
}

static void each_purge_is_answered_once(void **state) {
    (void)state;
    publish(1);
    for (int i = 0; i < 3; i++) {
        counted_before = all_repaired();
        assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
        assert_repaired("purged");
    }
}

static void purge(const char *option) {
    struct buf body = {0};
    natsMsg *reply = NULL;
    buf_printf(&body, "{%s}", option);
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(nats),
                                                  "$JS.API.STREAM.PURGE." STREAM, body.ptr, 5000),
                     NATS_OK);
    assert_contains(natsMsg_GetData(reply), "\"success\":true");
    natsMsg_Destroy(reply);
    buf_fini(&body);
}

static void a_stream_purged_in_part_gets_that_again(void **state) {
    (void)state;
    char option[64];
    publish(2);
    purge("\"keep\":3");
    assert_repaired("purged");

    counted_before = all_repaired();
    snprintf(option, sizeof(option), "\"seq\":%" PRIu64, stream_state().LastSeq - 1);
    purge(option);
    assert_repaired("purged");

    counted_before = all_repaired();
    assert_int_equal(js_Publish(NULL, js, "orders.probe", "x", 1, NULL, NULL), NATS_OK);
    purge("\"filter\":\"orders.evt.created\"");
    assert_repaired("purged");
}

/* `orders.probe` is first, so that the stream begins where it did. */
static void a_stream_purged_of_a_subject_in_its_midst_gets_that_again(void **state) {
    (void)state;
    assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_int_equal(js_Publish(NULL, js, "orders.probe", "x", 1, NULL, NULL), NATS_OK);
    publish(2);
    start_again();
    counted_before = all_repaired();
    purge("\"filter\":\"orders.evt.created\"");
    assert_repaired("purged");
}

static void one_message_that_was_taken_out_stays_out(void **state) {
    (void)state;
    publish(2);
    start_again();
    jsStreamState before = stream_state();
    assert_int_equal(js_DeleteMsg(js, STREAM, before.LastSeq, NULL, NULL), NATS_OK);
    assert_nothing_is_repaired();
    assert_int_equal(js_DeleteMsg(js, STREAM, before.LastSeq - 3, NULL, NULL), NATS_OK);
    assert_nothing_is_repaired();
    assert_int_equal(stream_state().Msgs, before.Msgs);
}

/* --- nothing is lost --- */

static void what_all_consumers_were_done_with_stays_purged(void **state) {
    (void)state;
    replace_consumers();
    publish(3);
    read_and_acknowledge(NULL);
    start_again();
    assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_nothing_is_repaired();
    assert_int_equal(stream_state().Msgs, 1);
}

static void what_one_consumer_was_not_done_with_comes_again(void **state) {
    (void)state;
    replace_consumers();
    publish(3);
    read_and_acknowledge(NULL);
    start_again();
    publish(1);
    assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_repaired("purged");
}

static bool is_empty(void *closure) {
    (void)closure;
    jsStreamState state = stream_state();
    return state.LastSeq > 0 && state.Msgs == 0;
}

static void what_expires_is_not_published_again(void **state) {
    (void)state;
    stream_change(nats, STREAM,
                  "{\"max_age\":1000000000,\"duplicate_window\":1000000000,\"max_msgs\":-1"
                  ",\"discard\":\"old\"}");
    write_committed(&writer, 5);
    assert_true(wait_until(is_empty, NULL, WAIT_MS));
    assert_nothing_is_repaired();
}

/* Where an operator lets a full stream forget, instead of refusing as it is declared. */
static void what_makes_room_is_not_published_again(void **state) {
    (void)state;
    stream_change(nats, STREAM,
                  "{\"max_age\":600000000000,\"duplicate_window\":600000000000,\"max_msgs\":4"
                  ",\"discard\":\"old\"}");
    write_committed(&writer, 10);
    assert_nothing_is_repaired();
}

/* --- dead letters --- */

static void what_was_discarded_is_done_to_its_consumer(void **state) {
    (void)state;
    static const struct pg_statement kept = {"test.kept",
                                             "SELECT count(*) FROM inventory.inbox i JOIN "
                                             "dlq.entries e ON e.event_id = i.event_id::text "
                                             "WHERE i.consumer = 'ORDERS/inventory'",
                                             0};
    static const struct pg_statement apart = {"test.apart",
                                              "SELECT count(*) FROM inventory.discarded d JOIN "
                                              "inventory.inbox USING (event_id, consumer)",
                                              0};
    publish(2);
    run("INSERT INTO dlq.entries (id, stream, consumer, event_id, subject, stream_sequence,"
        "  dlq_sequence, generation, status, reason, error, deliveries, first_failed_at, "
        "failed_at) "
        "SELECT 'ORDERS.inventory.' || event_id, 'ORDERS', 'inventory', event_id, subject, 1, 1, 1,"
        "  'discarded', 'rejected', 'x', 1, now(), now() FROM orders.outbox");
    assert_int_equal(count(&kept), 0);
    assert_int_equal(js_PurgeStream(js, STREAM, NULL, NULL), NATS_OK);
    assert_repaired("purged");
    assert_int_equal(count(&kept), 10);
    assert_int_equal(count(&apart), 10);
}

/* --- checkpoints --- */

static const struct pg_statement checkpoints = {
    "test.checkpoints", "SELECT count(*) FROM orders.outbox_checkpoints", 0};

static void age_checkpoints(void) {
    stop_relay(&relay);
    run("UPDATE orders.outbox_checkpoints SET taken_at = taken_at - interval '90 s'");
    relay = start_relay(64);
}

static bool has_two_checkpoints(void *closure) {
    (void)closure;
    return count(&checkpoints) == 2;
}

/* The stream had it, and the window of its ids is over: only what came after the checkpoint is
   published again. */
static void no_more_than_from_the_last_checkpoint_is_published_again(void **state) {
    (void)state;
    publish(2);
    age_checkpoints();
    publish(1);
    assert_true(wait_until(has_two_checkpoints, NULL, WAIT_MS)); /* written behind the event */
    servers_save_store(servers);
    publish(1);
    run("DELETE FROM orders.outbox WHERE xid < "
        "(SELECT next_xid FROM orders.outbox_checkpoints ORDER BY taken_at DESC LIMIT 1)");
    servers_set_store_back(servers);
    assert_repaired("set_back");
}

static void an_idle_relay_takes_no_checkpoints(void **state) {
    (void)state;
    publish(1);
    age_checkpoints();
    assert_nothing_is_repaired();
    start_again(); /* that of the event is written */
    int64_t taken = count(&checkpoints);
    age_checkpoints();
    start_again();
    assert_int_equal(count(&checkpoints), taken);
}

/* --- the program --- */

static int begin(void **state) {
    run("TRUNCATE orders.outbox, orders.outbox_checkpoints, dlq.entries, inventory.inbox, "
        "inventory.discarded;"
        "UPDATE orders.outbox_cursor SET acknowledged = '', repeats_until = '0', holes = '{}',"
        "  next_xid = pg_snapshot_xmax(pg_current_snapshot())");
    (void)js_DeleteStream(js, STREAM, NULL, NULL);
    servers_provision(servers);
    writer_open(&writer);
    relay = start_relay(64);
    counted_before = all_repaired();
    return each_setup(state);
}

static int end(void **state) {
    (void)state;
    relay_destroy(&relay);
    writer_close(&writer);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_store_that_was_set_back_lost_is_published_again),
        TEST(what_others_have_taken_the_place_of_is_missed),
        TEST(what_was_lost_behind_duplicates_is_published_again),
        TEST(a_stream_that_is_missing_is_said_though_there_is_nothing_to_publish),
        TEST(after_a_server_hung_its_streams_are_soon_looked_at_again),
        TEST(a_stream_that_is_made_anew_gets_all_again_though_nothing_new_is_published),
        TEST(a_store_that_is_lost_gets_all_again_once_it_is_provisioned),
        TEST(what_was_lost_while_no_relay_ran_is_published_again),
        TEST(a_consumer_that_is_ahead_is_delivered_what_is_published_again),
        TEST(nothing_is_published_behind_a_look_that_a_restart_cut_short),
        TEST(a_consumer_that_is_ahead_by_what_others_published_is_delivered_what_comes),
        TEST(a_purged_stream_gets_again_what_nobody_was_done_with_and_once),
        TEST(each_purge_is_answered_once),
        TEST(a_stream_purged_in_part_gets_that_again),
        TEST(a_stream_purged_of_a_subject_in_its_midst_gets_that_again),
        TEST(one_message_that_was_taken_out_stays_out),
        TEST(what_all_consumers_were_done_with_stays_purged),
        TEST(what_one_consumer_was_not_done_with_comes_again),
        TEST(what_expires_is_not_published_again),
        TEST(what_makes_room_is_not_published_again),
        TEST(what_was_discarded_is_done_to_its_consumer),
        TEST(no_more_than_from_the_last_checkpoint_is_published_again),
        TEST(an_idle_relay_takes_no_checkpoints),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

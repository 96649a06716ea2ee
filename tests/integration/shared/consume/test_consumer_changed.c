/* A consumer, its stream or its rights changed behind its back show, and nothing is lost by it. One
   that was deleted or paused was once ready, with nothing pending, for ever.

   Covers: shared/consume/consumer.c shared/consume/intake.c shared/nats/pull.c
   shared/nats/consumer_info.c */
#include "shared/json/json.h"
#include "tests/integration/shared/consume/consumer_trouble_fixture.h"

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

/* Pulls were refused with words that said nothing of what to do. */
static void a_consumer_that_would_not_serve_shows_until_it_is_put_back(void **state) {
    (void)state;
    static const char *const members[][2] = {
        {"\"headers_only\":true", "headers_only true"},
        {"\"max_deliver\":1", "max_deliver 1"},
        {"\"max_batch\":1", "max_batch 1"},
        {"\"max_expires\":1000000000", "max_expires 1s"},
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

/* What was published meanwhile was never delivered. */
static void a_filter_that_leaves_out_all_that_it_is_for_shows(void **state) {
    (void)state;
    set_consumer("\"filter_subject\":\"orders.evt.failed\"");
    meet_trouble("its filter leaves out all that it is for; run `omctl provision`");

    servers_provision(servers);
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
    servers_deny(servers, "operator", "$JS.ACK.>");
    clock_sleep_ms(1000); /* the server reads its file again */
    for (int i = 0; i < 3; i++)
        publish();
    assert_waits_for("NATS does not let this user acknowledge its messages");
    clock_sleep_ms(3 * TROUBLE_MS); /* as long as four deliveries take */
    assert_true(waits_for("NATS does not let this user acknowledge its messages"));
    assert_true(redelivered() <= 3); /* how many of them it had asked for depends */
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, trouble_setup, trouble_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
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

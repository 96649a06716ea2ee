/* A stream of three copies changes its leader, and loses it, while batches are under way.

   Covers: shared/outbox/relay_publisher.c shared/nats/atomic_batch.c */
#include "omctl/install/provision.h"
#include "omctl/streams/jetstream.h"
#include "shared/base/clock.h"
#include "shared/nats/atomic_batch.h"
#include "tests/integration/shared/outbox/relay_fixture.h"

#define PART 10 /* messages sent to each leader */

/* The server that leads the stream; "" while there is none. */
static void find_leader(char *leader, size_t size) {
    struct json_object *found = NULL, *cluster;
    struct jetstream_refusal refused = {0};
    struct slice name = SLICE_LITERAL("");
    leader[0] = '\0';
    if (jetstream_call(nats, "STREAM.INFO." STREAM, NULL, &found, &refused, NULL) != STATUS_OK)
        return;
    if (json_get_object(found, "cluster", &cluster, NULL) == STATUS_OK)
        (void)!json_get_string(cluster, "leader", &name, NULL);
    snprintf(leader, size, "%.*s", SLICE_ARG(name));
    json_object_put(found);
}

static bool has_another_leader(void *closure) {
    char leader[64];
    find_leader(leader, sizeof(leader));
    return leader[0] != '\0' && strcmp(leader, closure) != 0;
}

static void change_leader(void) {
    char before[64];
    struct json_object *answer = NULL;
    struct jetstream_refusal refused = {0};
    find_leader(before, sizeof(before));
    if (jetstream_call(nats, "STREAM.LEADER.STEPDOWN." STREAM, NULL, &answer, &refused, NULL) ==
        STATUS_OK)
        json_object_put(answer);
    assert_true(wait_until(has_another_leader, before, WAIT_MS));
}

static void publish_marked(struct atomic_batch *batch, const char *reply, bool is_last) {
    struct error error = {0};
    natsMsg *message = NULL;
    char id[UUID_TEXT_SIZE];
    struct uuid unique = uuid_v7();
    uuid_format(&unique, id);
    require_ok(nats_event_message(&message, "orders.evt.created", reply, SLICE_LITERAL("{}"), id,
                                  STREAM, NULL, &error),
               &error);
    require_ok(atomic_batch_mark(batch, message, is_last, &error), &error);
    assert_int_equal(natsConnection_PublishMsg(nats_client_fast(nats), message), NATS_OK);
    natsMsg_Destroy(message);
}

static void a_leader_that_comes_in_mid_batch_refuses_it_whole(void **state) {
    (void)state;
    if (!atomic_batch_is_supported(nats_client_server_version(nats)))
        skip();
    struct error error = {0};
    struct pub_ack ack = {0};
    struct atomic_batch batch;
    natsSubscription *answers = NULL;
    natsMsg *answer = NULL;
    char *reply = nats_client_inbox(nats);
    uint64_t last = last_sequence();
    assert_int_equal(natsConnection_SubscribeSync(&answers, nats_client_fast(nats), reply),
                     NATS_OK);
    atomic_batch_begin(&batch);
    for (int i = 0; i < PART; i++)
        publish_marked(&batch, NULL, false);
    assert_int_equal(natsConnection_FlushTimeout(nats_client_fast(nats), WAIT_MS), NATS_OK);

    change_leader();
    for (int i = 1; i <= PART; i++)
        publish_marked(&batch, i == PART ? reply : NULL, i == PART);

    assert_int_equal(natsSubscription_NextMsg(&answer, answers, WAIT_MS), NATS_OK);
    require_ok(pub_ack_parse(
                   (struct slice){natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)},
                   &ack, &error),
               &error);
    assert_int_equal(ack.error_code, JETSTREAM_BATCH_INCOMPLETE);
    assert_int_equal(atomic_batch_judge(&batch, &ack), ATOMIC_BATCH_REFUSED);
    assert_int_equal(last_sequence(), last);
    natsMsg_Destroy(answer);
    nats_client_unsubscribe(nats, &answers);
    free(reply);
}

static void leaders_that_change_under_load_lose_and_double_nothing(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (size_t turn = 1; turn <= 4; turn++) {
        for (int i = 0; i < 5; i++)
            write_committed(&writer, 200);
        change_leader();
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

static void a_server_killed_under_load_loses_and_doubles_nothing(void **state) {
    (void)state;
    struct writer writer;
    writer_open(&writer);
    struct relay *relay = start_relay(512);
    for (size_t turn = 1; turn <= 3; turn++) {
        for (int i = 0; i < 5; i++)
            write_committed(&writer, 200);
        assert_true(are_published((turn - 1) * 1000 + 200, WAIT_MS));
        servers_kill(servers, SERVER_NATS);
        servers_restart(servers, SERVER_NATS);
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

static void provision_three_copies(void) {
    struct error error = {0};
    struct provision_result result;
    FILE *unread = tmpfile();
    const struct provision_options options = {
        .directory = OM_SOURCE_DIR "/nats", .overrides.replicas = 3, .out = unread};
    require_ok(provision_run(nats, &options, &result, &error), &error);
    assert_int_equal(result.refused, 0);
    fclose(unread);
}

static int setup_cluster(void **state) {
    (void)state;
    servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS | SERVERS_CLUSTER);
    servers_migrate(servers);
    nats = servers_connect(servers);
    provision_three_copies();
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_leader_that_comes_in_mid_batch_refuses_it_whole),
        TEST(leaders_that_change_under_load_lose_and_double_nothing),
        TEST(a_server_killed_under_load_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, setup_cluster, teardown);
}

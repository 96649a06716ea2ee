/* What becomes of the commands of an atomic batch by its answer. Nobody sends them a second time
   here, as the gateway does when an answer does not come.

   Covers: gateway/link/group_commit.c */
#include "gateway/link/group_commit.h"
#include "shared/nats/atomic_batch.h"
#include "tests/support/gateway/order_crowd.h"

#include <stdlib.h>

enum { COMMANDS = 2 * ATOMIC_BATCH_LEAST, WAIT_MS = 10000, DEADLINE_US = 60000000 };

static struct {
    pthread_mutex_t mutex;
    unsigned alone[COMMANDS], together[COMMANDS], unstored; /* answers */
    struct group_commit *group;
    char *inbox;
} rig = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- what a broker does ----------------------------------------------------------------------- */

static void deliver(void *closure, uint64_t token, enum status status, natsMsg *answer) {
    (void)closure;
    struct pub_ack ack = {0};
    bool is_stored = status == STATUS_OK &&
                     pub_ack_parse((struct slice){natsMsg_GetData(answer),
                                                  (size_t)natsMsg_GetDataLength(answer)},
                                   &ack, NULL) == STATUS_OK &&
                     ack.error_code == 0;
    pthread_mutex_lock(&rig.mutex);
    rig.alone[token]++;
    rig.unstored += !is_stored;
    pthread_mutex_unlock(&rig.mutex);
    natsMsg_Destroy(answer);
}

static void deliver_all(void *closure, struct outbound *commands, enum status status) {
    (void)closure;
    pthread_mutex_lock(&rig.mutex);
    for (struct outgoing *one; (one = outbound_pop(commands)) != NULL;) {
        rig.together[one->token]++;
        rig.unstored += status != STATUS_OK;
        outgoing_free(one);
    }
    pthread_mutex_unlock(&rig.mutex);
}

static void ignore_wake(void *closure) {
    (void)closure;
}

static void on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                      void *closure) {
    (void)connection;
    (void)subscription;
    (void)closure;
    uint64_t token = strtoull(strrchr(natsMsg_GetSubject(message), '.') + 1, NULL, 10);
    if (!group_commit_answer(rig.group, token, message))
        deliver(NULL, token, STATUS_OK, message);
}

static struct outgoing *make_command(uint64_t token, const char *id) {
    char reply[REPLY_SIZE];
    struct command command = {.subject = SUBJECT_ORDERS, .stream = "COMMANDS", .body = {"{}", 2}};
    struct uuid own = uuid_v7();
    if (id != NULL)
        snprintf(command.id, sizeof(command.id), "%s", id);
    else
        uuid_format(&own, command.id);
    snprintf(reply, sizeof(reply), "%s.%d", rig.inbox, (int)token);
    struct outgoing *outgoing = outgoing_of_command(&command, reply);
    outgoing->token = token;
    outgoing->deadline_us = clock_monotonic_us() + DEADLINE_US;
    return outgoing;
}

static bool all_are_answered(void *closure) {
    (void)closure;
    struct group_commit_pause pause;
    unsigned answered = 0;
    (void)group_commit_go_on(rig.group, &pause);
    pthread_mutex_lock(&rig.mutex);
    for (int i = 0; i < COMMANDS; i++)
        answered += rig.alone[i] + rig.together[i] > 0;
    pthread_mutex_unlock(&rig.mutex);
    return answered == COMMANDS;
}

/* So many commands at one moment, all with ids of their own but for the first, each of which is
   answered once: returns how many of them together. */
static unsigned send_crowd(const char *first_id) {
    struct outbound commands;
    outbound_init(&commands);
    memset(rig.alone, 0, sizeof(rig.alone));
    memset(rig.together, 0, sizeof(rig.together));
    rig.unstored = 0;
    for (uint64_t i = 0; i < COMMANDS; i++)
        outbound_push(&commands, make_command(i, i == 0 ? first_id : NULL));
    group_commit_add(rig.group, &commands);
    assert_true(wait_until(all_are_answered, NULL, WAIT_MS));

    unsigned together = 0;
    for (int i = 0; i < COMMANDS; i++) {
        assert_int_equal(rig.alone[i] + rig.together[i], 1);
        together += rig.together[i];
    }
    assert_int_equal(rig.unstored, 0);
    return together;
}

/* --- the wire --------------------------------------------------------------------------------- */

static natsSubscription *listen(void) {
    natsSubscription *heard = NULL;
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(natsConnection_SubscribeSync(&heard, connection, SUBJECT_ORDERS), NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    return heard;
}

/* How many of the next messages were of a batch. */
static int hear(natsSubscription *heard, int messages) {
    int in_batches = 0;
    for (int i = 0; i < messages; i++) {
        natsMsg *message = NULL;
        const char *batch;
        assert_int_equal(natsSubscription_NextMsg(&message, heard, WAIT_MS), NATS_OK);
        in_batches += natsMsgHeader_Get(message, "Nats-Batch-Id", &batch) == NATS_OK;
        natsMsg_Destroy(message);
    }
    return in_batches;
}

static void store_one(const char *id) {
    natsMsg *message = NULL, *answer = NULL;
    assert_int_equal(natsMsg_Create(&message, SUBJECT_ORDERS, NULL, "{}", 2), NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Nats-Msg-Id", id), NATS_OK);
    assert_int_equal(
        natsConnection_RequestMsg(&answer, nats_client_fast(fixture.nats), message, WAIT_MS),
        NATS_OK);
    natsMsg_Destroy(answer);
    natsMsg_Destroy(message);
}

static int setup(void **state) {
    int failure = fixture_setup(state);
    char subject[REPLY_SIZE];
    natsSubscription *subscription = NULL; /* ends with its connection */
    rig.inbox = nats_client_inbox(fixture.nats);
    snprintf(subject, sizeof(subject), "%s.*", rig.inbox);
    assert_int_equal(natsConnection_Subscribe(&subscription, nats_client_fast(fixture.nats),
                                              subject, on_answer, NULL),
                     NATS_OK);
    return failure;
}

static int teardown(void **state) {
    free(rig.inbox);
    return fixture_teardown(state);
}

/* One that has measured nothing tries a batch with the first group that is large enough. */
static int begin(void **state) {
    (void)state;
    rig.group = group_commit_create(&(struct group_commit_options){
        .nats = fixture.nats, .deliver = deliver, .deliver_all = deliver_all, .wake = ignore_wake});
    return 0;
}

static int end(void **state) {
    (void)state;
    group_commit_destroy(&rig.group);
    return 0;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void a_batch_that_is_stored_answers_all_its_commands(void **state) {
    (void)state;
    uint64_t before = last_sequence();

    assert_int_equal(send_crowd(NULL), takes_batches() ? COMMANDS : 0);

    assert_stored_once(before, COMMANDS);
    assert_int_equal(count_stored(before).in_batches, takes_batches() ? COMMANDS : 0);
}

/* Commands that did not go on were told by their time-out only. */
static void a_batch_that_is_refused_goes_on_one_by_one(void **state) {
    (void)state;
    static const char id[] = "0190b2a4-0000-7000-8000-000000000001";
    if (!takes_batches())
        skip();
    store_one(id);
    uint64_t before = last_sequence();
    natsSubscription *heard = listen();

    assert_int_equal(send_crowd(id), 0);

    assert_int_equal(hear(heard, 2 * COMMANDS), COMMANDS);
    assert_stored_once(before, COMMANDS - 1);
    assert_int_equal(count_stored(before).in_batches, 0);
    natsSubscription_Destroy(heard);
}

static void a_stream_that_takes_no_batches_is_not_asked_again(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    natsSubscription *heard = listen();
    set_stream_member("allow_atomic", json_object_new_boolean(false));

    assert_int_equal(send_crowd(NULL), 0);
    assert_int_equal(hear(heard, 2 * COMMANDS), COMMANDS);
    assert_int_equal(send_crowd(NULL), 0);
    assert_int_equal(hear(heard, COMMANDS), 0);

    natsSubscription_Destroy(heard);
    set_stream_member("allow_atomic", json_object_new_boolean(true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_that_is_stored_answers_all_its_commands, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_batch_that_is_refused_goes_on_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(a_stream_that_takes_no_batches_is_not_asked_again, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

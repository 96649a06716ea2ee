/* The consumer loop against real PostgreSQL and NATS: what each outcome does to a message, its
   neighbours and the database. The handler under test does what the event's data tells it to.

   Covers: shared/consume/ shared/nats/pull.c */
#include "shared/base/clock.h"
#include "shared/consume/consumer.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers.h"

#include <inttypes.h>
#include <stdatomic.h>

#define WAIT_MS 20000
#define STREAM "ORDERS"
#define DURABLE "analytics"

static struct servers *servers;
static struct nats_client *nats;
static struct pg *pg;
static struct consumer *consumer;
static atomic_bool dependency_is_down;
static atomic_int attempts_seen; /* of the event told to be retried */
static atomic_int most_attempts;
enum { BATCHES_SEEN = 16 };
static struct seen_batch {
    size_t count;
    int attempt; /* of its first event */
    uint64_t sequence;
    int64_t time_us, stored_us;
} seen[BATCHES_SEEN];
static atomic_int batches_seen;
static natsSubscription *reports; /* failure reports, from the beginning of each test */

/* --- the handler under test ------------------------------------------------------------------- */

static const struct pg_statement refuse = {"test_refuse", "SELECT 1 / ($1::int8 - 1)", 1};

static enum status apply_one(struct batch *batch, struct delivery *delivery, struct error *error) {
    struct slice behave;
    enum status status = json_tree_get_string(delivery->event.data, "behave", &behave, error);
    if (status != STATUS_OK)
        return status;
    if (delivery->attempt > atomic_load(&most_attempts))
        atomic_store(&most_attempts, delivery->attempt);
    if (slice_is(behave, "unavailable") && atomic_load(&dependency_is_down))
        return error_set(error, STATUS_UNAVAILABLE, "the dependency is down");
    if (slice_is(behave, "reject")) {
        delivery_reject(delivery, STATUS_INVALID, "told to reject");
        return STATUS_OK;
    }
    if (slice_is(behave, "retry-always") ||
        (slice_is(behave, "retry-once") && atomic_fetch_add(&attempts_seen, 1) == 0)) {
        delivery_retry(delivery, STATUS_NOT_FOUND, "told to retry");
        return STATUS_OK;
    }
    if (slice_is(behave, "refused-by-database")) {
        struct pg_param params[] = {pg_int64(1)};
        status = pg_queue(batch->pg, &refuse, params, error);
    }
    outbox_add(batch->outbox, EVENT_INVENTORY_RELEASED, delivery->event.subject, &delivery->event,
               SLICE_LITERAL("{}"));
    return status;
}

static enum status apply(struct batch *batch, struct error *error) {
    int at = atomic_fetch_add(&batches_seen, 1);
    if (at < BATCHES_SEEN)
        seen[at] =
            (struct seen_batch){batch->count, batch->items[0]->attempt, batch->items[0]->sequence,
                                batch->items[0]->event.time_us, batch->items[0]->stored_us};
    for (size_t i = 0; i < batch->count; i++) {
        enum status status = apply_one(batch, batch->items[i], error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

/* --- helpers ---------------------------------------------------------------------------------- */

/* `replay_for` NULL: not a replay. */
static void publish_raw(const char *subject, const char *msg_id, const char *payload,
                        const char *replay_for) {
    struct error error = {0};
    natsMsg *message = NULL, *reply = NULL;
    assert_int_equal(nats_event_message(&message, subject, NULL, slice_of(payload), msg_id, STREAM,
                                        NULL, &error),
                     STATUS_OK);
    if (replay_for != NULL) {
        assert_int_equal(natsMsgHeader_Set(message, "Om-Replay-For", replay_for), NATS_OK);
        assert_int_equal(natsMsgHeader_Set(message, "Om-Replay-First", "1000001"), NATS_OK);
    }
    natsStatus s = natsConnection_RequestMsg(&reply, nats_client_fast(nats), message, 5000);
    assert_int_equal(s, NATS_OK);
    struct pub_ack ack;
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(pub_ack_parse(text, &ack, &error), STATUS_OK);
    assert_int_equal(ack.error_code, 0);
    natsMsg_Destroy(message);
    natsMsg_Destroy(reply);
}

/* Publishes an event that tells the handler what to do; returns its id, fresh unless given. */
static struct uuid publish_for(const char *replay_for, enum event_type type, const char *behave,
                               const struct uuid *given) {
    struct uuid id = given != NULL ? *given : uuid_v7(), order = uuid_v7(), unique = uuid_v7();
    char order_text[UUID_TEXT_SIZE], msg_id[UUID_TEXT_SIZE], data[128];
    uuid_format(&order, order_text);
    uuid_format(&unique, msg_id);
    snprintf(data, sizeof(data), "{\"behave\":\"%s\"}", behave);
    const struct event_head head = {
        .type = type,
        .id = id,
        .subject = slice_of(order_text),
        .trace = trace_start(),
        .correlation_id = slice_of(order_text),
        .time_us = clock_now_us(),
    };
    struct buf payload = {0};
    event_encode(&head, slice_of(data), &payload, NULL);
    publish_raw(event_info(type)->subject, msg_id, payload.ptr, replay_for);
    buf_fini(&payload);
    return id;
}

static struct uuid publish(enum event_type type, const char *behave, const struct uuid *given) {
    return publish_for(NULL, type, behave, given);
}

static const struct pg_statement effects = {"effects", "SELECT count(*) FROM inventory.outbox", 0};
static const struct pg_statement taken = {"taken", "SELECT count(*) FROM inventory.inbox", 0};

static int64_t count_of(const struct pg_statement *statement) {
    struct error error = {0};
    struct pg_result *result = NULL;
    if (pg_query(pg, statement, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", statement->name, error.text);
    int64_t value = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return value;
}

static bool effects_are(void *wanted) {
    return count_of(&effects) == *(int64_t *)wanted;
}

static void assert_effects(int64_t wanted) {
    if (!wait_until(effects_are, &wanted, WAIT_MS))
        fail_msg("%" PRId64 " effects, not %" PRId64, count_of(&effects), wanted);
}

/* JetStream's state of our consumer. */
static int64_t consumer_figure(const char *name) {
    struct error error = {0};
    natsMsg *reply = NULL;
    struct json_object *root = NULL;
    int64_t value = -1;
    natsStatus s = natsConnection_RequestString(
        &reply, nats_client_fast(nats), "$JS.API.CONSUMER.INFO." STREAM "." DURABLE, "", 5000);
    assert_int_equal(s, NATS_OK);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(text, &root, &error), STATUS_OK);
    assert_int_equal(json_get_int64(root, name, &value, &error), STATUS_OK);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return value;
}

static bool all_is_acknowledged(void *unused) {
    (void)unused;
    return consumer_figure("num_pending") == 0 && consumer_figure("num_ack_pending") == 0;
}

static bool report_exists(void *event_id) {
    struct buf request = {0};
    natsMsg *reply = NULL;
    buf_printf(&request, "{\"last_by_subj\":\"failures." STREAM "." DURABLE ".%s\"}",
               (const char *)event_id);
    natsStatus s = natsConnection_RequestString(
        &reply, nats_client_fast(nats), "$JS.API.STREAM.MSG.GET.FAILURES", request.ptr, 5000);
    buf_fini(&request);
    if (s != NATS_OK)
        return false;
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    bool found = memmem(text.ptr, text.len, "\"message\"", 9) != NULL;
    natsMsg_Destroy(reply);
    return found;
}

/* The next message must have `first` and `second` in its body. */
static void assert_next(natsSubscription *subscription, const char *first, const char *second) {
    natsMsg *message = NULL;
    assert_int_equal(natsSubscription_NextMsg(&message, subscription, WAIT_MS), NATS_OK);
    assert_contains(natsMsg_GetData(message), first);
    assert_contains(natsMsg_GetData(message), second);
    natsMsg_Destroy(message);
}

static void assert_next_report(const struct uuid *id, const char *outcome) {
    char event_id[80], text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    snprintf(event_id, sizeof(event_id), "\"eventId\":\"%s\"", text);
    assert_next(reports, event_id, outcome);
}

static void start_consumer_of(const struct consumer_spec *of) {
    struct error error = {0};
    const struct consumer_options options = {
        .nats = nats,
        .database_url = servers_role_url(servers, "om_inventory"),
        .service = "inventory",
        .instance = "test",
        .batch_max = 64,
    };
    consumer = consumer_create(of, &options);
    assert_int_equal(consumer_start(consumer, &error), STATUS_OK);
}

static void start_consumer(void) {
    start_consumer_of(&spec);
}

static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    atomic_store(&dependency_is_down, false);
    atomic_store(&attempts_seen, 0);
    atomic_store(&most_attempts, 0);
    assert_int_equal(natsConnection_SubscribeSync(&reports, nats_client_fast(nats), "failures.>"),
                     NATS_OK);
    assert_int_equal(
        pg_script(pg, "TRUNCATE inventory.outbox, inventory.inbox, inventory.discarded", &error),
        STATUS_OK);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    bool settled = consumer == NULL || wait_until(all_is_acknowledged, NULL, WAIT_MS);
    consumer_destroy(&consumer);
    natsSubscription_Destroy(reports);
    return settled ? 0 : -1;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_event_is_applied_and_acknowledged_after_its_commit(void **state) {
    (void)state;
    start_consumer();

    publish(EVENT_ORDER_CREATED, "well", NULL);

    assert_effects(1);
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(count_of(&taken), 1);
}

static void an_event_sent_twice_commits_once(void **state) {
    (void)state;
    struct uuid id = publish(EVENT_ORDER_CREATED, "well", NULL);
    publish(EVENT_ORDER_CREATED, "well", &id); /* in the same batch */
    start_consumer();
    assert_effects(1);

    publish(EVENT_ORDER_CREATED, "well", &id); /* and in a later one */

    publish(EVENT_ORDER_CREATED, "well", NULL);
    assert_effects(2);
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_effects(2);
}

static void an_event_of_a_type_not_listed_is_acknowledged_and_ignored(void **state) {
    (void)state;
    start_consumer();

    publish(EVENT_ORDER_CONFIRMED, "reject", NULL);

    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(count_of(&taken), 0);
}

static void
a_rejected_event_is_reported_and_never_comes_again_while_its_neighbours_are_done(void **state) {
    (void)state;
    publish(EVENT_ORDER_CREATED, "well", NULL);
    struct uuid id = publish(EVENT_ORDER_CREATED, "reject", NULL);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);

    start_consumer();

    assert_effects(2);
    assert_true(wait_until(report_exists, text, WAIT_MS));
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(count_of(&taken), 2);
    assert_int_equal(atomic_load(&most_attempts), 1);
}

/* --- what operators discarded ------------------------------------------------------------------
 */

static const struct handler by_effect = {.apply = apply, .once = ONCE_BY_EFFECT};
static const struct handler_row rows_by_effect[] = {{EVENT_ORDER_CREATED, &by_effect}};
static const struct consumer_spec spec_by_effect = {STREAM, DURABLE, rows_by_effect, 1};

static void discard(const struct uuid *id) {
    static const struct pg_statement keep = {"test.keep",
                                             "INSERT INTO inventory.discarded (event_id, consumer) "
                                             "VALUES ($1::uuid, 'ORDERS/analytics')",
                                             1};
    struct error error = {0};
    const struct pg_param params[] = {pg_uuid(id)};
    require_ok(pg_query(pg, &keep, params, NULL, &error), &error);
}

static void assert_left_out(const char *behave) {
    publish(EVENT_ORDER_CREATED, "well", NULL);
    struct uuid id = publish(EVENT_ORDER_CREATED, behave, NULL);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    discard(&id);
    start_consumer_of(&spec_by_effect);
    assert_effects(2);
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_effects(2);
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_int_equal(consumer_figure("num_redelivered"), 0);
    natsMsg *report = NULL;
    assert_int_equal(natsSubscription_NextMsg(&report, reports, 100), NATS_TIMEOUT);
    assert_int_equal(count_of(&taken), 0);
}

static void what_was_discarded_is_not_applied_and_its_neighbours_are(void **state) {
    (void)state;
    assert_left_out("well");
}

/* It is found out only after the handler had a go at it. */
static void what_was_discarded_is_not_blamed_for_what_its_handler_says(void **state) {
    (void)state;
    assert_left_out("reject");
}

static void what_was_discarded_is_not_blamed_for_what_the_database_says(void **state) {
    (void)state;
    assert_left_out("refused-by-database");
}

/* The stream's last sequence is that of the message published last: nothing else publishes. */
static int64_t last_sequence(void) {
    natsMsg *reply = NULL;
    struct json_object *root = NULL, *stats = NULL;
    struct error error = {0};
    int64_t last = 0;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(nats),
                                                  "$JS.API.STREAM.INFO." STREAM, "", 5000),
                     NATS_OK);
    struct slice info = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(info, &root, &error), STATUS_OK);
    assert_int_equal(json_get_object(root, "state", &stats, &error), STATUS_OK);
    assert_int_equal(json_get_int64(stats, "last_seq", &last, &error), STATUS_OK);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return last;
}

/* Ended: acknowledged or terminated after one attempt, and reported. */
static void assert_refused(const char *payload) {
    struct uuid unique = uuid_v7();
    char msg_id[UUID_TEXT_SIZE], name[64];
    uuid_format(&unique, msg_id);
    int64_t redelivered = consumer_figure("num_redelivered");
    start_consumer();

    publish_raw("orders.evt.created", msg_id, payload, NULL);

    snprintf(name, sizeof(name), "seq-%" PRId64, last_sequence());
    assert_true(wait_until(report_exists, name, WAIT_MS));
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(consumer_figure("num_redelivered"), redelivered);
    assert_int_equal(count_of(&taken), 0);
}

static void a_payload_that_is_no_event_is_rejected_under_its_sequence(void **state) {
    (void)state;
    assert_refused("{\"no\":\"event\"}");
}

static void an_event_of_an_unknown_major_version_is_rejected(void **state) {
    (void)state;
    assert_refused("{\"specversion\":\"1.0\",\"type\":\"io.ordermesh.order.created\","
                   "\"source\":\"order\",\"dataschema\":\"urn:ordermesh:schema:order.created:2\","
                   "\"id\":\"0193a1b2-d4e5-7f60-9b7c-8d9e0f1a2b3c\",\"time\":"
                   "\"2026-01-31T12:00:00Z\",\"subject\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\","
                   "\"data\":{\"orderId\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\"}}");
}

static void a_retried_event_is_given_back_and_is_applied_the_next_time(void **state) {
    (void)state;
    start_consumer();

    struct uuid id = publish(EVENT_ORDER_CREATED, "retry-once", NULL);

    assert_effects(1);
    assert_int_equal(atomic_load(&attempts_seen), 2);
    assert_int_equal(atomic_load(&most_attempts), 2);
    assert_next_report(&id, "\"outcome\":\"RETRY\"");
    assert_next_report(&id, "\"outcome\":\"DONE\"");
}

/* The delays before are 1, 2 and 4 s. After the fourth attempt nobody is waited for, and the server
   gives the event up a second later. */
static void what_fails_for_the_last_time_is_given_up_at_once(void **state) {
    (void)state;
    natsSubscription *advisories = NULL;
    assert_int_equal(natsConnection_SubscribeSync(
                         &advisories, nats_client_fast(nats),
                         "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." STREAM "." DURABLE),
                     NATS_OK);
    start_consumer();

    struct uuid id = publish(EVENT_ORDER_CREATED, "retry-always", NULL);

    for (int attempt = 1; attempt <= 4; attempt++)
        assert_next_report(&id, "\"outcome\":\"RETRY\"");
    int64_t last_us = clock_monotonic_us();
    assert_next(advisories, "\"deliveries\":4", DURABLE);
    assert_true(clock_monotonic_us() - last_us < 4 * INT64_C(1000000) * OM_TIME_FACTOR);
    natsSubscription_Destroy(advisories);
}

static void what_is_done_at_once_is_not_reported(void **state) {
    (void)state;
    publish(EVENT_ORDER_CREATED, "well", NULL);
    struct uuid id = publish(EVENT_ORDER_CREATED, "reject", NULL);

    start_consumer();

    assert_next_report(&id, "\"outcome\":\"REJECT\"");
    assert_effects(1);
}

static void a_replay_is_for_the_consumer_it_names_and_its_success_is_reported(void **state) {
    (void)state;
    publish_for("somebody", EVENT_ORDER_CREATED, "well", NULL);
    struct uuid id = publish_for(DURABLE, EVENT_ORDER_CREATED, "well", NULL);

    start_consumer();

    assert_next_report(&id, "\"outcome\":\"DONE\"");
    assert_effects(1);
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(count_of(&taken), 1);
}

static void an_event_knows_its_place_in_the_stream_and_a_replay_its_first_one(void **state) {
    (void)state;
    atomic_store(&batches_seen, 0);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    start_consumer();
    assert_effects(1);
    publish_for(DURABLE, EVENT_ORDER_CREATED, "well", NULL);
    assert_effects(2);
    assert_in_range(seen[0].sequence, 1, 1000000);
    assert_in_range(seen[0].stored_us, seen[0].time_us, clock_now_us());
    assert_int_equal(seen[1].sequence, 1000001);
    assert_int_equal(seen[1].stored_us, seen[1].time_us);
}

static void the_server_is_told_why_an_event_is_rejected_if_it_takes_a_reason(void **state) {
    (void)state;
    natsSubscription *advisories = NULL;
    bool takes_reason = nats_client_server_version(nats) >= NATS_SERVER_VERSION(2, 10, 4);
    assert_int_equal(natsConnection_SubscribeSync(
                         &advisories, nats_client_fast(nats),
                         "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED." STREAM "." DURABLE),
                     NATS_OK);
    start_consumer();

    publish(EVENT_ORDER_CREATED, "reject", NULL);

    assert_next(advisories, "\"deliveries\":1",
                takes_reason ? "\"reason\":\"told to reject\"" : "\"consumer\"");
    natsSubscription_Destroy(advisories);
}

/* As by a process that dies with what it has fetched. */
static void lose_a_delivery(int count) {
    natsSubscription *subscription = NULL;
    char *inbox = nats_client_inbox(nats), request[64];
    snprintf(request, sizeof(request), "{\"batch\":%d,\"expires\":5000000000}", count);
    assert_int_equal(natsConnection_SubscribeSync(&subscription, nats_client_fast(nats), inbox),
                     NATS_OK);
    assert_int_equal(natsConnection_PublishRequestString(
                         nats_client_fast(nats), "$JS.API.CONSUMER.MSG.NEXT." STREAM "." DURABLE,
                         inbox, request),
                     NATS_OK);
    for (int i = 0; i < count; i++) {
        natsMsg *message = NULL;
        assert_int_equal(natsSubscription_NextMsg(&message, subscription, WAIT_MS), NATS_OK);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(subscription);
    free(inbox);
}

static bool is_at_work(void *unused) {
    (void)unused;
    return atomic_load(&batches_seen) > 0;
}

static bool all_are_in_hand(void *unused) {
    (void)unused;
    return consumer_figure("num_ack_pending") == 5 && consumer_figure("num_pending") == 0;
}

static void what_comes_for_the_third_time_is_worked_on_alone_and_first(void **state) {
    (void)state;
    publish(EVENT_ORDER_CREATED, "well", NULL);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    lose_a_delivery(2);
    lose_a_delivery(2);
    atomic_store(&dependency_is_down, true);
    publish(EVENT_ORDER_CREATED, "unavailable", NULL); /* holds the consumer meanwhile */
    atomic_store(&batches_seen, 0);
    start_consumer();
    assert_true(wait_until(is_at_work, NULL, WAIT_MS));
    publish(EVENT_ORDER_CREATED, "well", NULL);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    clock_sleep_ms(3000); /* ack_wait, and a moment */
    assert_true(wait_until(all_are_in_hand, NULL, WAIT_MS));
    atomic_store(&batches_seen, 0);

    atomic_store(&dependency_is_down, false);

    assert_effects(5);
    static const struct {
        size_t count;
        int attempt;
    } wanted[] = {{1, 1}, {1, 3}, {1, 3}, {2, 1}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen[i].count, wanted[i].count);
        assert_int_equal(seen[i].attempt, wanted[i].attempt);
    }
}

static void an_event_the_database_refuses_holds_back_no_other(void **state) {
    (void)state;
    publish(EVENT_ORDER_CREATED, "well", NULL);
    struct uuid id = publish(EVENT_ORDER_CREATED, "refused-by-database", NULL);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    char text[UUID_TEXT_SIZE];
    uuid_format(&id, text);

    start_consumer();

    assert_effects(2);
    assert_true(wait_until(report_exists, text, WAIT_MS));
    /* It is tried max_deliver times, then left to the dead letters; do not wait for that here. */
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_effects(2);
}

static bool is_not_ready(void *unused) {
    (void)unused;
    return !consumer_is_ready(consumer, NULL);
}

static void an_outage_holds_the_batch_and_costs_no_attempt(void **state) {
    (void)state;
    int64_t redelivered = consumer_figure("num_redelivered");
    atomic_store(&dependency_is_down, true);
    start_consumer();
    publish(EVENT_ORDER_CREATED, "well", NULL);
    assert_effects(1);
    publish(EVENT_ORDER_CREATED, "unavailable", NULL);
    assert_true(wait_until(is_not_ready, NULL, WAIT_MS));

    clock_sleep_ms(6000); /* three times ack_wait: only heartbeats keep it from coming again */
    atomic_store(&dependency_is_down, false);

    assert_effects(2);
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_int_equal(consumer_figure("num_redelivered"), redelivered);
}

static void a_drained_consumer_finishes_what_it_fetched(void **state) {
    (void)state;
    enum { EVENTS = 500 };
    for (int i = 0; i < EVENTS; i++)
        publish(EVENT_ORDER_CREATED, "well", NULL);
    start_consumer();
    int64_t one = 1;
    while (count_of(&effects) < one)
        ;

    consumer_drain(consumer);
    consumer_destroy(&consumer);

    /* The messages taken are done and acknowledged; the rest waits untouched for the next consumer.
     */
    int64_t done = count_of(&effects);
    assert_in_range(done, 1, EVENTS);
    start_consumer();
    assert_effects(EVENTS);
    assert_true(wait_until(all_is_acknowledged, NULL, WAIT_MS));
    assert_int_equal(atomic_load(&most_attempts), 1);
}

/* --- patience --------------------------------------------------------------------------------- */

static void a_patient_consumer_takes_at_once_what_came_meanwhile(void **state) {
    (void)state;
    enum { EVENTS = 40, APART_MS = 20, BATCHES_MOST = 3 };
    static const struct handler patient = {.apply = apply, .patience_ms = 5000};
    static const struct handler_row patient_rows[] = {{EVENT_ORDER_CREATED, &patient}};
    static const struct consumer_spec patient_spec = {STREAM, DURABLE, patient_rows, 1};
    start_consumer_of(&patient_spec);
    publish(EVENT_ORDER_CREATED, "well", NULL);
    assert_effects(1);
    atomic_store(&batches_seen, 0);

    for (int i = 1; i < EVENTS; i++) {
        clock_sleep_ms(APART_MS);
        publish(EVENT_ORDER_CREATED, "well", NULL);
    }

    assert_effects(EVENTS);
    assert_in_range(atomic_load(&batches_seen), 1, BATCHES_MOST);
}

static void a_patient_consumer_waits_for_nothing_while_there_is_a_full_batch(void **state) {
    (void)state;
    enum { LONG_MS = 100000, EVENTS = 2 * 64 * PATIENT_BATCHES + 1 };
    static const struct handler patient = {.apply = apply, .patience_ms = LONG_MS};
    static const struct handler_row patient_rows[] = {{EVENT_ORDER_CREATED, &patient}};
    static const struct consumer_spec patient_spec = {STREAM, DURABLE, patient_rows, 1};
    for (int i = 0; i < EVENTS; i++)
        publish(EVENT_ORDER_CREATED, "well", NULL);

    start_consumer_of(&patient_spec);

    assert_effects(EVENTS);
}

/* --- messages that are no events -------------------------------------------------------------- */

static atomic_int raw_taken, raw_refused;

/* Refuses any batch with the body "bad" in it, and counts the bodies "good". */
static enum status take_raw(struct batch *batch, struct error *error) {
    int good = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        good += slice_is(delivery->payload, "good") && slice_is(delivery->subject, "failures.good");
        if (!slice_is(delivery->payload, "bad"))
            continue;
        atomic_fetch_add(&raw_refused, batch->count == 1);
        return error_set(error, STATUS_DATA, "told to refuse");
    }
    atomic_fetch_add(&raw_taken, good);
    return STATUS_OK;
}

static const struct handler raw_handler = {.take_raw = take_raw, .raw_most = 8};
static const struct handler_row raw_rows[] = {{EVENT_TYPE_COUNT, &raw_handler}};
static const struct consumer_spec raw_spec = {"FAILURES", "dlq", raw_rows, 1};

static bool raw_is_taken(void *count) {
    return atomic_load(&raw_taken) == *(int *)count && atomic_load(&raw_refused) > 1;
}

static void
messages_that_are_no_events_are_taken_and_one_that_fails_alone_comes_again(void **state) {
    (void)state;
    int good = 1;
    natsMsg *message = NULL;
    natsConnection *connection = nats_client_fast(nats);
    assert_int_equal(natsConnection_PublishString(connection, "failures.bad", "bad"), NATS_OK);
    assert_int_equal(natsConnection_PublishString(connection, "failures.good", "good"), NATS_OK);

    start_consumer_of(&raw_spec);

    assert_true(wait_until(raw_is_taken, &good, WAIT_MS));
    for (int i = 0; i < 2; i++) { /* the two, and no report about one of them */
        assert_int_equal(natsSubscription_NextMsg(&message, reports, WAIT_MS), NATS_OK);
        natsMsg_Destroy(message);
    }
    assert_int_equal(natsSubscription_NextMsg(&message, reports, 100), NATS_TIMEOUT);
}

static int group_setup(void **state) {
    (void)state;
    struct error error = {0};
    servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    servers_migrate(servers);
    servers_provision(servers);
    const struct nats_client_options options = {
        .url = servers_nats_url(servers),
        .user = "operator",
        .password_file = servers_nats_password_file(servers, "operator"),
        .name = "test",
    };
    pg = pg_create(servers_postgres_url(servers), "test");
    if (nats_client_create(&options, &nats, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    return 0;
}

static int group_teardown(void **state) {
    (void)state;
    nats_client_destroy(&nats);
    pg_destroy(&pg);
    servers_stop(&servers);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_applied_and_acknowledged_after_its_commit),
        TEST(an_event_sent_twice_commits_once),
        TEST(what_was_discarded_is_not_applied_and_its_neighbours_are),
        TEST(what_was_discarded_is_not_blamed_for_what_its_handler_says),
        TEST(what_was_discarded_is_not_blamed_for_what_the_database_says),
        TEST(an_event_of_a_type_not_listed_is_acknowledged_and_ignored),
        TEST(a_rejected_event_is_reported_and_never_comes_again_while_its_neighbours_are_done),
        TEST(a_payload_that_is_no_event_is_rejected_under_its_sequence),
        TEST(an_event_of_an_unknown_major_version_is_rejected),
        TEST(a_retried_event_is_given_back_and_is_applied_the_next_time),
        TEST(what_fails_for_the_last_time_is_given_up_at_once),
        TEST(what_is_done_at_once_is_not_reported),
        TEST(a_replay_is_for_the_consumer_it_names_and_its_success_is_reported),
        TEST(an_event_knows_its_place_in_the_stream_and_a_replay_its_first_one),
        TEST(the_server_is_told_why_an_event_is_rejected_if_it_takes_a_reason),
        TEST(what_comes_for_the_third_time_is_worked_on_alone_and_first),
        TEST(an_event_the_database_refuses_holds_back_no_other),
        TEST(an_outage_holds_the_batch_and_costs_no_attempt),
        TEST(a_drained_consumer_finishes_what_it_fetched),
        TEST(a_patient_consumer_takes_at_once_what_came_meanwhile),
        TEST(a_patient_consumer_waits_for_nothing_while_there_is_a_full_batch),
        TEST(messages_that_are_no_events_are_taken_and_one_that_fails_alone_comes_again),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/*
 * One consumer of a real stream with a real inbox, of whose events each writes a row into the
 * outbox once it is applied: how many, and what the consumer says that it waits for.
 */
#ifndef OM_TESTS_INTEGRATION_SHARED_CONSUME_CONSUMER_FIXTURE_H
#define OM_TESTS_INTEGRATION_SHARED_CONSUME_CONSUMER_FIXTURE_H

#include "shared/base/clock.h"
#include "shared/consume/consumer.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <stdatomic.h>

#define WAIT_MS 20000
#define STREAM "ORDERS"
#define DURABLE "analytics"

static struct pg *pg;
static struct consumer *consumer;
static natsSubscription *reports; /* failure reports, from the beginning of each test */
static atomic_int most_attempts;

/* Applies one event. */
static inline void take_effect(struct batch *batch, const struct delivery *delivery) {
    if (delivery->attempt > atomic_load(&most_attempts))
        atomic_store(&most_attempts, delivery->attempt);
    outbox_add(batch->outbox, EVENT_INVENTORY_RELEASED, delivery->event.subject, &delivery->event,
               SLICE_LITERAL("{}"));
}

static inline void run(const char *sql) {
    struct error error = {0};
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static inline void ask_jetstream(const char *verb, const char *body) {
    char subject[128];
    natsMsg *reply = NULL;
    snprintf(subject, sizeof(subject), "$JS.API.%s", verb);
    assert_int_equal(
        natsConnection_RequestString(&reply, nats_client_fast(nats), subject, body, 5000), NATS_OK);
    if (strstr(natsMsg_GetData(reply), "\"error\"") != NULL)
        fail_msg("%s: %s", verb, natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
}

/* One more member of its configuration, or another value of one. */
static inline void set_consumer(const char *member) {
    char body[512];
    snprintf(body, sizeof(body),
             "{\"stream_name\":\"" STREAM "\",\"config\":{\"durable_name\":\"" DURABLE
             "\",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":2000000000,"
             "\"max_deliver\":4,\"filter_subject\":\"orders.evt.>\",\"max_ack_pending\":20000,"
             "\"max_waiting\":512,%s}}",
             member);
    ask_jetstream("CONSUMER.DURABLE.CREATE." STREAM "." DURABLE, body);
}

static inline void publish_event(const char *data) {
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
    event_encode(&head, slice_of(data), &payload, NULL);
    assert_int_equal(nats_event_message(&message, event_info(EVENT_ORDER_CREATED)->subject, NULL,
                                        buf_slice(&payload), msg_id, STREAM, NULL, &error),
                     STATUS_OK);
    assert_int_equal(natsConnection_RequestMsg(&reply, nats_client_fast(nats), message, 5000),
                     NATS_OK);
    natsMsg_Destroy(message);
    natsMsg_Destroy(reply);
    buf_fini(&payload);
}

static inline bool effects_are(void *wanted) {
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

static inline void assert_effects(int wanted) {
    assert_true(wait_until(effects_are, &wanted, WAIT_MS));
}

static inline bool waits_for(void *reason) {
    struct error why = {0};
    return !consumer_is_ready(consumer, &why) && strstr(why.text, reason) != NULL &&
           strstr(why.text, STREAM "/" DURABLE " waits: ") == why.text;
}

static inline bool is_ready(void *unused) {
    (void)unused;
    return consumer_is_ready(consumer, NULL);
}

static inline void assert_waits_for(const char *reason) {
    bool is_waiting = wait_until(waits_for, (void *)(uintptr_t)reason, WAIT_MS);
    if (!is_waiting) {
        struct error why = {0};
        bool ready = consumer_is_ready(consumer, &why);
        fail_msg("ready: %d; \"%s\" is not about %s", ready, why.text, reason);
    }
}

static inline void assert_ready(void) {
    assert_true(wait_until(is_ready, NULL, WAIT_MS));
}

static inline void assert_no_report(void) {
    natsMsg *message = NULL;
    assert_int_equal(natsSubscription_NextMsg(&message, reports, 100), NATS_TIMEOUT);
}

/* Nothing is left of the test before. */
static inline void begin_anew(void) {
    run("TRUNCATE inventory.outbox; TRUNCATE inventory.inbox");
    ask_jetstream("STREAM.PURGE." STREAM, "");
    atomic_store(&most_attempts, 0);
    natsConnection_SubscribeSync(&reports, nats_client_fast(nats), "failures.>");
}

static inline int group_setup(void **state) {
    int failure = system_setup(state);
    if (failure == 0)
        pg = pg_create(servers_postgres_url(servers), "test");
    return failure;
}

static inline int group_teardown(void **state) {
    pg_destroy(&pg);
    return servers_teardown(state);
}

#endif

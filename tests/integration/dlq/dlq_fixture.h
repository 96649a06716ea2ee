/*
 * Acting on dead letters, with om-dlq, PostgreSQL and NATS as they are, and two consumers of the
 * same events: one that a bug makes reject everything for a while, and a sound one.
 */
#ifndef OM_TESTS_INTEGRATION_DLQ_DLQ_FIXTURE_H
#define OM_TESTS_INTEGRATION_DLQ_DLQ_FIXTURE_H

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/consume/consumer.h"
#include "shared/nats/mesh_call.h"
#include "shared/observe/log.h"
#include "tests/support/base/test.h"
#include "tests/support/world/dead_letters.h"

#include <inttypes.h>
#include <stdatomic.h>

#define FAILING "analytics"
#define SOUND "inventory"
#define GRACE_MS 600000

static struct dead_letters world;
static struct process *service;
static struct consumer *failing, *sound;
static atomic_bool is_broken;
static atomic_int failing_applied, sound_applied;

/* --- the consumers ---------------------------------------------------------------------------- */

static inline enum status apply_failing(struct batch *batch, struct error *error) {
    (void)error;
    for (size_t i = 0; i < batch->count; i++) {
        if (atomic_load(&is_broken))
            delivery_reject(batch->items[i], STATUS_INVALID, "a bug in the consumer");
        else
            atomic_fetch_add(&failing_applied, 1);
    }
    return STATUS_OK;
}

static inline enum status apply_sound(struct batch *batch, struct error *error) {
    (void)error;
    atomic_fetch_add(&sound_applied, (int)batch->count);
    return STATUS_OK;
}

static const struct handler failing_handler = {.apply = apply_failing};
static const struct handler sound_handler = {.apply = apply_sound};
static const struct handler_row failing_rows[] = {{EVENT_ORDER_CREATED, &failing_handler}};
static const struct handler_row sound_rows[] = {{EVENT_ORDER_CREATED, &sound_handler}};
static const struct consumer_spec failing_spec = {"ORDERS", FAILING, failing_rows, 1};
static const struct consumer_spec sound_spec = {"ORDERS", SOUND, sound_rows, 1};

static inline struct consumer *start_consumer(const struct consumer_spec *spec, const char *role) {
    struct error error = {0};
    const struct consumer_options options = {
        .nats = world.nats,
        .database_url = servers_role_url(world.servers, role),
        .service = spec->durable,
        .instance = "test",
        .batch_max = 64,
    };
    struct consumer *consumer = consumer_create(spec, &options);
    assert_int_equal(consumer_start(consumer, &error), STATUS_OK);
    return consumer;
}

static inline int set_up(void **state) {
    (void)state;
    log_init("test", "", LOG_LEVEL_ERROR);
    dead_letters_start(&world);
    service = dead_letters_service(&world, GRACE_MS, NULL);
    failing = start_consumer(&failing_spec, "om_analytics");
    sound = start_consumer(&sound_spec, "om_inventory");
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    consumer_destroy(&failing);
    consumer_destroy(&sound);
    dead_letters_end(&service);
    dead_letters_stop(&world);
    return 0;
}

/* --- poison and what is asked of the service -------------------------------------------------- */

static inline void publish(int count) {
    for (int i = 0; i < count; i++) {
        struct uuid id = uuid_v7(), order = uuid_v7();
        char msg_id[UUID_TEXT_SIZE], order_id[UUID_TEXT_SIZE];
        uuid_format(&id, msg_id);
        uuid_format(&order, order_id);
        const struct event_head head = {.type = EVENT_ORDER_CREATED,
                                        .id = id,
                                        .subject = slice_of(order_id),
                                        .trace = trace_start(),
                                        .correlation_id = slice_of(order_id),
                                        .time_us = clock_now_us()};
        struct buf payload = {0};
        event_encode(&head, SLICE_LITERAL("{}"), &payload, NULL);
        natsMsg *message = dead_letters_message(msg_id, buf_slice(&payload));
        natsMsgHeader_Set(message, "Ce-Type", "io.ordermesh.order.created");
        dead_letters_store(&world, message);
        buf_fini(&payload);
    }
}

#define DEAD_SQL "SELECT count(*) FROM dlq.entries WHERE status = 'dead'"

/* So many new dead letters; nothing is left of tests before. */
static inline int each_set_up(void **state) {
    (void)state;
    dead_letters_query(&world, "TRUNCATE dlq.entries, dlq.edits, dlq.failures,"
                               " dlq.actions, dlq.jobs");
    atomic_store(&failing_applied, 0);
    atomic_store(&sound_applied, 0);
    atomic_store(&is_broken, true);
    return 0;
}

static inline void make_dead(int count) {
    publish(count);
    dead_letters_await_query(&world, DEAD_SQL, count);
}

/* The answer; NULL, and *status, when it is refused. */
static inline struct json_object *ask(const char *subject, const char *body, enum status *status) {
    struct json_object *reply = NULL;
    struct error error = {0};
    *status = mesh_call(world.nats, subject, slice_of(body), MESH_CALL_MS, &reply, &error);
    return reply;
}

static inline struct json_object *ask_well(const char *subject, const char *body) {
    enum status status;
    struct json_object *reply = ask(subject, body, &status);
    if (status != STATUS_OK)
        fail_msg("%s %s: %s", subject, body, status_name(status));
    return reply;
}

static inline void assert_refused(const char *subject, const char *body, enum status expected) {
    enum status status;
    struct json_object *reply = ask(subject, body, &status);
    json_object_put(reply);
    assert_string_equal(status_name(status), status_name(expected));
}

static const char *text_of(struct json_object *object, const char *key) {
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return json_object_get_string(value);
}

static inline int64_t number_of(struct json_object *object, const char *key) {
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return json_object_get_int64(value);
}

/* {"id":...} of the newest entry, with `rest` behind it. */
static inline void write_id(struct buf *body, const char *rest) {
    struct json_object *list = ask_well("mesh.dlq.list", "{\"status\":\"any\",\"limit\":1}");
    struct json_object *entries;
    assert_true(json_object_object_get_ex(list, "entries", &entries));
    assert_int_equal(json_object_array_length(entries), 1);
    buf_clear(body);
    buf_printf(body, "{\"id\":\"%s\"%s}", text_of(json_object_array_get_idx(entries, 0), "id"),
               rest);
    json_object_put(list);
}

static inline int64_t stream_messages(void) {
    struct error error;
    natsMsg *reply = NULL;
    struct json_object *root = NULL, *state;
    int64_t messages = 0;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.STREAM.INFO.ORDERS", "", 5000),
                     NATS_OK);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(text, &root, &error), STATUS_OK);
    assert_int_equal(json_get_object(root, "state", &state, &error), STATUS_OK);
    assert_int_equal(json_get_int64(state, "messages", &messages, &error), STATUS_OK);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return messages;
}

static inline bool sound_has(void *count) {
    return atomic_load(&sound_applied) >= *(int *)count;
}

#define RESOLVED_SQL "SELECT count(*) FROM dlq.entries WHERE status = 'resolved'"

#endif

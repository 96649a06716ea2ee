/* Acting on dead letters, with om-dlq, PostgreSQL and NATS as they are, and two consumers of the
   same events: one that a bug makes reject everything for a while, and a sound one. */
#include "omctl/mesh_call.h"
#include "shared/clock.h"
#include "shared/consumer.h"
#include "shared/log.h"
#include "tests/support/dead_letters.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define FAILING "analytics"
#define SOUND "inventory"
#define GRACE_MS 600000
#define THREADS 6

static struct dead_letters world;
static struct process *service;
static struct consumer *failing, *sound;
static atomic_bool is_broken;
static atomic_int failing_applied, sound_applied;

/* --- the consumers ------------------------------------------------------------------------------
 */

static enum status apply_failing(struct batch *batch, struct error *error) {
    (void)error;
    for (size_t i = 0; i < batch->count; i++) {
        if (atomic_load(&is_broken))
            delivery_reject(batch->items[i], STATUS_INVALID, "a bug in the consumer");
        else
            atomic_fetch_add(&failing_applied, 1);
    }
    return STATUS_OK;
}

static enum status apply_sound(struct batch *batch, struct error *error) {
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

static struct consumer *start_consumer(const struct consumer_spec *spec, const char *role) {
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

static int set_up(void **state) {
    (void)state;
    log_init("test", "", LOG_LEVEL_ERROR);
    dead_letters_start(&world);
    service = dead_letters_service(&world, GRACE_MS, NULL);
    failing = start_consumer(&failing_spec, "om_analytics");
    sound = start_consumer(&sound_spec, "om_inventory");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    consumer_destroy(&failing);
    consumer_destroy(&sound);
    dead_letters_end(&service);
    dead_letters_stop(&world);
    return 0;
}

/* --- poison and what is asked of the service ----------------------------------------------------
 */

static void publish(int count) {
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
        dead_letters_store(&world, dead_letters_message(msg_id, buf_slice(&payload)));
        buf_fini(&payload);
    }
}

#define DEAD_SQL "SELECT count(*) FROM dlq.entries WHERE status = 'dead'"

/* So many new dead letters; nothing is left of tests before. */
static int each_set_up(void **state) {
    (void)state;
    dead_letters_query(&world, "TRUNCATE dlq.entries, dlq.failures, dlq.actions, dlq.jobs");
    atomic_store(&failing_applied, 0);
    atomic_store(&sound_applied, 0);
    atomic_store(&is_broken, true);
    return 0;
}

static void make_dead(int count) {
    publish(count);
    dead_letters_await_query(&world, DEAD_SQL, count);
}

/* The answer; NULL, and *status, when it is refused. */
static struct json_object *ask(const char *subject, const char *body, enum status *status) {
    struct json_object *reply = NULL;
    struct error error = {0};
    *status = mesh_call(world.nats, subject, slice_of(body), &reply, &error);
    return reply;
}

static struct json_object *ask_well(const char *subject, const char *body) {
    enum status status;
    struct json_object *reply = ask(subject, body, &status);
    if (status != STATUS_OK)
        fail_msg("%s %s: %s", subject, body, status_name(status));
    return reply;
}

static void assert_refused(const char *subject, const char *body, enum status expected) {
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

static int64_t number_of(struct json_object *object, const char *key) {
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return json_object_get_int64(value);
}

/* {"id":...} of the newest entry, with `rest` behind it. */
static void write_id(struct buf *body, const char *rest) {
    struct json_object *list = ask_well("mesh.dlq.list", "{\"status\":\"any\",\"limit\":1}");
    struct json_object *entries;
    assert_true(json_object_object_get_ex(list, "entries", &entries));
    assert_int_equal(json_object_array_length(entries), 1);
    buf_clear(body);
    buf_printf(body, "{\"id\":\"%s\"%s}", text_of(json_object_array_get_idx(entries, 0), "id"),
               rest);
    json_object_put(list);
}

static int64_t stream_messages(void) {
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

static bool sound_has(void *count) {
    return atomic_load(&sound_applied) >= *(int *)count;
}

#define RESOLVED_SQL "SELECT count(*) FROM dlq.entries WHERE status = 'resolved'"

/* --- one entry ----------------------------------------------------------------------------------
 */

static void a_replay_reaches_only_the_consumer_that_failed(void **state) {
    (void)state;
    struct buf body = {0};
    int one = 1, two = 2;
    make_dead(1);
    assert_true(wait_until(sound_has, &one, DEAD_LETTERS_WAIT_MS));
    atomic_store(&is_broken, false);
    write_id(&body, ",\"actor\":\"ann\"");

    json_object_put(ask_well("mesh.dlq.replay", body.ptr));

    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    assert_int_equal(atomic_load(&failing_applied), 1);
    publish(1); /* the sound consumer is past the replay once it has this one */
    assert_true(wait_until(sound_has, &two, DEAD_LETTERS_WAIT_MS));
    assert_int_equal(atomic_load(&sound_applied), 2);
    buf_fini(&body);
}

static void an_entry_shows_its_message_and_its_history(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(1);
    atomic_store(&is_broken, false);
    write_id(&body, ",\"actor\":\"ann\"");
    json_object_put(ask_well("mesh.dlq.replay", body.ptr));
    dead_letters_await_query(&world, RESOLVED_SQL, 1);

    write_id(&body, "");
    struct json_object *entry = ask_well("mesh.dlq.get", body.ptr), *history, *headers;

    assert_string_equal(text_of(entry, "status"), "resolved");
    assert_string_equal(text_of(entry, "consumer"), FAILING);
    assert_string_equal(text_of(entry, "error"), "a bug in the consumer");
    assert_string_equal(text_of(entry, "type"), "io.ordermesh.order.created");
    assert_contains(text_of(entry, "body"), "\"type\":\"io.ordermesh.order.created\"");
    assert_true(json_object_object_get_ex(entry, "headers", &headers));
    assert_contains(text_of(headers, "Nats-Msg-Id"), text_of(entry, "eventId"));
    assert_true(json_object_object_get_ex(entry, "history", &history));
    assert_int_equal(json_object_array_length(history), 3);
    assert_string_equal(text_of(json_object_array_get_idx(history, 0), "event"), "failed");
    assert_string_equal(text_of(json_object_array_get_idx(history, 1), "event"), "replay");
    assert_string_equal(text_of(json_object_array_get_idx(history, 1), "actor"), "ann");
    assert_string_equal(text_of(json_object_array_get_idx(history, 2), "event"), "resolved");
    json_object_put(entry);
    buf_fini(&body);
}

static void *replay_in_thread(void *body) {
    struct json_object *reply = NULL;
    struct error error;
    enum status status = mesh_call(world.nats, "mesh.dlq.replay", slice_of(body), &reply, &error);
    json_object_put(reply);
    return status == STATUS_OK ? body : NULL;
}

static void many_who_replay_at_once_publish_once(void **state) {
    (void)state;
    struct buf body = {0};
    pthread_t threads[THREADS];
    make_dead(1);
    atomic_store(&is_broken, false);
    write_id(&body, "");
    int64_t before = stream_messages();

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, replay_in_thread, body.ptr), 0);
    for (int i = 0; i < THREADS; i++) {
        void *answered;
        pthread_join(threads[i], &answered);
        assert_non_null(answered);
    }
    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    struct json_object *again = ask_well("mesh.dlq.replay", body.ptr);

    assert_string_equal(text_of(again, "status"), "resolved");
    assert_int_equal(stream_messages(), before + 1);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions"), 1);
    json_object_put(again);
    buf_fini(&body);
}

static void what_fails_again_is_the_next_generation_of_its_entry(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(1);
    write_id(&body, "");

    json_object_put(ask_well("mesh.dlq.replay", body.ptr));
    dead_letters_await_query(
        &world, "SELECT count(*) FROM dlq.entries WHERE status = 'dead' AND generation = 2", 1);
    atomic_store(&is_broken, false);
    json_object_put(ask_well("mesh.dlq.replay", body.ptr));

    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    assert_int_equal(atomic_load(&failing_applied), 1);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.entries"), 1);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.failures"), 2);
    buf_fini(&body);
}

/* As a server does after its restart. */
static void repeat_last_advisory(void) {
    static const char subject[] = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS." FAILING;
    natsMsg *reply = NULL;
    struct stored_message advisory = {0};
    struct error error;
    struct buf request = {0};
    stored_message_by_subject(&request, subject);
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.STREAM.MSG.GET.ADVISORIES", request.ptr,
                                                  5000),
                     NATS_OK);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(stored_message_parse(text, &advisory, &error), STATUS_OK);
    dead_letters_advise(&world, subject, advisory.body.ptr);
    stored_message_fini(&advisory);
    natsMsg_Destroy(reply);
    buf_fini(&request);
}

static void a_discarded_entry_needs_a_reason_and_stays_discarded(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(1);
    write_id(&body, "");
    assert_refused("mesh.dlq.discard", body.ptr, STATUS_INVALID);
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 1);

    write_id(&body, ",\"reason\":\"a test order\",\"actor\":\"bob\"");
    struct json_object *entry = ask_well("mesh.dlq.discard", body.ptr);
    assert_string_equal(text_of(entry, "status"), "discarded");
    json_object_put(entry);
    repeat_last_advisory();
    make_dead(1); /* the service is past the advisory once this one is there */
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.entries"), 2);
    dead_letters_query(&world, "DELETE FROM dlq.entries WHERE status = 'dead'");
    write_id(&body, "");
    entry = ask_well("mesh.dlq.replay", body.ptr);

    assert_string_equal(text_of(entry, "status"), "discarded");
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions WHERE"
                                                " action = 'discard' AND actor = 'bob'"
                                                " AND detail = 'a test order'"),
                     1);
    json_object_put(entry);
    buf_fini(&body);
}

static void what_was_replayed_cannot_be_discarded(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(1);
    atomic_store(&is_broken, false);
    write_id(&body, "");
    json_object_put(ask_well("mesh.dlq.replay", body.ptr));
    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    write_id(&body, ",\"reason\":\"too late\"");
    assert_refused("mesh.dlq.discard", body.ptr, STATUS_CONFLICT);
    buf_fini(&body);
}

/* The stream keeps entries for a time; the index does not know when that is over. */
static void an_entry_whose_message_is_gone_stays_dead_and_says_why(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(1);
    natsMsg *reply = NULL;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.STREAM.PURGE.ORDERS_DLQ", "{}", 5000),
                     NATS_OK);
    natsMsg_Destroy(reply);
    write_id(&body, "");
    assert_refused("mesh.dlq.replay", body.ptr, STATUS_CONFLICT);
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 1);
    struct json_object *entry = ask_well("mesh.dlq.get", body.ptr), *history;
    assert_false(json_object_object_get_ex(entry, "bodyBase64", NULL));
    assert_true(json_object_object_get_ex(entry, "history", &history));
    assert_string_equal(text_of(json_object_array_get_idx(history, 2), "event"), "replay_refused");
    json_object_put(entry);
    buf_fini(&body);
}

/* --- lists --------------------------------------------------------------------------------------
 */

static void pages_hold_every_entry_once(void **state) {
    (void)state;
    struct json_object *entries, *seen = json_object_new_object();
    struct buf body = {0};
    make_dead(7);
    buf_append_text(&body, "{\"stream\":\"ORDERS\",\"limit\":3}");
    for (size_t expected = 3;; expected = expected == 3 ? 3 : 1) {
        struct json_object *page = ask_well("mesh.dlq.list", body.ptr), *cursor;
        assert_true(json_object_object_get_ex(page, "entries", &entries));
        for (size_t i = 0; i < json_object_array_length(entries); i++)
            json_object_object_add(seen, text_of(json_object_array_get_idx(entries, i), "id"),
                                   NULL);
        buf_clear(&body);
        bool has_more = json_object_object_get_ex(page, "nextCursor", &cursor);
        if (has_more)
            buf_printf(&body, "{\"stream\":\"ORDERS\",\"limit\":3,\"cursor\":\"%s\"}",
                       json_object_get_string(cursor));
        json_object_put(page);
        if (!has_more)
            break;
    }
    assert_int_equal(json_object_object_length(seen), 7);
    json_object_put(seen);
    buf_fini(&body);
}

static void a_cursor_goes_only_with_its_filter(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(2);
    struct json_object *page = ask_well("mesh.dlq.list", "{\"limit\":1}");
    buf_printf(&body, "{\"limit\":1,\"reason\":\"rejected\",\"cursor\":\"%s\"}",
               text_of(page, "nextCursor"));
    assert_refused("mesh.dlq.list", body.ptr, STATUS_INVALID);
    json_object_put(page);
    buf_fini(&body);
}

static void filters_are_strict_and_narrow_the_list(void **state) {
    (void)state;
    static const char *const none[] = {
        "{\"stream\":\"PAYMENTS\"}",         "{\"consumer\":\"order\"}",
        "{\"reason\":\"max_deliveries\"}",   "{\"code\":\"DATA\"}",
        "{\"to\":\"2020-01-01T00:00:00Z\"}", "{\"type\":\"io.ordermesh.order.failed\"}",
        "{\"status\":\"discarded\"}",        "{\"from\":\"2100-01-01T00:00:00Z\"}"};
    static const char *const wrong[] = {"{\"colour\":\"red\"}",     "{\"limit\":0}",
                                        "{\"limit\":201}",          "{\"reason\":\"bad luck\"}",
                                        "{\"from\":\"yesterday\"}", "{\"stream\":7}",
                                        "{\"cursor\":\"x\"}",       "[]"};
    make_dead(1);
    json_object_put(ask_well("mesh.dlq.list", "")); /* as `nats req mesh.dlq.list ''` */
    struct json_object *all = ask_well(
        "mesh.dlq.list", "{\"stream\":\"ORDERS\",\"consumer\":\"" FAILING "\",\"code\":\"INVALID\","
                         "\"reason\":\"rejected\",\"type\":\"io.ordermesh.order.created\","
                         "\"from\":\"2020-01-01T00:00:00Z\"}");
    assert_contains(json_object_to_json_string(all), "ORDERS." FAILING ".");
    json_object_put(all);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct json_object *empty = ask_well("mesh.dlq.list", none[i]), *entries;
        assert_true(json_object_object_get_ex(empty, "entries", &entries));
        assert_int_equal(json_object_array_length(entries), 0);
        json_object_put(empty);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_refused("mesh.dlq.list", wrong[i], STATUS_INVALID);
    assert_refused("mesh.dlq.get", "{\"id\":\"ORDERS.nobody.seq-1\"}", STATUS_NOT_FOUND);
    assert_refused("mesh.dlq.job", "{\"id\":\"none\"}", STATUS_NOT_FOUND);
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

struct job_state {
    char id[UUID_TEXT_SIZE];
    const char *state;
    int64_t replayed_at_least;
};

static struct json_object *ask_job(const char *id) {
    struct buf body = {0};
    buf_printf(&body, "{\"id\":\"%s\"}", id);
    struct json_object *job = ask_well("mesh.dlq.job", body.ptr);
    buf_fini(&body);
    return job;
}

static bool job_is(void *closure) {
    const struct job_state *wanted = closure;
    struct json_object *job = ask_job(wanted->id);
    bool is_so = strcmp(text_of(job, "state"), wanted->state) == 0 &&
                 number_of(job, "replayed") >= wanted->replayed_at_least;
    json_object_put(job);
    return is_so;
}

static struct job_state start_job(const char *body) {
    struct job_state job = {.state = "running"};
    struct json_object *reply = ask_well("mesh.dlq.replay_all", body);
    snprintf(job.id, sizeof(job.id), "%s", text_of(reply, "id"));
    json_object_put(reply);
    return job;
}

static void a_dry_run_counts_and_changes_nothing(void **state) {
    (void)state;
    make_dead(3);
    struct json_object *reply =
        ask_well("mesh.dlq.replay_all", "{\"reason\":\"rejected\",\"dryRun\":true}");
    assert_int_equal(number_of(reply, "matching"), 3);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.jobs"), 0);
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 3);
    json_object_put(reply);
    assert_refused("mesh.dlq.replay_all", "{\"status\":\"any\"}", STATUS_INVALID);
    assert_refused("mesh.dlq.replay_all", "{\"ratePerSecond\":10001}", STATUS_INVALID);
}

static bool service_answers(void *unused) {
    (void)unused;
    enum status status;
    json_object_put(ask("mesh.dlq.counts", "", &status));
    return status == STATUS_OK;
}

/* 500 entries: a fifth at its rate, then it is cancelled; the rest by a job whose process is killed
   twice on the way. */
static void a_job_keeps_its_rate_is_cancelled_and_survives_kills(void **state) {
    (void)state;
    enum { ENTRIES = 500, RATE = 200 };
    struct buf body = {0};
    make_dead(ENTRIES);
    atomic_store(&is_broken, false);
    int64_t before = stream_messages(), started_us = clock_monotonic_us();

    struct job_state job = start_job("{\"stream\":\"ORDERS\",\"ratePerSecond\":200}");
    job.replayed_at_least = ENTRIES / 5;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    assert_true(took_ms >= (ENTRIES / 5 - RATE / 20) * 1000 / RATE - 60);
    buf_printf(&body, "{\"id\":\"%s\",\"actor\":\"ann\"}", job.id);
    struct json_object *cancelled = ask_well("mesh.dlq.job_cancel", body.ptr);
    int64_t replayed = number_of(cancelled, "replayed");
    assert_string_equal(text_of(cancelled, "state"), "cancelled");
    assert_true(replayed < ENTRIES);
    json_object_put(cancelled);
    dead_letters_await_query(&world, DEAD_SQL, ENTRIES - replayed);
    dead_letters_await_query(&world, RESOLVED_SQL, replayed);

    static const char *const failpoints[] = {"dlq.before_replay:2", "dlq.after_replay:2", NULL};
    dead_letters_end(&service);
    for (int i = 0; i < 3; i++) {
        service = dead_letters_service(&world, GRACE_MS, failpoints[i]);
        if (i != 1)
            assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
        if (i == 0)
            job = start_job("{\"ratePerSecond\":1000,\"actor\":\"ann\"}");
        if (failpoints[i] == NULL)
            break;
        assert_true(process_wait(service, DEAD_LETTERS_WAIT_MS, NULL));
        process_destroy(&service);
    }
    job.state = "done";
    job.replayed_at_least = ENTRIES - replayed;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));

    dead_letters_await_query(&world, RESOLVED_SQL, ENTRIES);
    assert_int_equal(stream_messages(), before + ENTRIES);
    assert_int_equal(atomic_load(&failing_applied), ENTRIES);
    struct json_object *done = ask_job(job.id);
    assert_int_equal(number_of(done, "total"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "replayed"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "skipped") + number_of(done, "failed"), 0);
    assert_int_equal(number_of(done, "resolved"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "deadAgain"), 0);
    json_object_put(done);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions WHERE"
                                                " action = 'replay' AND job_id IS NOT NULL"),
                     ENTRIES);
    buf_fini(&body);
}

static void another_instance_goes_on_with_the_leaders_job(void **state) {
    (void)state;
    enum { ENTRIES = 60 };
    make_dead(ENTRIES);
    atomic_store(&is_broken, false);
    int64_t before = stream_messages();
    struct process *standby = dead_letters_service(&world, GRACE_MS, NULL);
    struct job_state job = start_job("{\"ratePerSecond\":60}");
    job.replayed_at_least = ENTRIES / 4;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));

    process_destroy(&service); /* killed: it has led since before there was another */
    service = standby;

    assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
    job.state = "done";
    job.replayed_at_least = ENTRIES;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    dead_letters_await_query(&world, RESOLVED_SQL, ENTRIES);
    assert_int_equal(stream_messages(), before + ENTRIES);
}

static void assert_counters(const char *id, int64_t resolved, int64_t dead_again) {
    struct json_object *job = ask_job(id);
    assert_int_equal(number_of(job, "resolved"), resolved);
    assert_int_equal(number_of(job, "deadAgain"), dead_again);
    json_object_put(job);
}

static void a_job_replays_what_stays_poisonous_once(void **state) {
    (void)state;
    make_dead(3);
    struct job_state job = start_job("{\"ratePerSecond\":100}");
    job.state = "done";
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.entries WHERE status = 'dead'"
                             " AND generation = 2",
                             3);
    assert_counters(job.id, 0, 3);
}

/* A job first finds them poisonous, and after the fix the next one does not: each has its own
   counts, however often it is asked. */
static void a_job_says_what_became_of_what_it_replayed(void **state) {
    (void)state;
    make_dead(3);
    struct job_state first = start_job("{\"ratePerSecond\":100}");
    dead_letters_await_query(&world, "SELECT sum(dead_again) FROM dlq.jobs", 3);
    atomic_store(&is_broken, false);
    struct job_state second = start_job("{\"ratePerSecond\":100}");
    dead_letters_await_query(&world, RESOLVED_SQL, 3);
    assert_counters(first.id, 0, 3);
    assert_counters(second.id, 3, 0);
}

static void a_job_discards_with_its_reason_and_no_others(void **state) {
    (void)state;
    make_dead(70);
    assert_refused("mesh.dlq.discard_all", "{}", STATUS_INVALID);
    assert_refused("mesh.dlq.discard_all", "{\"because\":\"x\",\"status\":\"any\"}",
                   STATUS_INVALID);
    struct json_object *dry = ask_well("mesh.dlq.discard_all", "{\"dryRun\":true}");
    assert_int_equal(number_of(dry, "matching"), 70);
    json_object_put(dry);
    json_object_put(
        ask_well("mesh.dlq.discard_all", "{\"consumer\":\"nobody\",\"because\":\"none are\"}"));
    json_object_put(ask_well("mesh.dlq.discard_all",
                             "{\"because\":\"a test\",\"actor\":\"ann\",\"ratePerSecond\":10000}"));
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.entries WHERE status = 'discarded'",
                             70);
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.jobs WHERE state = 'done'", 2);
    assert_int_equal(dead_letters_query(&world, "SELECT sum(discarded) FROM dlq.jobs"), 70);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions WHERE"
                                                " action = 'discard' AND detail = 'a test'"
                                                " AND actor = 'ann' AND job_id IS NOT NULL"),
                     70);
    assert_int_equal(atomic_load(&failing_applied), 0);
}

static void counts_are_by_stream_and_consumer(void **state) {
    (void)state;
    make_dead(2);
    struct json_object *counts = ask_well("mesh.dlq.counts", "");
    assert_string_equal(json_object_to_json_string_ext(counts, JSON_C_TO_STRING_PLAIN),
                        "{\"streams\":[{\"stream\":\"ORDERS\",\"consumer\":\"" FAILING
                        "\",\"dead\":2,"
                        "\"replayed\":0,\"resolved\":0,\"discarded\":0}]}");
    json_object_put(counts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, each_set_up)
        TEST(a_replay_reaches_only_the_consumer_that_failed),
        TEST(an_entry_shows_its_message_and_its_history),
        TEST(many_who_replay_at_once_publish_once),
        TEST(what_fails_again_is_the_next_generation_of_its_entry),
        TEST(a_discarded_entry_needs_a_reason_and_stays_discarded),
        TEST(what_was_replayed_cannot_be_discarded),
        TEST(pages_hold_every_entry_once),
        TEST(a_cursor_goes_only_with_its_filter),
        TEST(filters_are_strict_and_narrow_the_list),
        TEST(a_dry_run_counts_and_changes_nothing),
        TEST(a_job_replays_what_stays_poisonous_once),
        TEST(a_job_says_what_became_of_what_it_replayed),
        TEST(a_job_discards_with_its_reason_and_no_others),
        TEST(counts_are_by_stream_and_consumer),
        TEST(a_job_keeps_its_rate_is_cancelled_and_survives_kills),
        TEST(another_instance_goes_on_with_the_leaders_job),
        TEST(an_entry_whose_message_is_gone_stays_dead_and_says_why),
#undef TEST
    };
    return cmocka_run_group_tests_name("dlq_replay", tests, set_up, tear_down);
}

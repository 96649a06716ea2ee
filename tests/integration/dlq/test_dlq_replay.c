/* Replays and discards of single dead letters, and their lists.

   Covers: services/dlq/replay/ services/dlq/index/ */
#include "tests/integration/dlq/dlq_fixture.h"

#include <pthread.h>

#define THREADS 6

/* --- one entry -------------------------------------------------------------------------------- */

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
    enum status status =
        mesh_call(world.nats, "mesh.dlq.replay", slice_of(body), MESH_CALL_MS, &reply, &error);
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
    struct stored_message advisory = {0};
    struct error error;
    struct request_batch *requests = request_batch_create(world.nats);
    stored_message_ask_last(requests, SLICE_LITERAL("ADVISORIES"), subject);
    assert_int_equal(request_batch_run(requests, &error), STATUS_OK);
    assert_int_equal(stored_message_parse(request_batch_reply(requests, 0), &advisory, &error),
                     STATUS_OK);
    dead_letters_advise(&world, subject, advisory.body.ptr);
    stored_message_fini(&advisory);
    request_batch_destroy(&requests);
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

/* --- lists ------------------------------------------------------------------------------------ */

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
        TEST(counts_are_by_stream_and_consumer),
        TEST(an_entry_whose_message_is_gone_stays_dead_and_says_why),
#undef TEST
    };
    return cmocka_run_group_tests_name("dlq_replay", tests, set_up, tear_down);
}

/* Dead letters that are changed before they are replayed.

   Covers: services/dlq/replay/republish.c services/dlq/index/store_act.c shared/contract/dlq_edit.c
 */
#include "shared/base/memory.h"
#include "shared/nats/request_batch.h"
#include "shared/nats/stored_message.h"
#include "tests/integration/dlq/dlq_fixture.h"

#include <signal.h>

static struct json_object *entry_of(const char *id) {
    struct buf body = {0};
    buf_printf(&body, "{\"id\":\"%s\"}", id);
    struct json_object *entry = ask_well("mesh.dlq.get", body.ptr);
    buf_fini(&body);
    return entry;
}

/* A new dead letter; its id is the caller's. */
static char *make_one_dead(void) {
    struct buf body = {0};
    struct json_object *root;
    make_dead(1);
    write_id(&body, "");
    assert_int_equal(json_parse(buf_slice(&body), &root, NULL), STATUS_OK);
    char *id = mem_copy(slice_of(text_of(root, "id")));
    json_object_put(root);
    buf_fini(&body);
    return id;
}

/* The entry's body with "data":{"mended":true}, as the text of a request's member. */
static void write_mended(const char *id, struct buf *out) {
    struct json_object *entry = entry_of(id), *event;
    assert_int_equal(json_parse(slice_of(text_of(entry, "body")), &event, NULL), STATUS_OK);
    struct json_object *data = json_object_new_object();
    json_object_object_add(data, "mended", json_object_new_boolean(true));
    json_object_object_add(event, "data", data);
    struct json_writer w = json_writer(out);
    json_string(&w, slice_of(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN)));
    json_object_put(event);
    json_object_put(entry);
}

static void write_edit(const char *id, struct buf *request) {
    struct buf mended = {0};
    write_mended(id, &mended);
    buf_printf(request,
               "{\"id\":\"%s\",\"actor\":\"ann\",\"body\":%s,\"reason\":\"data was missing\","
               "\"headers\":{\"X-Note\":[\"by hand\"],\"traceparent\":[]}}",
               id, mended.ptr);
    buf_fini(&mended);
}

/* The newest message of the event's subject in its stream. */
static void assert_last_message(const char *in_body, const char *in_headers) {
    struct stored_message last = {0};
    struct request_batch *requests = request_batch_create(world.nats);
    stored_message_ask_last(requests, SLICE_LITERAL("ORDERS"), "orders.evt.created");
    assert_int_equal(request_batch_run(requests, NULL), STATUS_OK);
    assert_int_equal(stored_message_parse(request_batch_reply(requests, 0), &last, NULL),
                     STATUS_OK);
    assert_contains(last.body.ptr, in_body);
    assert_contains(last.headers.ptr, in_headers);
    stored_message_fini(&last);
    request_batch_destroy(&requests);
}

static void assert_headers_lack(const char *text) {
    struct stored_message last = {0};
    struct request_batch *requests = request_batch_create(world.nats);
    stored_message_ask_last(requests, SLICE_LITERAL("ORDERS"), "orders.evt.created");
    assert_int_equal(request_batch_run(requests, NULL), STATUS_OK);
    assert_int_equal(stored_message_parse(request_batch_reply(requests, 0), &last, NULL),
                     STATUS_OK);
    assert_null(strstr(last.headers.ptr, text));
    stored_message_fini(&last);
    request_batch_destroy(&requests);
}

static void what_was_changed_is_replayed_and_kept_beside_the_original(void **state) {
    (void)state;
    struct buf request = {0};
    struct json_object *edits, *history;
    char *id = make_one_dead();
    atomic_store(&is_broken, false);
    write_edit(id, &request);

    json_object_put(ask_well("mesh.dlq.replay", request.ptr));

    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    assert_int_equal(atomic_load(&failing_applied), 1);
    assert_last_message("\"mended\":true", "X-Note: by hand");
    assert_last_message("\"mended\":true", "Om-Replay-Edited: yes");
    struct json_object *entry = entry_of(id);
    assert_null(strstr(text_of(entry, "body"), "mended"));
    assert_true(json_object_object_get_ex(entry, "edits", &edits));
    struct json_object *edit = json_object_array_get_idx(edits, 0);
    assert_contains(text_of(edit, "body"), "\"mended\":true");
    assert_string_equal(text_of(edit, "actor"), "ann");
    assert_string_equal(text_of(edit, "reason"), "data was missing");
    assert_true(json_object_object_get_ex(entry, "history", &history));
    assert_string_equal(text_of(json_object_array_get_idx(history, 1), "detail"),
                        "with another body, another X-Note, no traceparent: data was missing");
    json_object_put(entry);
    buf_fini(&request);
    free(id);
}

/* To an operator, who sees both bodies. */
static void assert_shown(const char *id) {
    char command[600];
    snprintf(command, sizeof(command),
             "OM_NATS_URL=%s OM_NATS_USER=operator OM_NATS_PASSWORD_FILE=%s " OM_BINARY_DIR
             "/bin/omctl dlq show %s | awk '/mended/ && !first {edited = 1}"
             " /^original, before it was edited/ {first = 1} first && /^body, / {body = 1}"
             " END {exit !(edited && body)}'",
             servers_nats_url(world.servers), servers_nats_password_file(world.servers, "operator"),
             id);
    assert_int_equal(system(command), 0);
}

static void an_edit_that_fails_again_is_the_message_of_the_next_generation(void **state) {
    (void)state;
    struct buf request = {0};
    char *id = make_one_dead();
    write_edit(id, &request);
    json_object_put(ask_well("mesh.dlq.replay", request.ptr));
    dead_letters_await_query(
        &world, "SELECT count(*) FROM dlq.entries WHERE status = 'dead' AND generation = 2", 1);
    struct json_object *entry = entry_of(id), *first;
    assert_contains(text_of(entry, "body"), "\"mended\":true");
    assert_int_equal(json_get_object(entry, "original", &first, NULL), STATUS_OK);
    assert_contains(text_of(first, "body"), "\"id\":");
    assert_null(strstr(text_of(first, "body"), "mended"));
    assert_true(json_object_object_get_ex(first, "headers", NULL));
    json_object_put(entry);
    assert_shown(id);
    atomic_store(&is_broken, false);
    buf_clear(&request);
    buf_printf(&request, "{\"id\":\"%s\"}", id);

    json_object_put(ask_well("mesh.dlq.replay", request.ptr));

    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    assert_last_message("\"mended\":true", ".replay.2");
    assert_int_equal(
        dead_letters_query(&world, "SELECT count(*) FROM dlq.entries WHERE edit_id IS NOT NULL"),
        0);
    buf_fini(&request);
    free(id);
}

/* A changed type came with the header of the old one, by which people and subscribers see it. */
static void headers_that_say_what_the_body_does_follow_it(void **state) {
    (void)state;
    struct buf request = {0}, body = {0};
    char *id = make_one_dead();
    struct json_object *entry = entry_of(id), *event;
    atomic_store(&is_broken, false);
    assert_int_equal(json_parse(slice_of(text_of(entry, "body")), &event, NULL), STATUS_OK);
    json_object_object_add(event, "type", json_object_new_string("io.ordermesh.order.confirmed"));
    struct json_writer w = json_writer(&body);
    json_string(&w, slice_of(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN)));
    buf_printf(&request, "{\"id\":\"%s\",\"body\":%s,\"reason\":\"another type\"}", id, body.ptr);

    json_object_put(ask_well("mesh.dlq.replay", request.ptr));

    assert_last_message("io.ordermesh.order.confirmed",
                        "\r\nCe-Type: io.ordermesh.order.confirmed\r\n");
    assert_last_message("io.ordermesh.order.confirmed", text_of(event, "subject"));
    assert_headers_lack("io.ordermesh.order.created");
    json_object_put(event);
    json_object_put(entry);
    buf_fini(&body);
    buf_fini(&request);
    free(id);
}

static bool service_answers(void *unused) {
    (void)unused;
    enum status status;
    json_object_put(ask("mesh.dlq.counts", "{}", &status));
    return status == STATUS_OK;
}

/* The next process would have published the original. */
static void an_edit_outlives_the_process_that_took_it(void **state) {
    (void)state;
    struct buf request = {0};
    int exit_code = 0;
    char *id = make_one_dead();
    atomic_store(&is_broken, false);
    write_edit(id, &request);
    dead_letters_end(&service);
    service = dead_letters_service(&world, GRACE_MS, "dlq.before_replay:1");
    assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
    assert_int_equal(
        natsConnection_PublishString(nats_client_fast(world.nats), "mesh.dlq.replay", request.ptr),
        NATS_OK);
    assert_true(process_wait(service, DEAD_LETTERS_WAIT_MS, &exit_code));
    assert_int_equal(exit_code, 128 + SIGKILL);
    process_destroy(&service);

    service = dead_letters_service(&world, GRACE_MS, NULL);

    dead_letters_await_query(&world, RESOLVED_SQL, 1);
    assert_last_message("\"mended\":true", "X-Note: by hand");
    buf_fini(&request);
    free(id);
}

static void an_edit_says_why_and_leaves_the_id(void **state) {
    (void)state;
    static const char *const wrong[] = {
        ",\"headers\":{\"X-Note\":[\"a\"]}",
        ",\"reason\":\"r\"",
        ",\"reason\":\"r\",\"headers\":{\"Nats-Msg-Id\":[\"a\"]}",
        ",\"reason\":\"r\",\"body\":\"{\\\"id\\\":\\\"another\\\"}\"",
        ",\"reason\":\"r\",\"body\":\"no JSON\"",
    };
    char *id = make_one_dead();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct buf request = {0};
        buf_printf(&request, "{\"id\":\"%s\"%s}", id, wrong[i]);
        assert_refused("mesh.dlq.replay", request.ptr, STATUS_INVALID);
        buf_fini(&request);
    }
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 1);
    free(id);
}

#define TEST(name) cmocka_unit_test_setup(name, each_set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_changed_is_replayed_and_kept_beside_the_original),
        TEST(an_edit_that_fails_again_is_the_message_of_the_next_generation),
        TEST(headers_that_say_what_the_body_does_follow_it),
        TEST(an_edit_outlives_the_process_that_took_it),
        TEST(an_edit_says_why_and_leaves_the_id),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

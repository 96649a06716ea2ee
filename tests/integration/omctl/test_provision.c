/* Provisioning against a real nats-server.

   Covers: nats/ omctl/install/provision.c omctl/install/resource.c omctl/streams/jetstream.c */
#include "omctl/install/provision.h"
#include "omctl/streams/jetstream.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <glob.h>

static FILE *out;
static size_t consumer_count, declared_count; /* the latter: streams and consumers */

static size_t count_files(const char *pattern) {
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    size_t count = found.gl_pathc;
    globfree(&found);
    return count;
}

static int start(void **state) {
    consumer_count = count_files(OM_SOURCE_DIR "/nats/consumers/*.json");
    declared_count = count_files(OM_SOURCE_DIR "/nats/streams/*.json") + consumer_count;
    return nats_setup(state);
}

static int take_output(void **state) {
    (void)state;
    out = tmpfile();
    return 0;
}

static int drop_output(void **state) {
    (void)state;
    fclose(out);
    return 0;
}

static struct provision_result provision(bool check_only, int64_t ack_wait_us) {
    const struct provision_options options = {
        .directory = OM_SOURCE_DIR "/nats",
        .check_only = check_only,
        .overrides.ack_wait_us = ack_wait_us,
        .out = out,
    };
    struct provision_result result;
    struct error error = {0};
    if (provision_run(nats, &options, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return result;
}

static void assert_printed(const char *part) {
    char text[8192];
    rewind(out);
    size_t len = fread(text, 1, sizeof(text) - 1, out);
    text[len] = '\0';
    assert_contains(text, part);
}

/* Sends the stream's configuration with one member replaced or added. */
static void set_stream_member(const char *stream, const char *key, struct json_object *value) {
    struct json_object *reply, *config;
    struct jetstream_refusal refused;
    struct buf verb = {0};
    buf_printf(&verb, "STREAM.INFO.%s", stream);
    assert_int_equal(jetstream_call(nats, verb.ptr, NULL, &reply, &refused, NULL), STATUS_OK);
    assert_int_equal(json_get_object(reply, "config", &config, NULL), STATUS_OK);
    json_object_object_add(config, key, value);
    buf_clear(&verb);
    buf_printf(&verb, "STREAM.UPDATE.%s", stream);
    struct json_object *answer;
    assert_int_equal(jetstream_call(nats, verb.ptr, config, &answer, &refused, NULL), STATUS_OK);
    assert_int_equal(refused.code, 0);
    json_object_put(answer);
    json_object_put(reply);
    buf_fini(&verb);
}

static void call(const char *verb, const char *body) {
    struct json_object *reply, *request = NULL;
    struct jetstream_refusal refused;
    if (body != NULL)
        assert_int_equal(json_parse(slice_of(body), &request, NULL), STATUS_OK);
    assert_int_equal(jetstream_call(nats, verb, request, &reply, &refused, NULL), STATUS_OK);
    if (refused.code != 0)
        fail_msg("%s: %s", verb, refused.text);
    json_object_put(reply);
    json_object_put(request);
}

static void delete_resource(const char *verb) {
    call(verb, NULL);
}

static void skip_before(int version) {
    if (nats_client_server_version(nats) < version)
        skip();
}

static void a_bare_server_gets_everything_and_a_second_run_changes_nothing(void **state) {
    (void)state;
    struct provision_result result = provision(true, 0);
    assert_int_equal(result.differing, declared_count);
    result = provision(false, 0);
    assert_int_equal(result.created, declared_count);
    assert_int_equal(result.refused, 0);
    result = provision(false, 0);
    assert_int_equal(result.unchanged, declared_count);
    result = provision(true, 0);
    assert_int_equal(result.differing, 0);
}

static void drift_is_reported_by_field_and_mended(void **state) {
    (void)state;
    set_stream_member("ORDERS", "max_msgs", json_object_new_int64(500));
    delete_resource("CONSUMER.DELETE.ORDERS.order");
    struct provision_result result = provision(true, 0);
    assert_int_equal(result.differing, 2);
    assert_printed("stream ORDERS: max_msgs is 500, declared -1");
    assert_printed("consumer ORDERS/order is missing");
    result = provision(false, 0);
    assert_int_equal(result.updated, 1);
    assert_int_equal(result.created, 1);
    assert_int_equal(provision(true, 0).differing, 0);
}

static void what_is_not_declared_survives(void **state) {
    (void)state;
    set_stream_member("PAYMENTS", "deny_purge", json_object_new_boolean(true));
    set_stream_member("PAYMENTS", "max_msgs", json_object_new_int64(7));
    assert_int_equal(provision(false, 0).updated, 1);
    struct json_object *reply, *config;
    struct jetstream_refusal refused;
    assert_int_equal(jetstream_call(nats, "STREAM.INFO.PAYMENTS", NULL, &reply, &refused, NULL),
                     STATUS_OK);
    assert_int_equal(json_get_object(reply, "config", &config, NULL), STATUS_OK);
    assert_true(json_object_get_boolean(json_object_object_get(config, "deny_purge")));
    json_object_put(reply);
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("stream PAYMENTS: deny_purge is true, which is not declared");
    delete_resource("STREAM.DELETE.PAYMENTS"); /* the server never takes it back */
    provision(false, 0);
}

static void a_pause_is_named_and_ended(void **state) {
    (void)state;
    skip_before(NATS_SERVER_VERSION(2, 11, 0));
    call("CONSUMER.PAUSE.ORDERS.order", "{\"pause_until\":\"2099-01-01T00:00:00Z\"}");
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("consumer ORDERS/order is paused until 2099-01-01T00:00:00Z");
    assert_int_equal(provision(false, 0).updated, 1);
    assert_printed("consumer ORDERS/order resumed");
    assert_int_equal(provision(true, 0).differing, 0);
}

static void what_is_too_many_is_named_and_left_alone(void **state) {
    (void)state;
    call("STREAM.CREATE.STRAY", "{\"name\":\"STRAY\",\"subjects\":[\"stray\"],"
                                "\"retention\":\"limits\",\"storage\":\"file\","
                                "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,"
                                "\"max_age\":0,\"num_replicas\":1}");
    call("CONSUMER.DURABLE.CREATE.ORDERS.stray",
         "{\"stream_name\":\"ORDERS\",\"config\":{\"durable_name\":\"stray\","
         "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\"}}");
    struct provision_result result = provision(true, 0);
    assert_int_equal(result.extra, 2);
    assert_int_equal(result.differing, 0);
    assert_printed("stream STRAY is not declared");
    assert_printed("consumer ORDERS/stray is not declared");
    assert_int_equal(provision(false, 0).extra, 2);
    delete_resource("STREAM.DELETE.STRAY");
    delete_resource("CONSUMER.DELETE.ORDERS.stray");
    assert_int_equal(provision(true, 0).extra, 0);
}

/* Put beside them, the server refused what is declared, or let the other overrule it. */
static void what_cannot_be_beside_the_declared_is_taken_away(void **state) {
    (void)state;
    skip_before(NATS_SERVER_VERSION(2, 10, 0));
    call("CONSUMER.DURABLE.CREATE.ORDERS.order",
         "{\"stream_name\":\"ORDERS\",\"config\":{\"durable_name\":\"order\","
         "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"max_deliver\":9,"
         "\"backoff\":[1000000000,2000000000],\"max_waiting\":512,\"max_ack_pending\":20000,"
         "\"filter_subjects\":[\"orders.cmd.submit\",\"orders.evt.failed\"]}}");
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("consumer ORDERS/order: filter_subjects is");
    assert_printed("consumer ORDERS/order: backoff is");
    assert_printed("consumer ORDERS/order: max_deliver is 9, declared 4");
    assert_int_equal(provision(false, 0).updated, 1);
    assert_int_equal(provision(true, 0).differing, 0);
}

static void what_the_server_cannot_change_is_said_and_the_rest_goes_on(void **state) {
    (void)state;
    delete_resource("STREAM.DELETE.SHIPPING_DLQ");
    struct json_object *memory = json_object_new_object(), *subjects = json_object_new_array();
    json_object_array_add(subjects, json_object_new_string("dlq.SHIPPING.>"));
    json_object_object_add(memory, "name", json_object_new_string("SHIPPING_DLQ"));
    json_object_object_add(memory, "subjects", subjects);
    json_object_object_add(memory, "storage", json_object_new_string("memory"));
    json_object_object_add(memory, "retention", json_object_new_string("limits"));
    json_object_object_add(memory, "num_replicas", json_object_new_int(1));
    struct json_object *reply;
    struct jetstream_refusal refused;
    assert_int_equal(
        jetstream_call(nats, "STREAM.CREATE.SHIPPING_DLQ", memory, &reply, &refused, NULL),
        STATUS_OK);
    assert_int_equal(refused.code, 0);
    json_object_put(reply);
    json_object_put(memory);

    struct provision_result result = provision(false, 0);
    assert_int_equal(result.refused, 1);
    assert_int_equal(result.unchanged, declared_count - 1);
    assert_printed("SHIPPING_DLQ: the server cannot change it");
    delete_resource("STREAM.DELETE.SHIPPING_DLQ");
    assert_int_equal(provision(false, 0).created, 1);
}

static void a_consumer_of_another_kind_is_told_to_be_removed(void **state) {
    (void)state;
    static const char *const kinds[] = {
        "\"ack_policy\":\"none\"",
        "\"ack_policy\":\"explicit\",\"deliver_subject\":\"elsewhere\"",
    };
    for (size_t i = 0; i < 2; i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"stream_name\":\"ORDERS\",\"config\":{\"durable_name\":\"inventory\","
                 "\"deliver_policy\":\"all\",%s}}",
                 kinds[i]);
        delete_resource("CONSUMER.DELETE.ORDERS.inventory");
        call("CONSUMER.DURABLE.CREATE.ORDERS.inventory", body);
        rewind(out);
        assert_int_equal(provision(false, 0).refused, 1);
        assert_printed("remove it (`nats consumer rm ORDERS inventory`) and run `omctl provision`");
    }
    delete_resource("CONSUMER.DELETE.ORDERS.inventory");
    assert_int_equal(provision(false, 0).created, 1);
}

static void a_seal_is_told_to_be_for_ever(void **state) {
    (void)state;
    set_stream_member("SHIPPING_DLQ", "sealed", json_object_new_boolean(true));
    assert_int_equal(provision(false, 0).refused, 1);
    assert_printed("stream SHIPPING_DLQ: a seal cannot be undone: remove it");
    delete_resource("STREAM.DELETE.SHIPPING_DLQ");
    assert_int_equal(provision(false, 0).refused, 0);
}

static void ack_wait_of_all_consumers_can_be_overridden(void **state) {
    (void)state;
    struct provision_result result = provision(false, 2000000);
    assert_int_equal(result.updated, consumer_count);
    assert_int_equal(provision(true, 2000000).differing, 0);
    assert_int_equal(provision(true, 0).differing, consumer_count);
    assert_int_equal(provision(false, 0).updated, consumer_count);
}

#define OUTPUT_TEST(name) cmocka_unit_test_setup_teardown(name, take_output, drop_output)

int main(void) {
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(a_bare_server_gets_everything_and_a_second_run_changes_nothing),
        OUTPUT_TEST(drift_is_reported_by_field_and_mended),
        OUTPUT_TEST(what_is_not_declared_survives),
        OUTPUT_TEST(a_pause_is_named_and_ended),
        OUTPUT_TEST(what_is_too_many_is_named_and_left_alone),
        OUTPUT_TEST(what_cannot_be_beside_the_declared_is_taken_away),
        OUTPUT_TEST(what_the_server_cannot_change_is_said_and_the_rest_goes_on),
        OUTPUT_TEST(a_consumer_of_another_kind_is_told_to_be_removed),
        OUTPUT_TEST(a_seal_is_told_to_be_for_ever),
        OUTPUT_TEST(ack_wait_of_all_consumers_can_be_overridden),
    };
    return cmocka_run_group_tests(tests, start, servers_teardown);
}

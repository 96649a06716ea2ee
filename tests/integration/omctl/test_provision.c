/* Provisioning against a real nats-server.

   Covers: nats/ omctl/install/labels.c omctl/install/provision.c omctl/install/resource.c
   omctl/install/sizing.c
   omctl/streams/jetstream.c */
#include "omctl/install/provision.h"
#include "omctl/streams/jetstream.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

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

static struct provision_result provision_with(bool check_only,
                                              struct resource_overrides overrides) {
    const struct provision_options options = {.directory = OM_SOURCE_DIR "/nats",
                                              .check_only = check_only,
                                              .overrides = overrides,
                                              .out = out};
    struct provision_result result;
    struct error error = {0};
    if (provision_run(nats, &options, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return result;
}

static struct provision_result provision(bool check_only, int64_t ack_wait_us) {
    return provision_with(check_only, (struct resource_overrides){.ack_wait_us = ack_wait_us});
}

static struct provision_result provision_in(bool check_only, int64_t store_bytes) {
    return provision_with(check_only, (struct resource_overrides){.store_bytes = store_bytes});
}

static void assert_printed(const char *part) {
    char text[8192];
    rewind(out);
    size_t len = fread(text, 1, sizeof(text) - 1, out);
    text[len] = '\0';
    assert_contains(text, part);
}

static void assert_string_equal_printed(const char *all) {
    char text[8192];
    rewind(out);
    size_t len = fread(text, 1, sizeof(text) - 1, out);
    text[len] = '\0';
    assert_string_equal(text, all);
}

/* Of the stream's configuration on the server. */
static void assert_string_in_config(const char *stream, const char *part) {
    struct json_object *reply, *config;
    struct jetstream_refusal refused;
    struct buf verb = {0};
    buf_printf(&verb, "STREAM.INFO.%s", stream);
    assert_int_equal(jetstream_call(nats, verb.ptr, NULL, &reply, &refused, NULL), STATUS_OK);
    assert_int_equal(json_get_object(reply, "config", &config, NULL), STATUS_OK);
    assert_contains(json_object_to_json_string(config), part);
    json_object_put(reply);
    buf_fini(&verb);
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

/* Makes or changes a consumer: its declared fields are left to the next provision. */
static void set_consumer(const char *stream, const char *durable, const char *members) {
    struct buf verb = {0}, body = {0};
    buf_printf(&verb, "CONSUMER.DURABLE.CREATE.%s.%s", stream, durable);
    buf_printf(&body,
               "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\","
               "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",%s}}",
               stream, durable, members);
    call(verb.ptr, body.ptr);
    buf_fini(&verb);
    buf_fini(&body);
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

static bool has_member(const char *stream, const char *member, const char *value) {
    struct json_object *reply, *config, *found;
    struct jetstream_refusal refused;
    struct buf verb = {0};
    buf_printf(&verb, "STREAM.INFO.%s", stream);
    assert_int_equal(jetstream_call(nats, verb.ptr, NULL, &reply, &refused, NULL), STATUS_OK);
    assert_int_equal(json_get_object(reply, "config", &config, NULL), STATUS_OK);
    bool has = json_object_object_get_ex(config, member, &found) &&
               strcmp(json_object_get_string(found), value) == 0;
    json_object_put(reply);
    buf_fini(&verb);
    return has;
}

static bool takes_batches(const char *stream) {
    return has_member(stream, "allow_atomic", "true");
}

static void the_stream_of_commands_takes_batches_where_the_server_knows_them(void **state) {
    (void)state;
    bool is_known = nats_client_server_version(nats) >= NATS_SERVER_VERSION(2, 12, 0);
    assert_int_equal(takes_batches("COMMANDS"), is_known);
    assert_false(takes_batches("ORDERS"));
    assert_false(takes_batches("NOTIFICATIONS"));
    assert_false(takes_batches("ORDERS_DLQ"));
}

/* What is in one of those is in an outbox, too; commands are in COMMANDS alone. */
static void what_can_be_published_again_is_persisted_asynchronously(void **state) {
    (void)state;
    bool is_known = nats_client_server_version(nats) >= NATS_SERVER_VERSION(2, 12, 0);
    assert_int_equal(has_member("PAYMENTS", "persist_mode", "async"), is_known);
    assert_int_equal(has_member("NOTIFICATIONS", "persist_mode", "async"), is_known);
    assert_int_equal(has_member("ORDERS", "persist_mode", "async"), is_known);
    assert_false(has_member("COMMANDS", "persist_mode", "async"));
    assert_false(has_member("PAYMENTS_DLQ", "persist_mode", "async"));
}

/* A server changes it never. */
static void a_stream_from_before_that_takes_batches_and_is_left_alone(void **state) {
    (void)state;
    skip_before(NATS_SERVER_VERSION(2, 12, 0));
    delete_resource("STREAM.DELETE.SHIPPING");
    struct json_object *reply, *config;
    struct jetstream_refusal refused;
    assert_int_equal(
        json_parse(SLICE_LITERAL("{\"name\":\"SHIPPING\",\"subjects\":[\"shipping.>\"]}"), &config,
                   NULL),
        STATUS_OK);
    assert_int_equal(jetstream_call(nats, "STREAM.CREATE.SHIPPING", config, &reply, &refused, NULL),
                     STATUS_OK);
    json_object_put(config);
    json_object_put(reply);

    struct provision_result result = provision(false, 0);
    assert_int_equal(result.updated, 1);
    assert_int_equal(result.refused, 0);
    assert_printed("stream SHIPPING: it syncs each message, as it was made to: left alone");
    assert_true(takes_batches("SHIPPING"));
    assert_int_equal(provision(true, 0).differing, 0);

    delete_resource("STREAM.DELETE.SHIPPING");
    (void)provision(false, 0);
    assert_true(has_member("SHIPPING", "persist_mode", "async"));
}

static void a_stream_from_before_batches_takes_them_from_then_on(void **state) {
    (void)state;
    skip_before(NATS_SERVER_VERSION(2, 12, 0));
    set_stream_member("COMMANDS", "allow_atomic", json_object_new_boolean(false));
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("stream COMMANDS: allow_atomic is absent, declared true");
    assert_int_equal(provision(false, 0).updated, 1);
    assert_true(takes_batches("COMMANDS"));
}

static natsStatus publish(const char *subject) {
    jsCtx *js = NULL;
    jsErrCode code;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    natsStatus s = js_Publish(NULL, js, subject, "x", 1, NULL, &code);
    jsCtx_Destroy(js);
    return s;
}

static void a_stream_from_before_takes_only_what_exists_from_then_on(void **state) {
    (void)state;
    struct json_object *all = json_object_new_array();
    json_object_array_add(all, json_object_new_string("orders.>"));
    set_stream_member("ORDERS", "subjects", all);
    assert_int_equal(publish("orders.nonsense"), NATS_OK);

    assert_int_equal(provision(false, 0).updated, 1);

    assert_int_equal(publish("orders.nonsense"), NATS_NO_RESPONDERS);
    assert_int_equal(publish("orders.cmd.submit"), NATS_OK);
    assert_int_equal(publish("orders.probe"), NATS_OK);
    assert_int_equal(provision(true, 0).differing, 0);
    delete_resource("STREAM.PURGE.ORDERS");
}

static void streams_and_consumers_say_whose_they_are_and_when_they_are_ill(void **state) {
    (void)state;
    skip_before(NATS_SERVER_VERSION(2, 10, 0));
    assert_string_in_config("PAYMENTS", "\"io.ordermesh.owner\": \"payment\"");
    assert_string_in_config("PAYMENTS", "\"io.nats.monitor.enabled\": \"true\"");
    set_stream_member("PAYMENTS", "metadata", json_object_new_object());
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("stream PAYMENTS: metadata is ");
    assert_int_equal(provision(false, 0).updated, 1);
    assert_string_in_config("PAYMENTS", "\"io.ordermesh.owner\": \"payment\"");
    assert_int_equal(provision(true, 0).differing, 0);
}

/* With no_ack every order was a 503, and provision said that all was as declared. */
static void what_is_declared_nowhere_goes_back_to_the_servers_default(void **state) {
    (void)state;
    set_stream_member("ORDERS", "no_ack", json_object_new_boolean(true));
    set_stream_member("PAYMENTS", "allow_rollup_hdrs", json_object_new_boolean(true));
    set_consumer("ORDERS", "order",
                 "\"headers_only\":true,\"max_batch\":1,\"max_bytes\":100,"
                 "\"max_expires\":1000000000,\"inactive_threshold\":3600000000000,"
                 "\"sample_freq\":\"50%\",\"num_replicas\":1");
    assert_int_equal(provision(true, 0).differing, 3);

    assert_int_equal(provision(false, 0).updated, 3);

    assert_printed("stream ORDERS: no_ack is true, which is not declared");
    assert_printed("stream ORDERS updated");
    assert_printed("consumer ORDERS/order: headers_only is true, which is not declared");
    assert_printed("consumer ORDERS/order: inactive_threshold is 1h, which is not");
    rewind(out);
    assert_int_equal(ftruncate(fileno(out), 0), 0);
    struct provision_result result = provision(true, 0);
    assert_int_equal(result.differing, 0);
    assert_int_equal(result.unchanged, declared_count);
    assert_int_equal(ftell(out), 0);
}

static void what_is_the_operators_is_named_and_left_alone(void **state) {
    (void)state;
    bool keeps_labels = nats_client_server_version(nats) >= NATS_SERVER_VERSION(2, 10, 0);
    struct json_object *placement = NULL, *labels = NULL;
    assert_int_equal(json_parse(SLICE_LITERAL("{\"tags\":[\"ssd\"]}"), &placement, NULL),
                     STATUS_OK);
    assert_int_equal(json_parse(SLICE_LITERAL("{\"team\":\"a\"}"), &labels, NULL), STATUS_OK);
    set_stream_member("SHIPPING", "placement", placement);
    set_stream_member("SHIPPING", "metadata", labels);
    set_stream_member("SHIPPING", "max_msgs", json_object_new_int64(7));

    assert_int_equal(provision(false, 0).updated, 1);

    assert_printed(
        "stream SHIPPING: placement is { \"tags\": [ \"ssd\" ] }, which is the operator's");
    if (keeps_labels)
        assert_printed("stream SHIPPING: metadata is { \"team\": \"a\" }, which is the operator's");
    struct provision_result result = provision(true, 0);
    assert_int_equal(result.differing, 0);
    assert_string_in_config("SHIPPING", "\"ssd\"");
    if (keeps_labels)
        assert_string_in_config("SHIPPING", "\"team\"");
    delete_resource("STREAM.DELETE.SHIPPING");
    provision(false, 0);
}

/* A field that the server never takes back kept it from changing all others. */
static void what_the_server_keeps_is_said_and_the_rest_is_put_back(void **state) {
    (void)state;
    set_stream_member("PAYMENTS", "deny_purge", json_object_new_boolean(true));
    set_stream_member("PAYMENTS", "no_ack", json_object_new_boolean(true));
    set_stream_member("PAYMENTS", "max_msgs", json_object_new_int64(7));

    struct provision_result result = provision(false, 0);

    assert_int_equal(result.updated, 1);
    assert_int_equal(result.refused, 1);
    assert_printed("stream PAYMENTS: deny_purge: the server cannot change it: ");
    assert_printed("only one made anew is as declared: remove it (`nats stream rm PAYMENTS`)");
    rewind(out);
    assert_int_equal(ftruncate(fileno(out), 0), 0);
    assert_int_equal(provision(true, 0).differing, 1);
    assert_string_equal_printed("stream PAYMENTS: deny_purge is true, which is not declared\n");
    delete_resource("STREAM.DELETE.PAYMENTS");
    assert_int_equal(provision(false, 0).refused, 0);
}

/* Older servers said yes, and it was gone with their next restart. */
static void a_consumer_in_memory_is_told_to_be_removed(void **state) {
    (void)state;
    delete_resource("CONSUMER.DELETE.ORDERS.order");
    set_consumer("ORDERS", "order", "\"mem_storage\":true,\"max_batch\":1");
    struct provision_result result = provision(false, 0);
    assert_int_equal(result.refused, 1);
    assert_int_equal(result.updated, 1);
    assert_printed("consumer ORDERS/order: mem_storage: the server cannot change it: it stays");
    assert_printed("remove it (`nats consumer rm ORDERS order`) and run `omctl provision`");
    delete_resource("CONSUMER.DELETE.ORDERS.order");
    assert_int_equal(provision(false, 0).refused, 0);
}

static void write_stream(const char *directory, int replicas) {
    char path[128];
    snprintf(path, sizeof(path), "%s/streams/REPLICATED.json", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "{\"name\":\"REPLICATED\",\"subjects\":[\"replicated\"],\"retention\":\"limits\","
            "\"storage\":\"file\",\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,"
            "\"max_age\":0,\"num_replicas\":%d}",
            replicas);
    fclose(file);
}

/* By hand, in a cluster, it left one copy of each stream. */
static void how_many_replicas_there_are_is_left_alone_unless_it_is_said(void **state) {
    (void)state;
    char directory[] = "/tmp/om-provision-XXXXXX", path[128];
    assert_non_null(mkdtemp(directory));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, i == 0 ? "streams" : "consumers");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    struct provision_options options = {.directory = directory, .out = out};
    struct provision_result result;
    write_stream(directory, 1);
    assert_int_equal(provision_run(nats, &options, &result, NULL), STATUS_OK);
    assert_int_equal(result.created, 1);

    write_stream(directory, 3);
    assert_int_equal(provision_run(nats, &options, &result, NULL), STATUS_OK);

    assert_int_equal(result.unchanged, 1);
    assert_printed("streams: num_replicas is 1, which is the operator's: left alone (--replicas)");
    options.overrides.replicas = 3;
    options.check_only = true;
    assert_int_equal(provision_run(nats, &options, &result, NULL), STATUS_OK);
    assert_int_equal(result.differing, 1);
    assert_printed("stream REPLICATED: num_replicas is 1, declared 3");
    delete_resource("STREAM.DELETE.REPLICATED");
    static const char *const made[] = {"/streams/REPLICATED.json", "/streams", "/consumers", ""};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", directory, made[i]);
        assert_int_equal(remove(path), 0);
    }
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
         "\"filter_subjects\":[\"orders.cmd.>\",\"orders.evt.failed\"]}}");
    assert_int_equal(provision(true, 0).differing, 1);
    assert_printed("consumer ORDERS/order: filter_subjects is");
    assert_printed("consumer ORDERS/order: backoff is");
    assert_printed("consumer ORDERS/order: max_deliver is 9, declared 4");
    assert_int_equal(provision(false, 0).updated, 1);
    assert_int_equal(provision(true, 0).differing, 0);
}

static int64_t unprocessed_of(const char *info_verb) {
    struct json_object *reply;
    struct jetstream_refusal refused;
    int64_t count = -1;
    assert_int_equal(jetstream_call(nats, info_verb, NULL, &reply, &refused, NULL), STATUS_OK);
    assert_int_equal(json_get_int64(reply, "num_pending", &count, NULL), STATUS_OK);
    json_object_put(reply);
    return count;
}

/* With its filter put back it went on behind what was published meanwhile, for ever. */
static void a_consumer_whose_filter_passed_over_events_is_given_them(void **state) {
    (void)state;
    set_consumer("ORDERS", "inventory", "\"filter_subject\":\"orders.evt.failed\"");
    assert_int_equal(publish("orders.evt.created"), NATS_OK);
    assert_int_equal(unprocessed_of("CONSUMER.INFO.ORDERS.inventory"), 0);

    assert_int_equal(provision(false, 0).created, 1);

    assert_printed("consumer ORDERS/inventory: its filter passed over events: it is made anew");
    assert_int_equal(unprocessed_of("CONSUMER.INFO.ORDERS.inventory"), 1);
    assert_int_equal(provision(true, 0).differing, 0);
    delete_resource("STREAM.PURGE.ORDERS");
}

static void a_consumer_with_a_wider_filter_stays(void **state) {
    (void)state;
    set_consumer("ORDERS", "inventory", "\"filter_subject\":\"orders.evt.>\"");
    struct provision_result result = provision(false, 0);
    assert_int_equal(result.created, 0);
    assert_int_equal(result.updated, 1);
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
    assert_printed("SHIPPING_DLQ: storage: the server cannot change it");
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

/* --- limits ----------------------------------------------------------------------------------- */

#define MIB (INT64_C(1024) * 1024)

static void a_server_that_stores_less_has_lower_limits_in_the_same_proportion(void **state) {
    (void)state;
    struct provision_result result = provision_in(false, 1024 * MIB);
    assert_int_equal(result.refused, 0);
    assert_true(has_member("ORDERS", "max_bytes", "301989888")); /* 288 MiB of 819 */
    assert_true(has_member("ORDERS", "discard", "new"));
    assert_true(has_member("FAILURES", "max_bytes", "26214400"));
    assert_true(has_member("FAILURES", "discard", "old"));
    assert_int_equal(provision_in(true, 1024 * MIB).differing, 0);
    assert_int_equal(provision(false, 0).refused, 0);
    assert_true(has_member("ORDERS", "max_bytes", "3019898880"));
}

static void publish_bytes(const char *subject, size_t size, int times) {
    char *body = calloc(1, size + 1);
    memset(body, 'x', size);
    for (int i = 0; i < times; i++) {
        natsMsg *reply = NULL;
        assert_int_equal(
            natsConnection_Request(&reply, nats_client_fast(nats), subject, body, (int)size, 5000),
            NATS_OK);
        natsMsg_Destroy(reply);
    }
    free(body);
}

/* A 2.9 server deletes what is above a new limit, and takes nothing more once it is full. */
static void a_stream_from_before_that_holds_too_much_for_its_limit_keeps_it_all(void **state) {
    (void)state;
    set_stream_member("SHIPPING", "max_bytes", json_object_new_int64(-1));
    set_stream_member("SHIPPING", "discard", json_object_new_string("old"));
    publish_bytes("shipping.evt.shipped", 1000 * 1000, 8);
    struct provision_result result = provision_in(false, 80 * MIB); /* of 8 MiB */
    assert_int_equal(result.refused, 0);
    assert_printed("stream SHIPPING: it holds 7 MiB, and would have 8: its limit is left alone");
    assert_true(has_member("SHIPPING", "max_bytes", "-1"));
    assert_true(has_member("SHIPPING", "discard", "new"));
    assert_int_equal(provision_in(true, 80 * MIB).differing, 0);

    assert_int_equal(provision_in(false, 200 * MIB).refused, 0); /* of 20 MiB */
    assert_true(has_member("SHIPPING", "max_bytes", "20971520"));
    assert_int_equal(provision_in(false, 80 * MIB).refused, 0);
    assert_true(has_member("SHIPPING", "max_bytes", "20971520"));
    call("STREAM.PURGE.SHIPPING", NULL);
    assert_int_equal(provision(false, 0).refused, 0);
    assert_true(has_member("SHIPPING", "max_bytes", "1107296256"));
}

static void a_server_without_room_for_the_limits_is_told_of(void **state) {
    (void)state;
    struct provision_result result = provision_in(false, 100 * 1024 * MIB);
    assert_true(result.refused > 0);
    assert_printed("the server's max_file_store has no room for that");
    assert_int_equal(provision(false, 0).refused, 0);
}

#define OUTPUT_TEST(name) cmocka_unit_test_setup_teardown(name, take_output, drop_output)

int main(void) {
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(a_bare_server_gets_everything_and_a_second_run_changes_nothing),
        OUTPUT_TEST(drift_is_reported_by_field_and_mended),
        OUTPUT_TEST(the_stream_of_commands_takes_batches_where_the_server_knows_them),
        OUTPUT_TEST(a_stream_from_before_that_takes_batches_and_is_left_alone),
        OUTPUT_TEST(what_can_be_published_again_is_persisted_asynchronously),
        OUTPUT_TEST(a_stream_from_before_batches_takes_them_from_then_on),
        OUTPUT_TEST(a_stream_from_before_takes_only_what_exists_from_then_on),
        OUTPUT_TEST(streams_and_consumers_say_whose_they_are_and_when_they_are_ill),
        OUTPUT_TEST(what_is_declared_nowhere_goes_back_to_the_servers_default),
        OUTPUT_TEST(what_is_the_operators_is_named_and_left_alone),
        OUTPUT_TEST(what_the_server_keeps_is_said_and_the_rest_is_put_back),
        OUTPUT_TEST(a_consumer_in_memory_is_told_to_be_removed),
        OUTPUT_TEST(how_many_replicas_there_are_is_left_alone_unless_it_is_said),
        OUTPUT_TEST(a_pause_is_named_and_ended),
        OUTPUT_TEST(what_is_too_many_is_named_and_left_alone),
        OUTPUT_TEST(what_cannot_be_beside_the_declared_is_taken_away),
        OUTPUT_TEST(a_consumer_whose_filter_passed_over_events_is_given_them),
        OUTPUT_TEST(a_consumer_with_a_wider_filter_stays),
        OUTPUT_TEST(what_the_server_cannot_change_is_said_and_the_rest_goes_on),
        OUTPUT_TEST(a_consumer_of_another_kind_is_told_to_be_removed),
        OUTPUT_TEST(a_seal_is_told_to_be_for_ever),
        OUTPUT_TEST(ack_wait_of_all_consumers_can_be_overridden),
        OUTPUT_TEST(a_server_that_stores_less_has_lower_limits_in_the_same_proportion),
        OUTPUT_TEST(a_stream_from_before_that_holds_too_much_for_its_limit_keeps_it_all),
        OUTPUT_TEST(a_server_without_room_for_the_limits_is_told_of),
    };
    return cmocka_run_group_tests(tests, start, servers_teardown);
}

/* Endpoints and the NATS service protocol against a real nats-server: what a caller, and
   `nats micro`, is answered.

   Covers: shared/nats/service_error.c shared/service/micro.c */
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/service/micro.h"
#include "shared/service/service.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <stdatomic.h>

#define ANSWER_MS 5000

static struct micro *micro;

/* --- the service under test --- */

static enum status repeat(struct endpoint_call *call, struct error *error) {
    (void)error;
    buf_append_text(call->reply, call->context);
    buf_append_slice(call->reply, call->request);
    return STATUS_OK;
}

static const struct refusal {
    enum status status;
    const char *code;
} refusals[] = {
    {STATUS_INVALID, "400"},  {STATUS_UNSUPPORTED, "400"}, {STATUS_NOT_FOUND, "404"},
    {STATUS_CONFLICT, "409"}, {STATUS_TIMEOUT, "503"},     {STATUS_UNAVAILABLE, "503"},
    {STATUS_INTERNAL, "500"},
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

/* Fails with the status that the request names. */
static enum status refuse(struct endpoint_call *call, struct error *error) {
    for (size_t i = 0; i < REFUSALS; i++) {
        if (slice_is(call->request, status_name(refusals[i].status)))
            return error_set(error, refusals[i].status, "told to fail");
    }
    return STATUS_OK;
}

static atomic_bool has_begun, has_finished;

/* Takes longer than an idle service needs to end. */
static enum status dawdle(struct endpoint_call *call, struct error *error) {
    (void)error;
    atomic_store(&has_begun, true);
    clock_sleep_ms(1500);
    buf_append_text(call->reply, "at last");
    atomic_store(&has_finished, true);
    return STATUS_OK;
}

static const struct endpoint endpoints[] = {{"repeat", "mesh.probe.repeat", repeat},
                                            {"fail", "mesh.probe.fail", refuse},
                                            {"dawdle", "mesh.probe.dawdle", dawdle}};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))
static char context[] = "heard: ";
static const struct consumer_spec consumers[] = {{.stream = "ORDERS", .durable = "probe"},
                                                 {.stream = "PAYMENTS", .durable = "probe-late"}};

static const struct service service = {
    .name = "probe",
    .description = "answers the test",
    .consumers = consumers,
    .consumer_count = 2,
    .endpoints = endpoints,
    .endpoint_count = ENDPOINTS,
};

static atomic_bool is_held;

static bool is_ready(void *closure, struct error *why) {
    if (atomic_load((atomic_bool *)closure))
        (void)!error_fill(why, STATUS_UNAVAILABLE, "the relay waits: it was told to");
    return !atomic_load((atomic_bool *)closure);
}

static int open_service(void **state) {
    (void)state;
    struct error error = {0};
    const struct micro_options options = {.nats = nats,
                                          .service = &service,
                                          .version = "1.2.3",
                                          .context = context,
                                          .is_ready = is_ready,
                                          .is_ready_closure = &is_held};
    assert_int_equal(micro_create(&options, &micro, &error), STATUS_OK);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    micro_destroy(&micro);
    return 0;
}

/* --- asking --- */

static natsMsg *ask(const char *subject, const char *body) {
    natsMsg *reply = NULL;
    natsStatus s =
        natsConnection_RequestString(&reply, nats_client_fast(nats), subject, body, ANSWER_MS);
    if (s != NATS_OK)
        fail_msg("%s: %s", subject, natsStatus_GetText(s));
    return reply;
}

static struct slice body_of(natsMsg *message) {
    return (struct slice){natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
}

static void assert_header(natsMsg *message, const char *name, const char *expected) {
    const char *value = NULL;
    natsMsgHeader_Get(message, name, &value);
    assert_non_null(value);
    assert_string_equal(value, expected);
}

/* Asks a protocol subject; the answer is the caller's (json_object_put). */
static struct json_object *ask_protocol(const char *subject) {
    struct json_object *root = NULL;
    struct error error = {0};
    natsMsg *reply = ask(subject, "");
    if (json_parse(body_of(reply), &root, &error) != STATUS_OK)
        fail_msg("%s: %s", subject, error.text);
    natsMsg_Destroy(reply);
    return root;
}

static void assert_member(struct json_object *object, const char *key, const char *expected) {
    struct slice text = {0};
    struct error error = {0};
    if (json_get_string(object, key, &text, &error) != STATUS_OK)
        fail_msg("%s: %s", key, error.text);
    assert_slice_equal(text, expected);
}

static struct json_object *endpoint_of(struct json_object *answer, size_t index) {
    struct json_object *list = NULL;
    assert_true(json_object_object_get_ex(answer, "endpoints", &list));
    assert_int_equal(json_object_array_length(list), ENDPOINTS);
    return json_object_array_get_idx(list, index);
}

static int64_t figure(struct json_object *endpoint, const char *key) {
    int64_t value = -1;
    assert_int_equal(json_get_int64(endpoint, key, &value, NULL), STATUS_OK);
    return value;
}

/* --- endpoints --- */

static void an_endpoint_answers_with_what_its_handler_wrote(void **state) {
    (void)state;
    const char *refusal = NULL;
    natsMsg *first = ask("mesh.probe.repeat", "one"), *second = ask("mesh.probe.repeat", "2");

    assert_slice_equal(body_of(first), "heard: one");
    assert_slice_equal(body_of(second), "heard: 2");
    assert_int_equal(natsMsgHeader_Get(first, "Nats-Service-Error", &refusal), NATS_NOT_FOUND);
    natsMsg_Destroy(first);
    natsMsg_Destroy(second);
}

static void a_failure_is_an_error_header_with_the_codes_of_http(void **state) {
    (void)state;
    for (size_t i = 0; i < REFUSALS; i++) {
        natsMsg *reply = ask("mesh.probe.fail", status_name(refusals[i].status));
        assert_header(reply, "Nats-Service-Error", "told to fail");
        assert_header(reply, "Nats-Service-Error-Code", refusals[i].code);
        assert_slice_equal(body_of(reply), "{}");
        natsMsg_Destroy(reply);
    }
}

/* --- the protocol --- */

static void ping_is_answered_to_all_to_the_name_and_to_the_id(void **state) {
    (void)state;
    char id_subject[128];
    struct slice id = {0};
    struct json_object *to_all = ask_protocol("$SRV.PING");
    struct json_object *to_name = ask_protocol("$SRV.PING.probe");
    assert_int_equal(json_get_string(to_all, "id", &id, NULL), STATUS_OK);
    snprintf(id_subject, sizeof(id_subject), "$SRV.PING.probe.%.*s", SLICE_ARG(id));
    struct json_object *to_id = ask_protocol(id_subject);

    assert_member(to_all, "type", "io.nats.micro.v1.ping_response");
    assert_member(to_name, "name", "probe");
    assert_member(to_id, "version", "1.2.3");
    json_object_put(to_all);
    json_object_put(to_name);
    json_object_put(to_id);
}

static void info_lists_the_endpoints_and_labels(void **state) {
    (void)state;
    struct json_object *info = ask_protocol("$SRV.INFO.probe");

    assert_member(info, "type", "io.nats.micro.v1.info_response");
    assert_member(info, "description", "answers the test");
    struct json_object *labels = json_object_object_get(info, "metadata");
    assert_member(labels, "io.ordermesh.owner", "probe");
    assert_member(labels, "io.ordermesh.consumers", "ORDERS/probe PAYMENTS/probe-late");
    assert_false(json_object_object_get_ex(labels, "io.ordermesh.schemas", NULL));
    assert_member(endpoint_of(info, 0), "name", "repeat");
    assert_member(endpoint_of(info, 1), "subject", "mesh.probe.fail");
    assert_member(endpoint_of(info, 1), "queue_group", "q");
    json_object_put(info);
}

static void stats_count_requests_and_errors_of_each_endpoint(void **state) {
    (void)state;
    natsMsg_Destroy(ask("mesh.probe.repeat", ""));
    natsMsg_Destroy(ask("mesh.probe.repeat", ""));
    natsMsg_Destroy(ask("mesh.probe.fail", "NOT_FOUND"));
    /* The endpoint counts behind its answer, and its next answer comes behind that. */
    natsMsg_Destroy(ask("mesh.probe.repeat", ""));
    natsMsg_Destroy(ask("mesh.probe.fail", "NOT_FOUND"));
    struct json_object *stats = ask_protocol("$SRV.STATS.probe");
    struct json_object *repeating = endpoint_of(stats, 0), *failing = endpoint_of(stats, 1);

    assert_member(stats, "type", "io.nats.micro.v1.stats_response");
    assert_true(figure(repeating, "num_requests") >= 2);
    assert_int_equal(figure(repeating, "num_errors"), 0);
    assert_true(figure(failing, "num_errors") >= 1);
    assert_int_equal(figure(failing, "num_errors"), figure(failing, "num_requests"));
    assert_member(failing, "last_error", "404:told to fail");
    assert_true(figure(repeating, "processing_time") >=
                figure(repeating, "average_processing_time"));
    json_object_put(stats);
}

static void stats_say_why_a_process_is_not_ready(void **state) {
    (void)state;
    struct json_object *stats = ask_protocol("$SRV.STATS.probe");
    assert_false(json_object_object_get_ex(stats, "not_ready", NULL));
    json_object_put(stats);
    atomic_store(&is_held, true);
    stats = ask_protocol("$SRV.STATS.probe");
    atomic_store(&is_held, false);
    assert_member(stats, "not_ready", "the relay waits: it was told to");
    json_object_put(stats);
}

static bool is_set(void *flag) {
    return atomic_load((atomic_bool *)flag);
}

static void ending_waits_for_the_request_at_work_and_answers_it(void **state) {
    (void)state;
    natsSubscription *answers = NULL;
    natsMsg *answer = NULL;
    natsConnection *connection = nats_client_fast(nats);
    char *inbox = nats_client_inbox(nats);
    assert_int_equal(natsConnection_SubscribeSync(&answers, connection, inbox), NATS_OK);
    assert_int_equal(
        natsConnection_PublishRequestString(connection, "mesh.probe.dawdle", inbox, ""), NATS_OK);
    assert_true(wait_until(is_set, &has_begun, ANSWER_MS));

    micro_destroy(&micro);

    assert_true(atomic_load(&has_finished));
    assert_int_equal(natsSubscription_NextMsg(&answer, answers, ANSWER_MS), NATS_OK);
    assert_slice_equal(body_of(answer), "at last");
    natsMsg_Destroy(answer);
    natsSubscription_Destroy(answers);
    free(inbox);
}

static bool is_away(void *unused) {
    (void)unused;
    return !nats_client_is_connected(nats);
}

static bool is_back(void *unused) {
    return !is_away(unused);
}

static void ending_without_the_broker_takes_a_moment_only(void **state) {
    (void)state;
    servers_kill(servers, SERVER_NATS);
    assert_true(wait_until(is_away, NULL, 20000));

    int64_t started_us = clock_monotonic_us();
    micro_destroy(&micro);
    int64_t took_us = clock_monotonic_us() - started_us;
    servers_restart(servers, SERVER_NATS);

    assert_true(wait_until(is_back, NULL, 20000));
    assert_true(took_us < 3000000);
}

static void nobody_answers_for_a_service_that_has_ended(void **state) {
    (void)state;
    natsMsg *reply = NULL;
    micro_destroy(&micro);

    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(nats), "mesh.probe.repeat",
                                                "", ANSWER_MS);

    assert_int_equal(s, NATS_NO_RESPONDERS);
}

#define SERVICE_TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVICE_TEST(an_endpoint_answers_with_what_its_handler_wrote),
        SERVICE_TEST(a_failure_is_an_error_header_with_the_codes_of_http),
        SERVICE_TEST(ping_is_answered_to_all_to_the_name_and_to_the_id),
        SERVICE_TEST(info_lists_the_endpoints_and_labels),
        SERVICE_TEST(stats_count_requests_and_errors_of_each_endpoint),
        SERVICE_TEST(stats_say_why_a_process_is_not_ready),
        SERVICE_TEST(ending_waits_for_the_request_at_work_and_answers_it),
        SERVICE_TEST(ending_without_the_broker_takes_a_moment_only),
        SERVICE_TEST(nobody_answers_for_a_service_that_has_ended),
    };
    return cmocka_run_group_tests(tests, nats_setup, servers_teardown);
}

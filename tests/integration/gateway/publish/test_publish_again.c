/* A broker on its way from one state to the next: a command that can still be stored in time is, be
   it an order or a cancel.

   Covers: gateway/link/broker.c gateway/orders/publish.c */
#include "tests/support/gateway/gateway_fixture.h"

#include <pthread.h>

#define IN_FLIGHT_MS 5000

static void delete_stream(const char *name) {
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_DeleteStream(js, name, NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
}

/* A stream of several copies has nobody who listens while it elects its leader: 503 at once. */
static void a_stream_that_is_away_for_a_moment_costs_no_request(void **state) {
    (void)state;
    struct http_response response;
    pthread_t thread;
    delete_stream("COMMANDS");
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, &response), 0);
    bool is_waiting = wait_until(one_is_in_flight, NULL, IN_FLIGHT_MS);
    servers_provision(fixture.servers);
    pthread_join(thread, NULL);

    assert_true(is_waiting);
    assert_int_equal(response.status, 202);
    assert_int_equal(stored_orders(), 1);
    http_response_fini(&response);
}

/* The server died between taking the order and acknowledging it: 503 when the time was over. */
static void an_order_whose_server_dies_is_stored_by_the_next(void **state) {
    (void)state;
    struct http_response response;
    pthread_t thread;
    uint64_t before = stored_orders();
    servers_pause(fixture.servers, SERVER_NATS);
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, &response), 0);
    bool is_waiting = wait_until(one_is_in_flight, NULL, IN_FLIGHT_MS);
    servers_kill(fixture.servers, SERVER_NATS);
    servers_restart(fixture.servers, SERVER_NATS);
    pthread_join(thread, NULL);

    assert_true(is_waiting);
    assert_int_equal(response.status, 202);
    assert_int_equal(stored_orders(), before + 1);
    assert_true(wait_until(readiness_has, "{\"ready\":true}", IN_FLIGHT_MS));
    http_response_fini(&response);
}

/* --- cancelling, with a stand-in for the order service ---------------------------------------- */

static void say_pending(natsConnection *connection, natsSubscription *subscription,
                        natsMsg *message, void *closure) {
    (void)subscription;
    (void)closure;
    natsConnection_PublishString(connection, natsMsg_GetReply(message),
                                 "{\"status\":\"PENDING\",\"version\":1}");
    natsMsg_Destroy(message);
}

static natsSubscription *stand_in_start(void) {
    natsSubscription *subscription = NULL;
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(
        natsConnection_Subscribe(&subscription, connection, "mesh.order.status", say_pending, NULL),
        NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    return subscription;
}

/* A thread that cancels an order into its struct http_response. */
static void *cancel_and_wait(void *closure) {
    struct http_client *http = http_client_create();
    char *url = gateway_url("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab/cancel");
    http_send(http, &(struct http_request){.method = "POST", .url = url}, closure);
    free(url);
    http_client_destroy(&http);
    return NULL;
}

/* A submit was sent again, and a cancel was not: 503 at once. */
static void a_stream_that_is_away_for_a_moment_costs_no_cancel(void **state) {
    (void)state;
    struct http_response response;
    pthread_t thread;
    natsSubscription *stand_in = stand_in_start();
    delete_stream("COMMANDS");
    assert_int_equal(pthread_create(&thread, NULL, cancel_and_wait, &response), 0);
    bool is_waiting = wait_until(one_is_in_flight, NULL, IN_FLIGHT_MS);
    servers_provision(fixture.servers);
    pthread_join(thread, NULL);

    assert_true(is_waiting);
    assert_int_equal(response.status, 202);
    assert_int_equal(stored_orders(), 1);
    http_response_fini(&response);
    natsSubscription_Destroy(stand_in);
}

/* Somebody hears the command, so it is not refused at once, but no stream acknowledges it. */
static void a_cancel_that_is_not_acknowledged_is_sent_again(void **state) {
    (void)state;
    struct http_response response;
    pthread_t thread;
    natsSubscription *stand_in = stand_in_start(), *listener = NULL;
    natsMsg *heard = NULL;
    delete_stream("COMMANDS");
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(natsConnection_SubscribeSync(&listener, connection, "commands.order.cancel"),
                     NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel_and_wait, &response), 0);
    natsStatus s = natsSubscription_NextMsg(&heard, listener, IN_FLIGHT_MS);
    natsSubscription_Destroy(listener);
    natsMsg_Destroy(heard);
    servers_provision(fixture.servers);
    pthread_join(thread, NULL);

    assert_int_equal(s, NATS_OK);
    assert_int_equal(response.status, 202);
    assert_int_equal(stored_orders(), 1);
    http_response_fini(&response);
    natsSubscription_Destroy(stand_in);
}

/* --- giving up -------------------------------------------------------------------------------- */

/* The first try may be in the stream, whatever the last one met: "nothing was done" was no answer.
 */
static void what_may_have_been_stored_is_not_called_undone(void **state) {
    (void)state;
    struct http_response response;
    pthread_t thread;
    gateway_restart((const char *const[]){"OM_PUBLISH_TIMEOUT_MS", "1000", NULL});
    servers_pause(fixture.servers, SERVER_NATS);
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, &response), 0);
    bool is_waiting = wait_until(one_is_in_flight, NULL, IN_FLIGHT_MS);
    servers_kill(fixture.servers, SERVER_NATS);
    pthread_join(thread, NULL);
    servers_restart(fixture.servers, SERVER_NATS);

    assert_true(is_waiting);
    assert_problem(&response, 503, "not-confirmed");
}

static int setup(void **state) {
    int code = fixture_setup(state);
    gateway_restart((const char *const[]){"OM_PUBLISH_TIMEOUT_MS", "8000", NULL});
    return code;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_that_is_away_for_a_moment_costs_no_request),
        cmocka_unit_test(an_order_whose_server_dies_is_stored_by_the_next),
        cmocka_unit_test(a_stream_that_is_away_for_a_moment_costs_no_cancel),
        cmocka_unit_test(a_cancel_that_is_not_acknowledged_is_sent_again),
        cmocka_unit_test(what_may_have_been_stored_is_not_called_undone),
    };
    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}

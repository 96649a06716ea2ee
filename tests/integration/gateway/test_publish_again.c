/* What the gateway does about a broker that is on its way from one state to the next: a request
   that can still be stored in time is.

   Covers: gateway/link/broker.c gateway/orders/publish.c */
#include "tests/integration/gateway/gateway_fixture.h"

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
    delete_stream("ORDERS");
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
    http_response_fini(&response);
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
    };
    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}

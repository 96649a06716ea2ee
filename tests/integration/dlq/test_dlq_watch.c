/* What om-dlq sees of streams and consumers, as /metrics shows it.

   Covers: services/dlq/watch/ shared/nats/nats_certificate.c */
#include "shared/base/buf.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/world/dead_letters.h"

#define GRACE_MS 600000
#define WATCH_MS 40000 /* it looks every ten seconds */

static struct dead_letters world;
static struct process *service;

static int set_up(void **state) {
    (void)state;
    dead_letters_start(&world);
    service = dead_letters_service(&world, GRACE_MS, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dead_letters_end(&service);
    dead_letters_stop(&world);
    return 0;
}

/* -1: not there. */
static int64_t figure(const char *series) {
    char url[64];
    struct http_response response;
    int64_t value = -1;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", world.admin_port);
    const char *at = NULL;
    if (http_get(url, &response) == 200 && response.body.ptr != NULL)
        at = strstr(response.body.ptr, series);
    if (at != NULL)
        value = strtoll(at + strlen(series), NULL, 10);
    http_response_fini(&response);
    return value;
}

static bool is_old(void *series) {
    return figure(series) >= 1;
}
static bool is_nothing(void *series) {
    return figure(series) == 0;
}

#define AGE(consumer) "ordermesh_consumer_oldest_seconds{consumer=\"ORDERS/" consumer "\"} "

static void what_a_consumer_is_not_done_with_has_an_age_until_it_is(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE], waiting[] = AGE("unattended");
    dead_letters_consumer(&world, "unattended");
    dead_letters_publish(&world, id);
    bool was_old = wait_until(is_old, waiting, WATCH_MS);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");

    assert_true(was_old);
    assert_true(wait_until(is_nothing, waiting, WATCH_MS));
}

static void a_stream_has_its_size_beside_its_limit(void **state) {
    (void)state;
    char held[] = "ordermesh_stream_bytes{stream=\"ORDERS\"} ";
    assert_true(wait_until(is_old, held, WATCH_MS));
    assert_int_equal(figure("ordermesh_stream_limit_bytes{stream=\"ORDERS\"} "),
                     INT64_C(2880) * 1024 * 1024);
}

static void a_paused_consumer_is_seen(void **state) {
    (void)state;
    if (nats_client_server_version(world.nats) < NATS_SERVER_VERSION(2, 11, 0))
        skip();
    char paused[] = "ordermesh_consumer_paused{consumer=\"ORDERS/paused\"} ";
    dead_letters_consumer(&world, "paused");
    natsMsg *reply = NULL;
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.CONSUMER.PAUSE.ORDERS.paused",
                                                  "{\"pause_until\":\"2099-01-01T00:00:00Z\"}",
                                                  5000),
                     NATS_OK);
    natsMsg_Destroy(reply);
    assert_true(wait_until(is_old, paused, WATCH_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_consumer_is_not_done_with_has_an_age_until_it_is),
        cmocka_unit_test(a_stream_has_its_size_beside_its_limit),
        cmocka_unit_test(a_paused_consumer_is_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* What happens to a stream while a part of a batch is there already, and batches of orders and
   cancels: whoever was told that an order is accepted finds it stored, once.

   Covers: gateway/link/group_commit.c gateway/orders/cancel_order.c */
#include "shared/nats/atomic_batch.h"
#include "shared/service/micro.h"
#include "shared/service/service.h"
#include "tests/support/gateway/order_crowd.h"

#define LEASE_MS 15000
#define MIXES_MOST 10
#define ROOM 5

#ifdef OM_FAILPOINTS
static bool is_accepted_at_last(void *key) {
    struct http_response response = post(key, ORDER);
    bool is = response.status == 202;
    http_response_fini(&response);
    return is;
}

/* Those of them that came first were sent by themselves. */
static void a_stream_that_is_sealed_in_mid_batch_accepts_none_of_it(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    uint64_t before = last_sequence();
    crowd_halts_in_batch("sealed");
    set_stream_member("sealed", json_object_new_boolean(true));
    crowd_goes_on();
    size_t accepted = crowd_leave(202);
    struct tally tally = count_stored(before);
    natsMsg_Destroy(ask_server("$JS.API.STREAM.DELETE.COMMANDS", ""));
    servers_provision(fixture.servers);
    bool is_mended = wait_until(is_accepted_at_last, "sealed-no-more", LEASE_MS);

    assert_true(accepted <= CROWD - ATOMIC_BATCH_LEAST);
    assert_int_equal(tally.orders, accepted);
    assert_int_equal(tally.in_batches, 0);
    assert_true(is_mended);
}

static void a_limit_that_comes_in_mid_batch_lets_in_as_many_as_it_says(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    uint64_t before = last_sequence();
    crowd_halts_in_batch("limited");
    set_stream_member("discard", json_object_new_string("new"));
    set_stream_member("max_msgs", json_object_new_int64((int64_t)stored_messages(">") + ROOM));
    crowd_goes_on();
    size_t accepted = crowd_leave(202);
    set_stream_member("max_msgs", json_object_new_int(-1));
    set_stream_member("discard", json_object_new_string("old"));

    /* a probe may have taken a place, and some that came first none */
    assert_in_range(accepted, ROOM - 1, CROWD - ATOMIC_BATCH_LEAST + ROOM);
    assert_stored_once(before, accepted);
    assert_int_equal(count_stored(before).in_batches, 0);
}
#endif

/* --- orders and cancels ----------------------------------------------------------------------- */

static enum status know_nothing(struct endpoint_call *call, struct error *error) {
    (void)call;
    return error_set(error, STATUS_NOT_FOUND, "no such order");
}

/* The order service, before it has heard of any order. */
static struct micro *start_order_service(void) {
    static const struct endpoint endpoints[] = {{"status", "mesh.order.status", know_nothing}};
    static const struct service service = {.name = "test",
                                           .description = "knows no orders",
                                           .endpoints = endpoints,
                                           .endpoint_count = 1};
    struct micro *micro = NULL;
    struct error error;
    assert_int_equal(
        micro_create(
            &(struct micro_options){.nats = fixture.nats, .service = &service, .version = "1.0.0"},
            &micro, &error),
        STATUS_OK);
    return micro;
}

static char cancel_paths[CROWD / 2][96];

/* Each second one places an order, to be cancelled later. */
static void place_what_is_cancelled(int round) {
    char key[32];
    for (int i = 0; i < CROWD / 2; i++) {
        snprintf(key, sizeof(key), "regretted-%d-%d", round, i);
        struct http_response response = post(key, ORDER);
        const char *at = strstr(response.body.ptr, "\"orderId\":\"");
        assert_int_equal(response.status, 202);
        assert_non_null(at);
        snprintf(cancel_paths[i], sizeof(cancel_paths[i]), "/api/v1/orders/%.36s/cancel", at + 11);
        http_response_fini(&response);
    }
}

static bool is_cancel_taken(void *path) {
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http, &(struct http_request){.method = "POST", .url = url}, &response);
    bool is = response.status == 202;
    http_response_fini(&response);
    free(url);
    return is;
}

/* True: some batch had both. */
static bool mix(int round) {
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "mixed-%d", round);
    place_what_is_cancelled(round);
    uint64_t before = last_sequence();
    crowd_prepare(prefix);
    for (int i = 0; i < CROWD / 2; i++)
        crowd[2 * i].path = cancel_paths[i];
    crowd_goes();
    crowd_join();

    assert_int_equal(crowd_leave(202), CROWD);
    struct tally tally = count_stored(before);
    assert_int_equal(tally.orders, CROWD / 2);
    assert_int_equal(tally.cancels, CROWD / 2);
    assert_int_equal(tally.doubled, 0);
    return tally.mixed > 0;
}

/* A cancel is published when the order service has been asked, so that only chance brings it into
   one batch with an order. */
static void orders_and_cancels_go_in_one_batch(void **state) {
    (void)state;
    start_anew();
    struct micro *micro = start_order_service();
    place_what_is_cancelled(-1);
    assert_true(wait_until(is_cancel_taken, cancel_paths[0], LEASE_MS));
    bool has_mixed = false;
    for (int round = 0; round < MIXES_MOST && !has_mixed; round++)
        has_mixed = mix(round);
    micro_destroy(&micro);

    assert_int_equal(has_mixed, takes_batches());
}

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef OM_FAILPOINTS
        cmocka_unit_test(a_stream_that_is_sealed_in_mid_batch_accepts_none_of_it),
        cmocka_unit_test(a_limit_that_comes_in_mid_batch_lets_in_as_many_as_it_says),
#endif
        cmocka_unit_test(orders_and_cancels_go_in_one_batch),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

/* Orders that wait together go into the stream as one atomic batch, where the server takes such;
   and whatever becomes of the batch, an order that was accepted is stored, once. An older server
   gets the same orders one by one.

   Covers: gateway/link/group_commit.c gateway/link/publisher.c gateway/link/broker.c
   gateway/orders/publish.c */
#include "shared/nats/atomic_batch.h"
#include "tests/support/gateway/order_crowd.h"
#include "tests/support/servers/program.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define LEASE_MS 15000

static bool is_accepted_at_last(void *key) {
    struct http_response response = post(key, ORDER);
    bool is = response.status == 202;
    http_response_fini(&response);
    return is;
}

static void assert_all_accepted(const char *prefix) {
    crowd_prepare(prefix);
    crowd_waits();
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();
    assert_int_equal(crowd_leave(202), CROWD);
}

static long sent_in_all(void) {
    return groups_sent("sum", "batch") + groups_sent("sum", "singly");
}

static bool a_batch_has_left(void *closure) {
    (void)closure;
    return groups_sent("count", "batch") > 0;
}

/* --- batches ---------------------------------------------------------------------------------- */

static void orders_that_wait_together_are_stored_as_one_batch(void **state) {
    (void)state;
    start_anew();
    uint64_t before = last_sequence();
    assert_all_accepted("together");

    struct tally tally = count_stored(before);
    assert_int_equal(tally.orders, CROWD);
    assert_int_equal(tally.doubled, 0);
    assert_int_equal(sent_in_all(), CROWD); /* none again */
    if (takes_batches())
        assert_in_range(tally.in_batches, ATOMIC_BATCH_LEAST,
                        CROWD - 1); /* the first one found no other */
    else
        assert_int_equal(tally.in_batches, 0);
}

static void an_order_that_finds_no_other_is_stored_by_itself(void **state) {
    (void)state;
    start_anew();
    uint64_t before = last_sequence();
    for (int i = 0; i < 3; i++) {
        struct http_response response = post(NULL, ORDER);
        assert_int_equal(response.status, 202);
        http_response_fini(&response);
    }
    assert_int_equal(count_stored(before).orders, 3);
    assert_int_equal(count_stored(before).in_batches, 0);
}

/* The server refuses the whole batch for one order that it has. */
static void an_order_that_is_stored_already_costs_the_others_nothing(void **state) {
    (void)state;
    start_anew();
    struct http_response first = post("stored-already", ORDER);
    assert_int_equal(first.status, 202);
    http_response_fini(&first);
    redis_do("FLUSHALL");
    uint64_t before = last_sequence();
    crowd_prepare("beside");
    crowd[CROWD / 2].key = "stored-already";
    crowd_waits();
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();

    assert_int_equal(crowd_leave(202), CROWD);
    assert_stored_once(before, CROWD - 1);
}

static void a_stream_that_takes_no_batches_gets_the_orders_one_by_one(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    set_stream_member("allow_atomic", json_object_new_boolean(false));
    start_anew();
    uint64_t before = last_sequence();
    assert_all_accepted("refused");
    long tried = groups_sent("count", "batch");
    assert_all_accepted("resting");
    long tried_again = groups_sent("count", "batch") - tried;
    struct tally without = count_stored(before);

    /* a connection that is new may be to a server that is new */
    set_stream_member("allow_atomic", json_object_new_boolean(true));
    servers_restart(fixture.servers, SERVER_NATS);
    assert_true(wait_until(is_accepted_at_last, "restarted", LEASE_MS));
    /* by one of its connections; until the other is back, too, it takes no more */
    assert_true(wait_until(program_is_ready, &fixture.admin_port, LEASE_MS));
    before = last_sequence();
    assert_all_accepted("allowed");

    assert_true(tried > 0);
    assert_int_equal(tried_again, 0);
    assert_int_equal(without.orders, 2 * CROWD);
    assert_int_equal(without.doubled, 0);
    assert_int_equal(without.in_batches, 0);
    assert_in_range(count_stored(before).in_batches, ATOMIC_BATCH_LEAST, CROWD);
}

static void an_order_that_is_too_large_costs_the_others_nothing(void **state) {
    (void)state;
    struct buf large = {0};
    buf_printf(&large, "{\"customerId\":\"C1\",\"email\":\"c@example.com\","
                       "\"currency\":\"USD\",\"paymentMethod\":\"pm_card_visa\",\"items\":[");
    for (int i = 0; i < 50; i++)
        buf_printf(&large, "%s{\"sku\":\"SKU-%040d\",\"quantity\":1}", i > 0 ? "," : "", i);
    buf_printf(&large, "]}");
    set_stream_member("max_msg_size", json_object_new_int(3000));
    start_anew();
    uint64_t before = last_sequence();
    crowd_prepare("large");
    crowd[CROWD / 2].body = large.ptr;
    crowd_waits();
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();
    set_stream_member("max_msg_size", json_object_new_int(1048576));

    assert_int_equal(crowd[CROWD / 2].response.status, 503);
    assert_int_equal(crowd_leave(202), CROWD - 1);
    assert_stored_once(before, CROWD - 1);
    buf_fini(&large);
}

static void a_full_stream_accepts_none_of_a_batch(void **state) {
    (void)state;
    start_anew();
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "COMMANDS", NULL, NULL), NATS_OK);
    set_stream_member("discard", json_object_new_string("new"));
    set_stream_member("max_msgs", json_object_new_int64((int64_t)info->State.Msgs + 3));
    uint64_t before = info->State.LastSeq;
    crowd_prepare("full");
    crowd_waits();
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();
    size_t accepted = crowd_leave(202);
    set_stream_member("max_msgs", json_object_new_int(-1));
    set_stream_member("discard", json_object_new_string("old"));
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);

    /* a probe may have taken a place */
    assert_in_range(accepted, 1, 3);
    assert_stored_once(before, accepted);
}

/* --- what is lost ----------------------------------------------------------------------------- */

static void a_batch_whose_server_dies_is_stored_by_the_next_once(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    start_anew();
    uint64_t before = last_sequence();
    crowd_prepare("server-dies");
    crowd_waits();
    assert_true(wait_until(a_batch_has_left, NULL, IN_FLIGHT_MS));
    servers_kill(fixture.servers, SERVER_NATS);
    servers_restart(fixture.servers, SERVER_NATS);
    crowd_join();

    assert_int_equal(crowd_leave(202), CROWD);
    assert_stored_once(before, CROWD);
}

/* The answer comes when all have given up waiting for it, and were sent again. */
static void a_batch_that_is_answered_too_late_is_stored_once(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    start_anew();
    uint64_t before = last_sequence();
    crowd_prepare("late");
    crowd_waits();
    assert_true(wait_until(a_batch_has_left, NULL, IN_FLIGHT_MS));
    clock_sleep_ms(2500); /* a try waits for 2 s */
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();

    assert_int_equal(crowd_leave(202), CROWD);
    assert_stored_once(before, CROWD);
}

/* Nobody answers the first one, whose try lasts for 2 s, since the stream is away and somebody else
   hears it. */
static void one_that_is_not_answered_does_not_hold_up_the_next(void **state) {
    (void)state;
    start_anew();
    struct http_response first, second;
    pthread_t thread;
    natsSubscription *listener = NULL;
    natsMsg *heard = NULL;
    natsMsg_Destroy(ask_server("$JS.API.STREAM.DELETE.COMMANDS", ""));
    assert_int_equal(
        natsConnection_SubscribeSync(&listener, nats_client_fast(fixture.nats), SUBJECT_ORDERS),
        NATS_OK);
    assert_int_equal(natsConnection_Flush(nats_client_fast(fixture.nats)), NATS_OK);
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, &first), 0);
    natsStatus s = natsSubscription_NextMsg(&heard, listener, IN_FLIGHT_MS);
    natsSubscription_Destroy(listener);
    natsMsg_Destroy(heard);
    servers_provision(fixture.servers);
    second = post(NULL, ORDER);
    pthread_join(thread, NULL);

    assert_int_equal(s, NATS_OK);
    assert_int_equal(second.status, 202);
    assert_int_equal(first.status, 202);
    assert_int_equal(stored_orders(), 2);
    http_response_fini(&first);
    http_response_fini(&second);
}

/* Each try is over before the next group may go, unless the machine lets all come at one moment. */
static bool impatient_ones_are_not_sent(int attempt) {
    char prefix[32];
    long before = sent_in_all();
    snprintf(prefix, sizeof(prefix), "impatient-%d", attempt);
    crowd_prepare(prefix);
    crowd_comes();
    crowd_join();
    clock_sleep_ms(300); /* for the next group to be let go */
    long count = sent_in_all() - before;
    servers_resume(fixture.servers, SERVER_NATS);
    snprintf(prefix, sizeof(prefix), "patient-%d", attempt);

    assert_int_equal(crowd_leave(503), CROWD);
    assert_true(wait_until(is_accepted_at_last, prefix, LEASE_MS));
    return count < CROWD;
}

static void what_nobody_waits_for_any_more_is_not_sent(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    gateway_restart((const char *const[]){"OM_PUBLISH_TIMEOUT_MS", "100", NULL});
    bool is_so = false;
    for (int attempt = 0; attempt < 5 && !is_so; attempt++)
        is_so = impatient_ones_are_not_sent(attempt);
    assert_true(is_so);
}

/* --- the gateway's end ------------------------------------------------------------------------ */

static void a_gateway_that_is_told_to_end_still_stores_what_waits(void **state) {
    (void)state;
    start_anew();
    uint64_t before = last_sequence();
    crowd_prepare("draining");
    crowd_waits();
    process_signal(fixture.gateway, SIGTERM);
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();
    int exit_code = -1;
    bool has_ended = process_wait(fixture.gateway, 10000, &exit_code);
    start_anew();

    assert_true(has_ended);
    assert_int_equal(exit_code, 0);
    assert_int_equal(crowd_leave(202), CROWD);
    assert_stored_once(before, CROWD);
}

#ifdef OM_FAILPOINTS
static void assert_a_crash_costs_no_order(const char *step) {
    char failpoint[64];
    snprintf(failpoint, sizeof(failpoint), "%s:%d", step,
             strcmp(step, "gateway.after_publish") == 0 ? ATOMIC_BATCH_LEAST : 1);
    gateway_restart(
        (const char *const[]){"OM_FAILPOINT", failpoint, "OM_PUBLISH_TIMEOUT_MS", "8000", NULL});
    uint64_t before = last_sequence();
    crowd_prepare(step);
    crowd_comes();
    bool has_died = process_wait(fixture.gateway, 5000, NULL);
    servers_resume(fixture.servers, SERVER_NATS);
    crowd_join();
    size_t accepted = crowd_leave(202);
    struct tally after_crash = count_stored(before);
    gateway_restart(NULL);

    assert_true(has_died);
    assert_true(after_crash.orders >= accepted);
    for (int i = 0; i < CROWD; i++)
        assert_true(wait_until(is_accepted_at_last, crowd[i].made_key, LEASE_MS));
    assert_stored_once(before, CROWD);
}

static void a_crash_in_mid_batch_leaves_each_order_to_its_retry(void **state) {
    (void)state;
    if (!takes_batches())
        skip();
    assert_a_crash_costs_no_order("gateway.in_batch");
    assert_a_crash_costs_no_order("gateway.before_commit");
    assert_a_crash_costs_no_order("gateway.after_publish");
}
#else
static void a_crash_in_mid_batch_leaves_each_order_to_its_retry(void **state) {
    (void)state;
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_that_wait_together_are_stored_as_one_batch),
        cmocka_unit_test(an_order_that_finds_no_other_is_stored_by_itself),
        cmocka_unit_test(an_order_that_is_stored_already_costs_the_others_nothing),
        cmocka_unit_test(a_stream_that_takes_no_batches_gets_the_orders_one_by_one),
        cmocka_unit_test(an_order_that_is_too_large_costs_the_others_nothing),
        cmocka_unit_test(a_full_stream_accepts_none_of_a_batch),
        cmocka_unit_test(a_batch_whose_server_dies_is_stored_by_the_next_once),
        cmocka_unit_test(a_batch_that_is_answered_too_late_is_stored_once),
        cmocka_unit_test(one_that_is_not_answered_does_not_hold_up_the_next),
        cmocka_unit_test(what_nobody_waits_for_any_more_is_not_sent),
        cmocka_unit_test(a_gateway_that_is_told_to_end_still_stores_what_waits),
        cmocka_unit_test(a_crash_in_mid_batch_leaves_each_order_to_its_retry),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

/* Many requests at once, to a real NATS.

   Covers: shared/nats/request_batch.c */
#include "shared/nats/request_batch.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

static void echo(natsConnection *connection, natsSubscription *subscription, natsMsg *request,
                 void *closure) {
    (void)subscription;
    (void)closure;
    (void)natsConnection_Publish(connection, natsMsg_GetReply(request), natsMsg_GetData(request),
                                 natsMsg_GetDataLength(request));
    natsMsg_Destroy(request);
}

static void add_numbers(struct request_batch *batch, const char *subject, int count) {
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(request_batch_add(batch, slice_of(text), "%s", subject), i);
    }
}

static void assert_numbers(const struct request_batch *batch, int count) {
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_true(slice_is(request_batch_reply(batch, (size_t)i), text));
    }
}

static void each_request_gets_its_own_answer(void **state) {
    (void)state;
    struct error error;
    natsSubscription *echoing = NULL;
    struct request_batch *batch = request_batch_create(nats);
    assert_int_equal(natsConnection_Subscribe(&echoing, nats_client_fast(nats), "echo", echo, NULL),
                     NATS_OK);
    add_numbers(batch, "echo", 100);
    assert_int_equal(request_batch_run(batch, &error), STATUS_OK);
    assert_numbers(batch, 100);
    request_batch_destroy(&batch);
    natsSubscription_Destroy(echoing);
}

/* A reply that said that nobody listened stayed behind, and failed a later run. */
static void requests_that_nobody_answered_fail_no_later_ones(void **state) {
    (void)state;
    struct error error;
    natsSubscription *echoing = NULL;
    struct request_batch *batch = request_batch_create(nats);
    add_numbers(batch, "later", 10);
    assert_int_equal(request_batch_run(batch, &error), STATUS_UNAVAILABLE);
    request_batch_clear(batch);

    assert_int_equal(
        natsConnection_Subscribe(&echoing, nats_client_fast(nats), "later", echo, NULL), NATS_OK);
    add_numbers(batch, "later", 10);
    assert_int_equal(request_batch_run(batch, &error), STATUS_OK);
    assert_numbers(batch, 10);
    request_batch_destroy(&batch);
    natsSubscription_Destroy(echoing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_gets_its_own_answer),
        cmocka_unit_test(requests_that_nobody_answered_fail_no_later_ones),
    };
    return cmocka_run_group_tests(tests, nats_setup, servers_teardown);
}

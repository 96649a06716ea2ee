#include "gateway/link/outgoing.h"
#include "tests/support/base/test.h"

static struct outgoing *numbered(uint64_t token) {
    const struct command command = {.subject = "orders.cmd.submit",
                                    .stream = "ORDERS",
                                    .id = "an-id",
                                    .traceparent = "a-trace",
                                    .body = SLICE_LITERAL("{}")};
    struct outgoing *outgoing = outgoing_of_command(&command, "_INBOX.x.stored.1");
    outgoing->token = token;
    return outgoing;
}

static void assert_header(natsMsg *message, const char *name, const char *wanted) {
    const char *value = NULL;
    assert_int_equal(natsMsgHeader_Get(message, name, &value), NATS_OK);
    assert_string_equal(value, wanted);
}

static void a_command_outlives_what_it_was_made_of(void **state) {
    (void)state;
    char body[] = "{\"a\":1}", reply[] = "_INBOX.x.stored.1";
    struct command command = {.subject = "orders.cmd.submit",
                              .stream = "ORDERS",
                              .id = "an-id",
                              .traceparent = "a-trace",
                              .body = {body, sizeof(body) - 1}};
    struct outgoing *outgoing = outgoing_of_command(&command, reply);
    memset(body, 'x', sizeof(body) - 1);
    memset(reply, 'x', sizeof(reply) - 1);
    memset(&command, 0, sizeof(command));

    natsMsg *message = NULL;
    struct error error = {0};
    require_ok(outgoing_message(outgoing, true, &message, &error), &error);
    assert_string_equal(natsMsg_GetSubject(message), "orders.cmd.submit");
    assert_string_equal(natsMsg_GetReply(message), "_INBOX.x.stored.1");
    assert_int_equal(natsMsg_GetDataLength(message), 7);
    assert_memory_equal(natsMsg_GetData(message), "{\"a\":1}", 7);
    assert_header(message, "Nats-Msg-Id", "an-id");
    assert_header(message, "Nats-Expected-Stream", "ORDERS");
    assert_header(message, "traceparent", "a-trace");
    natsMsg_Destroy(message);
    outgoing_free(outgoing);
}

static void one_that_is_not_answered_names_no_reply(void **state) {
    (void)state;
    struct outgoing *outgoing = numbered(1);
    natsMsg *message = NULL;
    struct error error = {0};
    require_ok(outgoing_message(outgoing, false, &message, &error), &error);
    assert_null(natsMsg_GetReply(message));
    natsMsg_Destroy(message);
    outgoing_free(outgoing);
}

static void assert_tokens(struct outbound *outbound, uint64_t first, uint64_t last) {
    for (uint64_t token = first; token <= last; token++) {
        struct outgoing *outgoing = outbound_pop(outbound);
        assert_non_null(outgoing);
        assert_int_equal(outgoing->token, token);
        outgoing_free(outgoing);
    }
    assert_null(outbound_pop(outbound));
    assert_int_equal(outbound->count, 0);
}

static void what_comes_first_leaves_first(void **state) {
    (void)state;
    struct outbound one, two;
    outbound_init(&one);
    outbound_init(&two);
    outbound_push(&one, numbered(1));
    outbound_append(&one, &two); /* empty */
    outbound_push(&one, numbered(2));
    outbound_push(&two, numbered(3));
    outbound_append(&one, &two);
    assert_int_equal(one.count, 3);
    assert_int_equal(two.count, 0);
    assert_tokens(&one, 1, 3);
    outbound_push(&one, numbered(4)); /* it was emptied */
    outbound_push(&two, numbered(5));
    outbound_append(&one, &two);
    assert_tokens(&one, 4, 5);
    outbound_push(&two, numbered(6));
    outbound_free(&two);
    assert_int_equal(two.count, 0);
}

int main(void) {
    nats_Open(-1); /* before any message is made */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_outlives_what_it_was_made_of),
        cmocka_unit_test(one_that_is_not_answered_names_no_reply),
        cmocka_unit_test(what_comes_first_leaves_first),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}

#include "shared/nats/nats_client.h"

#include "shared/contract/event.h"
#include "tests/support/base/test.h"

static void a_pub_ack_of_a_stored_message_has_its_sequence(void **state) {
    (void)state;
    struct pub_ack ack = {0};
    struct error error;

    assert_int_equal(
        pub_ack_parse(SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":42}"), &ack, &error),
        STATUS_OK);

    assert_int_equal(ack.sequence, 42);
    assert_false(ack.is_duplicate);
    assert_int_equal(ack.error_code, 0);
}

static void a_pub_ack_of_a_repeated_message_says_duplicate(void **state) {
    (void)state;
    struct pub_ack ack = {0};
    struct error error;

    assert_int_equal(
        pub_ack_parse(SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":7,\"duplicate\":true}"), &ack,
                      &error),
        STATUS_OK);

    assert_int_equal(ack.sequence, 7);
    assert_true(ack.is_duplicate);
}

static void a_pub_ack_of_a_batch_names_it_and_counts_its_messages(void **state) {
    (void)state;
    struct pub_ack ack = {0};
    struct error error;

    assert_int_equal(
        pub_ack_parse(
            SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":9,\"batch\":\"b-1\",\"count\":3}"), &ack,
            &error),
        STATUS_OK);
    assert_int_equal(ack.sequence, 9);
    assert_string_equal(ack.batch_id, "b-1");
    assert_int_equal(ack.batch_count, 3);

    assert_int_equal(pub_ack_parse(SLICE_LITERAL("{\"seq\":9}"), &ack, &error), STATUS_OK);
    assert_string_equal(ack.batch_id, "");
    assert_int_equal(ack.batch_count, 0);
}

static void a_refusal_has_its_code_and_its_text(void **state) {
    (void)state;
    struct pub_ack ack = {0};
    struct error error;

    assert_int_equal(pub_ack_parse(SLICE_LITERAL("{\"error\":{\"code\":503,\"err_code\":10077,"
                                                 "\"description\":\"maximum messages exceeded\"}}"),
                                   &ack, &error),
                     STATUS_OK);
    assert_int_equal(ack.error_code, 10077);
    assert_string_equal(ack.error_text, "maximum messages exceeded");

    assert_int_equal(pub_ack_parse(SLICE_LITERAL("{\"error\":{}}"), &ack, &error), STATUS_OK);
    assert_int_not_equal(ack.error_code, 0); /* refused all the same */
}

static void what_is_no_pub_ack_is_refused_and_changes_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"", "+OK", "[]", "{}", "{\"seq\":\"1\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct pub_ack ack = {.sequence = 5};
        struct error error;
        assert_int_not_equal(pub_ack_parse(slice_of(texts[i]), &ack, &error), STATUS_OK);
        assert_int_equal(ack.sequence, 5);
    }
}

static void a_status_of_the_library_becomes_ours(void **state) {
    (void)state;
    static const struct {
        natsStatus theirs;
        enum status ours;
    } rows[] = {
        {NATS_OK, STATUS_OK},
        {NATS_TIMEOUT, STATUS_TIMEOUT},
        {NATS_NO_MEMORY, STATUS_NO_MEMORY},
        {NATS_INVALID_SUBJECT, STATUS_INVALID},
        {NATS_MAX_PAYLOAD, STATUS_INVALID},
        {NATS_CONNECTION_CLOSED, STATUS_UNAVAILABLE},
        {NATS_NO_RESPONDERS, STATUS_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        assert_int_equal(nats_error(&error, rows[i].theirs, "doing it"), rows[i].ours);
        if (rows[i].ours != STATUS_OK)
            assert_contains(error.text, "doing it: ");
    }
}

/* The 17th server and those behind it were dropped without a word. */
static void more_servers_than_fit_are_refused(void **state) {
    (void)state;
    struct nats_client *client = NULL;
    struct error error = {0};
    struct buf url = {0};
    buf_append_text(&url, "nats://n1");
    for (int i = 2; i <= NATS_SERVERS_MAX; i++)
        buf_printf(&url, ",nats://n%d", i);
    assert_int_equal(nats_client_check_url(url.ptr, &error), STATUS_OK);

    buf_append_text(&url, ",nats://n17");
    const struct nats_client_options options = {.url = url.ptr, .user = "", .name = "test"};
    assert_int_equal(nats_client_create(&options, &client, &error), STATUS_INVALID);

    assert_string_equal(error.text, "OM_NATS_URL names 17 servers, more than 16");
    assert_null(client);
    buf_fini(&url);
}

static void only_addresses_of_nats_servers_are_taken(void **state) {
    (void)state;
    static const char *const right[] = {
        "nats://127.0.0.1:4222", "tls://n1:4222,nats://n2", "n1, n2",
        "nats://[::1]:4222",     "nats://user:p@ss:w@n1:1", "nats://n1:4222/",
    };
    static const char *const wrong[] = {
        "",
        "foo://a:b",
        "http://a",
        "nats://",
        "nats://a:0",
        "nats://a:b",
        "a:65536",
        "nats://a/b",
        "nats://a,",
        "nats://a b",
        "nats://[::1:4222",
        "nats://:1",
        "nats://::1:42",
        "nats://u:p@",
        "nats://[::1]42",
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct error error = {0};
        if (nats_client_check_url(right[i], &error) != STATUS_OK)
            fail_msg("%s: %s", right[i], error.text);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct error error = {0};
        if (nats_client_check_url(wrong[i], &error) != STATUS_INVALID)
            fail_msg("%s", wrong[i]);
        assert_contains(error.text, "OM_NATS_URL");
    }
}

static const char *header_of(natsMsg *message, const char *name) {
    const char *value = NULL;
    return natsMsgHeader_Get(message, name, &value) == NATS_OK ? value : "none";
}

static natsMsg *message_of(struct slice payload) {
    natsMsg *message = NULL;
    struct error error = {0};
    require_ok(nats_event_message(&message, "orders.evt.created", NULL, payload, "id", "ORDERS",
                                  NULL, &error),
               &error);
    return message;
}

static void a_message_says_its_type_and_its_order_in_headers(void **state) {
    (void)state;
    struct buf envelope = {0};
    const struct event_head head = {
        .type = EVENT_ORDER_CREATED, .id = uuid_v7(), .subject = SLICE_LITERAL("an-order")};
    event_encode(&head, SLICE_LITERAL("{\"type\":\"x\",\"subject\":\"y\"}"), &envelope, NULL);

    natsMsg *message = message_of(buf_slice(&envelope));

    assert_string_equal(header_of(message, "Ce-Type"), "io.ordermesh.order.created");
    assert_string_equal(header_of(message, "Ce-Subject"), "an-order");
    natsMsg_Destroy(message);
    buf_fini(&envelope);
}

static void what_is_not_plain_or_not_there_is_no_header(void **state) {
    (void)state;
    natsMsg *message = message_of(SLICE_LITERAL("{\"type\":\"a\\nb\",\"subject\":\"cut"));
    assert_string_equal(header_of(message, "Ce-Type"), "none");
    assert_string_equal(header_of(message, "Ce-Subject"), "none");
    natsMsg_Destroy(message);
    message = message_of(SLICE_LITERAL(""));
    assert_string_equal(header_of(message, "Ce-Type"), "none");
    assert_string_equal(header_of(message, "Content-Type"), "application/cloudevents+json");
    natsMsg_Destroy(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pub_ack_of_a_stored_message_has_its_sequence),
        cmocka_unit_test(a_pub_ack_of_a_repeated_message_says_duplicate),
        cmocka_unit_test(a_pub_ack_of_a_batch_names_it_and_counts_its_messages),
        cmocka_unit_test(a_refusal_has_its_code_and_its_text),
        cmocka_unit_test(what_is_no_pub_ack_is_refused_and_changes_nothing),
        cmocka_unit_test(a_status_of_the_library_becomes_ours),
        cmocka_unit_test(more_servers_than_fit_are_refused),
        cmocka_unit_test(only_addresses_of_nats_servers_are_taken),
        cmocka_unit_test(a_message_says_its_type_and_its_order_in_headers),
        cmocka_unit_test(what_is_not_plain_or_not_there_is_no_header),
    };
    nats_Open(-1); /* before any message is made */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

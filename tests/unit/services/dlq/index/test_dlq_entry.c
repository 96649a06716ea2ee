/* Covers: services/dlq/index/entry.c */
#include "services/dlq/index/entry.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"

static const char block[] = "NATS/1.0\r\n"
                            "Nats-Msg-Id: 0198c7a0-0000-7000-8000-000000000001\r\n"
                            "X-Many: one\r\n"
                            "dlq-time: yesterday\r\n"
                            "X-Many:  two \r\n"
                            "no header at all\r\n"
                            "X-Empty:\r\n"
                            "X-Tight:value: with colon\r\n"
                            "\r\n";

static struct stored_message original(const char *headers, struct slice body) {
    struct stored_message message = {.subject = mem_copy(slice_of("orders.evt.created")),
                                     .sequence = 7,
                                     .time_us = 1767323045678901};
    buf_append_text(&message.headers, headers);
    buf_append_slice(&message.body, body);
    return message;
}

static struct entry some_entry(void) {
    return (struct entry){
        .stream = SLICE_LITERAL("ORDERS"),
        .consumer = SLICE_LITERAL("inventory"),
        .event_id = SLICE_LITERAL("seq-7"),
        .subject = SLICE_LITERAL("orders.evt.created"),
        .sequence = 7,
        .deliveries = 4,
        .reason = REASON_MAX_DELIVERIES,
        .error_code = SLICE_LITERAL("INVALID"),
        .error = SLICE_LITERAL("no such thing"),
        .service = SLICE_LITERAL("inventory"),
        .instance = SLICE_LITERAL("inventory-1"),
        .failed_at_us = 1767323046000002,
        .published_at_us = 1767323045678901,
        .generation = 3,
    };
}

static void assert_header(natsMsg *message, const char *name, const char *expected) {
    const char *value = NULL;
    if (natsMsgHeader_Get(message, name, &value) != NATS_OK)
        fail_msg("no header %s", name);
    assert_string_equal(value, expected);
}

/* As the stream would give the published message back. */
static struct stored_message stored_again(natsMsg *message) {
    const char **names = NULL;
    int count = 0;
    struct stored_message stored = {.subject = mem_copy(slice_of(natsMsg_GetSubject(message)))};
    assert_int_equal(natsMsgHeader_Keys(message, &names, &count), NATS_OK);
    buf_append_text(&stored.headers, "NATS/1.0\r\n");
    for (int i = 0; i < count; i++) {
        const char **values = NULL;
        int value_count = 0;
        assert_int_equal(natsMsgHeader_Values(message, names[i], &values, &value_count), NATS_OK);
        for (int k = 0; k < value_count; k++)
            buf_printf(&stored.headers, "%s: %s\r\n", names[i], values[k]);
        free((void *)values);
    }
    free((void *)names);
    buf_append_text(&stored.headers, "\r\n");
    buf_append(&stored.body, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    return stored;
}

static natsMsg *make(const struct entry *entry, const struct stored_message *message,
                     uint64_t expected_sequence) {
    natsMsg *made = entry_message(entry, message, expected_sequence, "reply");
    assert_non_null(made);
    return made;
}

static void headers_are_read_in_their_order(void **state) {
    (void)state;
    static const char *const expected[][2] = {
        {"Nats-Msg-Id", "0198c7a0-0000-7000-8000-000000000001"},
        {"X-Many", "one"},
        {"dlq-time", "yesterday"},
        {"X-Many", " two "},
        {"X-Empty", ""},
        {"X-Tight", "value: with colon"},
    };
    struct slice rest = slice_of(block), value;
    struct header header;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(header_next(&rest, &header));
        assert_slice_equal(header.name, expected[i][0]);
        assert_slice_equal(header.value, expected[i][1]);
    }
    assert_false(header_next(&rest, &header));
    assert_true(header_find(slice_of(block), "X-Many", &value));
    assert_slice_equal(value, "one");
    assert_false(header_find(slice_of(block), "x-many", &value));
    assert_false(header_find(SLICE_LITERAL(""), "X-Many", &value));
}

static void what_the_server_acts_on_is_kept_under_another_name(void **state) {
    (void)state;
    struct stored_message message = original(block, SLICE_LITERAL("{}"));
    const struct entry entry = some_entry();

    natsMsg *made = make(&entry, &message, 0);

    assert_string_equal(natsMsg_GetSubject(made), "dlq.ORDERS.inventory.seq-7");
    assert_header(made, "Nats-Expected-Last-Subject-Sequence", "0");
    assert_header(made, "Dlq-Original-Nats-Msg-Id", "0198c7a0-0000-7000-8000-000000000001");
    assert_header(made, "Dlq-Original-dlq-time", "yesterday");
    assert_header(made, "Dlq-Reason", "max_deliveries");
    assert_header(made, "Dlq-Time", "2026-01-02T03:04:06.000002Z");
    const char *value = NULL;
    assert_int_not_equal(natsMsgHeader_Get(made, "Nats-Msg-Id", &value), NATS_OK);
    natsMsg_Destroy(made);
    stored_message_fini(&message);
}

static void entry_survives_the_way_through_its_message(void **state) {
    (void)state;
    struct stored_message message = original(block, (struct slice){"a\0b\xff", 4});
    const struct entry entry = some_entry();
    struct entry read;
    struct error error = {0};

    natsMsg *made = make(&entry, &message, 41);
    struct stored_message stored = stored_again(made);

    assert_int_equal(entry_parse(&stored, &read, &error), STATUS_OK);
    assert_slice_equal(read.stream, "ORDERS");
    assert_slice_equal(read.consumer, "inventory");
    assert_slice_equal(read.event_id, "seq-7");
    assert_slice_equal(read.subject, "orders.evt.created");
    assert_int_equal(read.sequence, entry.sequence);
    assert_int_equal(read.deliveries, entry.deliveries);
    assert_true(slice_equal(read.reason, entry.reason));
    assert_slice_equal(read.error_code, "INVALID");
    assert_slice_equal(read.error, "no such thing");
    assert_slice_equal(read.service, "inventory");
    assert_slice_equal(read.instance, "inventory-1");
    assert_int_equal(read.failed_at_us, entry.failed_at_us);
    assert_int_equal(read.published_at_us, entry.published_at_us);
    assert_int_equal(read.generation, entry.generation);
    assert_int_equal(stored.body.len, 4);
    assert_memory_equal(stored.body.ptr, "a\0b\xff", 4);
    natsMsg_Destroy(made);
    stored_message_fini(&stored);
    stored_message_fini(&message);
}

static void original_headers_come_back_under_their_names(void **state) {
    (void)state;
    struct stored_message message = original(block, SLICE_LITERAL(""));
    const struct entry entry = some_entry();
    natsMsg *made = make(&entry, &message, 0);
    struct stored_message stored = stored_again(made);
    struct slice rest = buf_slice(&stored.headers), originals = slice_of(block), value;
    struct header header;
    int count = 0, many = 0;

    while (entry_next_original_header(&rest, &header)) {
        char name[64];
        snprintf(name, sizeof(name), "%.*s", SLICE_ARG(header.name));
        assert_true(header_find(originals, name, &value));
        if (strcmp(name, "X-Many") == 0)
            assert_slice_equal(header.value, many++ == 0 ? "one" : " two ");
        else
            assert_true(slice_equal(header.value, value));
        count++;
    }

    assert_int_equal(count, 6);
    natsMsg_Destroy(made);
    stored_message_fini(&stored);
    stored_message_fini(&message);
}

static void what_is_no_entry_is_refused(void **state) {
    (void)state;
    static const char *const subjects[] = {"dlq.ORDERS.inventory", "dlq.ORDERS.inventory.a.b",
                                           "dlq.ORDERS..a", "orders.evt.created", "dlq."};
    struct stored_message message = original(block, SLICE_LITERAL("{}"));
    const struct entry entry = some_entry();
    struct entry read;
    struct error error = {0};
    assert_int_equal(entry_parse(&message, &read, &error), STATUS_INVALID);
    natsMsg *made = make(&entry, &message, 0);
    struct stored_message stored = stored_again(made);
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        free(stored.subject);
        stored.subject = mem_copy(slice_of(subjects[i]));
        assert_int_equal(entry_parse(&stored, &read, &error), STATUS_INVALID);
    }
    natsMsg_Destroy(made);
    stored_message_fini(&stored);
    stored_message_fini(&message);
}

static void stored_message_is_read_from_the_servers_answer(void **state) {
    (void)state;
    struct stored_message message;
    struct error error = {0};
    struct slice answer = SLICE_LITERAL(
        "{\"type\":\"io.nats.jetstream.api.v1.stream_msg_get_response\",\"message\":{\"subject\":"
        "\"orders.x\",\"seq\":9,\"hdrs\":\"TkFUUy8xLjANCkE6IGINCg0K\",\"data\":\"AAEC/w==\","
        "\"time\":\"2026-01-02T03:04:05.678901234Z\"}}");

    assert_int_equal(stored_message_parse(answer, &message, &error), STATUS_OK);

    assert_string_equal(message.subject, "orders.x");
    assert_int_equal(message.sequence, 9);
    assert_int_equal(message.time_us, 1767323045678901);
    assert_slice_equal(buf_slice(&message.headers), "NATS/1.0\r\nA: b\r\n\r\n");
    assert_int_equal(message.body.len, 4);
    assert_memory_equal(message.body.ptr, "\0\1\2\xff", 4);
    stored_message_fini(&message);
    answer =
        SLICE_LITERAL("{\"error\":{\"code\":404,\"err_code\":10037,\"description\":\"none\"}}");
    assert_int_equal(stored_message_parse(answer, &message, &error), STATUS_NOT_FOUND);
    answer = SLICE_LITERAL("{\"error\":{\"code\":503,\"err_code\":10008}}");
    assert_int_equal(stored_message_parse(answer, &message, &error), STATUS_UNAVAILABLE);
}

/* nats.c's messages need its library. */
static int set_up(void **state) {
    (void)state;
    return nats_Open(-1) == NATS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_in_their_order),
        cmocka_unit_test(what_the_server_acts_on_is_kept_under_another_name),
        cmocka_unit_test(entry_survives_the_way_through_its_message),
        cmocka_unit_test(original_headers_come_back_under_their_names),
        cmocka_unit_test(what_is_no_entry_is_refused),
        cmocka_unit_test(stored_message_is_read_from_the_servers_answer),
    };
    return cmocka_run_group_tests_name("dlq_entry", tests, set_up, tear_down);
}

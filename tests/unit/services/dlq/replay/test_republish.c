#include "services/dlq/replay/republish.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"

static const struct replay replay = {
    .id = SLICE_LITERAL("ORDERS.payment.seq-7"),
    .stream = SLICE_LITERAL("ORDERS"),
    .consumer = SLICE_LITERAL("payment"),
    .subject = SLICE_LITERAL("orders.evt.created"),
    .sequence = 12,
    .generation = 3,
};

static struct stored_message stored(const char *headers) {
    struct stored_message message = {.sequence = 12};
    buf_append_text(&message.headers, headers);
    buf_append_text(&message.body, "body");
    return message;
}

static natsMsg *republish(const struct replay *of, struct stored_message *message) {
    struct error error;
    natsMsg *made = NULL;
    assert_int_equal(republish_message(of, message, "reply", &made, &error), STATUS_OK);
    stored_message_fini(message);
    return made;
}

/* NULL: it must not be there. */
static void assert_header(natsMsg *message, const char *name, const char *expected) {
    const char *value = NULL;
    natsStatus s = natsMsgHeader_Get(message, name, &value);
    if (expected == NULL)
        assert_int_equal(s, NATS_NOT_FOUND);
    else if (s != NATS_OK || strcmp(value, expected) != 0)
        fail_msg("%s is %s", name, s == NATS_OK ? value : "missing");
}

static void entry_goes_out_as_its_original_was_for_one_consumer_once_a_generation(void **state) {
    (void)state;
    struct stored_message entry = stored("NATS/1.0\r\nDlq-Original-Nats-Msg-Id: first\r\n"
                                         "Dlq-Reason: rejected\r\nDlq-Sequence: 7\r\n"
                                         "Content-Type: text\r\n\r\n");
    natsMsg *message = republish(&replay, &entry);
    assert_string_equal(natsMsg_GetSubject(message), "orders.evt.created");
    assert_int_equal(natsMsg_GetDataLength(message), 4);
    assert_header(message, "Content-Type", "text");
    assert_header(message, "Dlq-Reason", NULL);
    assert_header(message, "Nats-Msg-Id", "ORDERS.payment.seq-7.replay.3");
    assert_header(message, "Nats-Expected-Stream", "ORDERS");
    assert_header(message, "Om-Replay-For", "payment");
    assert_header(message, "Om-Replay-Of", "ORDERS.payment.seq-7");
    assert_header(message, "Om-Replay-First", "7");
    assert_header(message, "Om-Replay-Alone", NULL);
    natsMsg_Destroy(message);
}

static void an_edit_takes_the_place_of_what_it_names_and_of_nothing_else(void **state) {
    (void)state;
    struct replay edited = replay;
    edited.edit_headers = SLICE_LITERAL(
        "{\"content-type\":[\"application/json\"],\"X-Gone\":[],\"X-New\":[\"a\",\"b\"]}");
    edited.edit_body = SLICE_LITERAL("another");
    struct stored_message entry = stored("NATS/1.0\r\nContent-Type: text\r\nX-Gone: 1\r\n"
                                         "X-Stays: 2\r\nDlq-Sequence: 7\r\n\r\n");
    natsMsg *message = republish(&edited, &entry);
    assert_int_equal(natsMsg_GetDataLength(message), 7);
    assert_memory_equal(natsMsg_GetData(message), "another", 7);
    assert_header(message, "Content-Type", NULL);
    assert_header(message, "content-type", "application/json");
    assert_header(message, "X-Gone", NULL);
    assert_header(message, "X-New", "a");
    assert_header(message, "X-Stays", "2");
    assert_header(message, "Om-Replay-Edited", "yes");
    assert_header(message, "Om-Replay-First", "7");
    natsMsg_Destroy(message);

    edited.edit_headers = SLICE_LITERAL("{}");
    edited.edit_body = (struct slice){NULL, 0};
    entry = stored("NATS/1.0\r\nContent-Type: text\r\nDlq-Sequence: 7\r\n\r\n");
    message = republish(&edited, &entry);
    assert_memory_equal(natsMsg_GetData(message), "body", 4);
    assert_header(message, "Content-Type", "text");
    natsMsg_Destroy(message);
}

static void second_chance_is_taken_from_the_original_and_worked_on_alone(void **state) {
    (void)state;
    struct replay chance = replay;
    struct stored_message original =
        stored("NATS/1.0\r\nnats-expected-last-sequence: 4\r\nom-replay-of: another\r\n"
               "Dlq-Reason: its own\r\n\r\n");
    original.subject = mem_copy(SLICE_LITERAL("orders.cmd.submit"));
    chance.is_chance = true;
    natsMsg *message = republish(&chance, &original);
    assert_string_equal(natsMsg_GetSubject(message), "orders.cmd.submit");
    assert_header(message, "nats-expected-last-sequence", NULL);
    assert_header(message, "om-replay-of", NULL);
    assert_header(message, "Dlq-Reason", "its own");
    assert_header(message, "Nats-Msg-Id", "ORDERS.payment.seq-7.chance.12");
    assert_header(message, "Om-Replay-Alone", "yes");
    assert_header(message, "Om-Replay-First", "12");
    natsMsg_Destroy(message);
}

static void what_fails_again_keeps_the_place_of_its_first_message(void **state) {
    (void)state;
    struct stored_message entry =
        stored("NATS/1.0\r\nOm-Replay-First: 7\r\nDlq-Sequence: 40\r\n\r\n");
    natsMsg *message = republish(&replay, &entry);
    assert_header(message, "Om-Replay-First", "7");
    natsMsg_Destroy(message);
}

static enum status judge(const char *reply, uint64_t *sequence) {
    struct error error;
    return republish_judge(slice_of(reply), sequence, &error);
}

static void broker_takes_it_refuses_it_or_cannot_now(void **state) {
    (void)state;
    uint64_t sequence = 0;
    assert_int_equal(judge("{\"stream\":\"ORDERS\",\"seq\":9}", &sequence), STATUS_OK);
    assert_int_equal(sequence, 9);
    assert_int_equal(judge("{\"stream\":\"ORDERS\",\"seq\":9,\"duplicate\":true}", &sequence),
                     STATUS_OK);
    assert_int_equal(
        judge("{\"error\":{\"code\":400,\"err_code\":10054,\"description\":\"large\"}}", &sequence),
        STATUS_INVALID);
    assert_int_equal(
        judge("{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"full\"}}", &sequence),
        STATUS_UNAVAILABLE);
    assert_int_equal(judge("?", &sequence), STATUS_UNAVAILABLE);
}

static void largest_message_has_no_room_for_our_headers(void **state) {
    (void)state;
    struct stored_message message = {.headers.len = 1000};
    message.body.len = REPUBLISH_SIZE_MOST - REPUBLISH_OURS_MOST - 1000;
    assert_true(republish_fits(&message));
    message.body.len++;
    assert_false(republish_fits(&message));
}

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
        cmocka_unit_test(entry_goes_out_as_its_original_was_for_one_consumer_once_a_generation),
        cmocka_unit_test(what_fails_again_keeps_the_place_of_its_first_message),
        cmocka_unit_test(an_edit_takes_the_place_of_what_it_names_and_of_nothing_else),
        cmocka_unit_test(second_chance_is_taken_from_the_original_and_worked_on_alone),
        cmocka_unit_test(broker_takes_it_refuses_it_or_cannot_now),
        cmocka_unit_test(largest_message_has_no_room_for_our_headers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

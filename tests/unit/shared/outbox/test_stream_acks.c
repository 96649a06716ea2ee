#include "shared/outbox/stream_acks.h"

#include "tests/support/base/test.h"

static void sequences_are_those_of_messages_that_are_new(void **state) {
    (void)state;
    const struct uuid first = {{1}}, last = {{2}};
    struct pass_acks acks = {0};
    pass_acks_sent(&acks, "ORDERS", &first);
    pass_acks_sent(&acks, "INVENTORY", &first);
    pass_acks_sent(&acks, "ORDERS", &last);

    pass_acks_stored(&acks, SLICE_LITERAL("ORDERS"), 109, 10, false); /* a batch */
    pass_acks_read(&acks, SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":110}"));

    assert_int_equal(acks.count, 2);
    assert_string_equal(acks.items[0].stream, "ORDERS");
    assert_int_equal(acks.items[0].lowest, 100);
    assert_int_equal(acks.items[0].highest, 110);
    assert_false(acks.items[0].has_duplicates);
    assert_memory_equal(&acks.items[0].last_event, &last, sizeof(last));
    assert_int_equal(acks.items[1].highest, 0);
}

static void what_was_stored_before_is_a_duplicate_and_counts_for_no_sequence(void **state) {
    (void)state;
    const struct uuid event = {{1}};
    struct pass_acks acks = {0};
    pass_acks_sent(&acks, "ORDERS", &event);
    pass_acks_read(&acks, SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":7,\"duplicate\": true}"));
    assert_true(acks.items[0].has_duplicates);
    assert_int_equal(acks.items[0].lowest, 0);
    assert_int_equal(acks.items[0].highest, 0);
    assert_int_equal(acks.items[0].top, 7);
}

static void answers_of_streams_that_nothing_was_sent_to_change_nothing(void **state) {
    (void)state;
    struct pass_acks acks = {0};
    pass_acks_read(&acks, SLICE_LITERAL("{\"stream\":\"ORDERS\",\"seq\":7}"));
    pass_acks_read(&acks, SLICE_LITERAL("{}"));
    assert_int_equal(acks.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_those_of_messages_that_are_new),
        cmocka_unit_test(what_was_stored_before_is_a_duplicate_and_counts_for_no_sequence),
        cmocka_unit_test(answers_of_streams_that_nothing_was_sent_to_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

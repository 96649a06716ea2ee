#include "shared/outbox/stream_mark.h"

#include "tests/support/base/test.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define NOW_US (INT64_C(1000) * DAY_US)

static const struct uuid event = {{7}};

/* A stream of messages 1 to 100, of which ours is the last; it was looked at, and was well. */
static struct stream_facts well(void) {
    return (struct stream_facts){
        .created = "then",
        .first_sequence = 1,
        .last_sequence = 100,
        .messages = 100,
        .first_us = NOW_US - DAY_US,
        .max_age_us = 7 * DAY_US,
    };
}

static struct stream_mark mark_at(uint64_t sequence) {
    struct stream_mark mark = {
        .stream = "ORDERS", .sequence = sequence, .has_event = true, .acked_us = NOW_US};
    const struct stream_facts facts = well();
    mark.event_id = event;
    stream_mark_see(&mark, &facts);
    return mark;
}

static enum stream_verdict judge(const struct stream_facts *facts, enum marked_message message) {
    const struct stream_mark mark = mark_at(100);
    return stream_mark_judge(&mark, facts, message, NOW_US);
}

/* --- acknowledgements --- */

static void acknowledgements_move_the_mark_to_what_was_sent_last(void **state) {
    (void)state;
    struct stream_mark mark = mark_at(100);
    const struct stream_acks acks = {
        .stream = "ORDERS", .lowest = 101, .highest = 140, .last_event = {{9}}};
    assert_true(stream_mark_take(&mark, &acks, true, NOW_US + 5));
    assert_int_equal(mark.sequence, 140);
    assert_true(uuid_compare(&mark.event_id, &acks.last_event) == 0);
    assert_int_equal(mark.acked_us, NOW_US + 5);
    assert_true(mark.is_latest);
}

static void a_number_that_was_given_before_tells_that_the_stream_was_set_back(void **state) {
    (void)state;
    struct stream_mark mark = mark_at(100);
    struct stream_acks acks = {.stream = "ORDERS", .lowest = 100, .highest = 140};
    assert_false(stream_mark_take(&mark, &acks, true, NOW_US));
    acks.has_duplicates = true;
    assert_false(stream_mark_take(&mark, &acks, false, NOW_US));
    assert_int_equal(mark.sequence, 100);
}

static void with_duplicates_or_unseen_the_mark_stays_and_is_not_the_latest(void **state) {
    (void)state;
    struct stream_mark mark = mark_at(100);
    struct stream_acks acks = {.stream = "ORDERS", .lowest = 101, .highest = 140};
    mark.is_latest = true;
    assert_true(stream_mark_take(&mark, &acks, false, NOW_US));
    assert_false(mark.is_latest);
    acks.has_duplicates = true;
    assert_true(stream_mark_take(&mark, &acks, true, NOW_US));
    acks.lowest = 0;
    assert_true(stream_mark_take(&mark, &acks, true, NOW_US));
    assert_int_equal(mark.sequence, 100);
    assert_false(mark.is_latest);
}

/* --- judging --- */

static void a_stream_that_has_our_last_message_is_well(void **state) {
    (void)state;
    struct stream_facts facts = well();
    assert_int_equal(judge(&facts, MARKED_THERE), STREAM_WELL);
    facts.last_sequence = 500;
    assert_int_equal(judge(&facts, MARKED_THERE), STREAM_WELL);
    assert_int_equal(judge(&facts, MARKED_UNKNOWN), STREAM_WELL);
}

static void a_stream_that_ends_before_or_has_another_there_was_set_back(void **state) {
    (void)state;
    struct stream_facts facts = well();
    facts.last_sequence = 99;
    assert_int_equal(judge(&facts, MARKED_MISSING), STREAM_SET_BACK);
    facts.last_sequence = 500;
    assert_int_equal(judge(&facts, MARKED_OTHER), STREAM_SET_BACK);
}

static void a_stream_that_was_made_anew_was_set_back(void **state) {
    (void)state;
    struct stream_facts facts = well();
    snprintf(facts.created, sizeof(facts.created), "now");
    assert_int_equal(judge(&facts, MARKED_MISSING), STREAM_SET_BACK);
}

static void a_beginning_that_is_gone_is_doubtful_unless_what_is_left_is_old(void **state) {
    (void)state;
    struct stream_facts facts = well();
    facts.first_sequence = 50;
    assert_int_equal(judge(&facts, MARKED_THERE), STREAM_SHORTER);
    facts.first_us = NOW_US - 6 * DAY_US;
    assert_int_equal(judge(&facts, MARKED_THERE), STREAM_WELL);
    facts.first_sequence = 101;
    facts.messages = 0;
    assert_int_equal(judge(&facts, MARKED_MISSING), STREAM_SHORTER);
    facts.is_full = true;
    assert_int_equal(judge(&facts, MARKED_MISSING), STREAM_WELL);
}

static void several_messages_from_the_midst_are_noticed_and_one_is_not(void **state) {
    (void)state;
    struct stream_facts facts = well();
    facts.deleted = 1;
    assert_int_equal(judge(&facts, MARKED_MISSING), STREAM_WELL);
    facts.deleted = 2;
    assert_int_equal(judge(&facts, MARKED_THERE), STREAM_THINNED);
    const struct stream_mark unseen = {.stream = "ORDERS", .sequence = 100};
    facts.first_us = NOW_US - 6 * DAY_US;
    assert_int_equal(stream_mark_judge(&unseen, &facts, MARKED_UNKNOWN, NOW_US), STREAM_WELL);
}

static void what_was_stored_last_below_a_beginning_is_the_newest_that_we_know(void **state) {
    (void)state;
    struct stream_mark mark = mark_at(100);
    assert_int_equal(stream_mark_stored_below(&mark, 1), 0);
    assert_int_equal(stream_mark_stored_below(&mark, 2), NOW_US - DAY_US);
    assert_int_equal(stream_mark_stored_below(&mark, 101), NOW_US);
    mark.sequence = 200;
    mark.acked_us = NOW_US + 9;
    assert_int_equal(stream_mark_stored_below(&mark, 101), NOW_US);
    assert_int_equal(stream_mark_stored_below(&mark, 201), NOW_US + 9);
}

/* --- as text --- */

static void marks_are_read_as_they_were_written(void **state) {
    (void)state;
    struct stream_marks marks = {0}, read;
    struct buf text = {0};
    *stream_marks_add(&marks, "ORDERS") = mark_at(UINT64_C(18446744073709551615));
    struct stream_mark *unknown = stream_marks_add(&marks, "PAYMENTS");
    unknown->sequence = 3;
    stream_marks_format(&marks, &text);

    stream_marks_parse(&read, buf_slice(&text));

    assert_int_equal(read.count, 2);
    assert_true(stream_mark_is_same(&read.items[0], &marks.items[0]));
    assert_true(stream_mark_is_same(&read.items[1], &marks.items[1]));
    assert_int_equal(read.items[0].acked_us, NOW_US);
    assert_ptr_equal(stream_marks_find(&read, "PAYMENTS"), &read.items[1]);
    assert_null(stream_marks_find(&read, "PAY"));
    buf_fini(&text);
}

static void what_is_no_mark_is_passed_over(void **state) {
    (void)state;
    struct stream_marks read;
    stream_marks_parse(&read, SLICE_LITERAL("\nORDERS\nORDERS x 1 \n 1 2 \nPAYMENTS 1 2 nobody\n"));
    assert_int_equal(read.count, 1);
    assert_string_equal(read.items[0].stream, "PAYMENTS");
    assert_false(read.items[0].has_event);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledgements_move_the_mark_to_what_was_sent_last),
        cmocka_unit_test(a_number_that_was_given_before_tells_that_the_stream_was_set_back),
        cmocka_unit_test(with_duplicates_or_unseen_the_mark_stays_and_is_not_the_latest),
        cmocka_unit_test(a_stream_that_has_our_last_message_is_well),
        cmocka_unit_test(a_stream_that_ends_before_or_has_another_there_was_set_back),
        cmocka_unit_test(a_stream_that_was_made_anew_was_set_back),
        cmocka_unit_test(a_beginning_that_is_gone_is_doubtful_unless_what_is_left_is_old),
        cmocka_unit_test(several_messages_from_the_midst_are_noticed_and_one_is_not),
        cmocka_unit_test(what_was_stored_last_below_a_beginning_is_the_newest_that_we_know),
        cmocka_unit_test(marks_are_read_as_they_were_written),
        cmocka_unit_test(what_is_no_mark_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

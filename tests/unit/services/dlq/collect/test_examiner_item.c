#include "services/dlq/collect/examiner_item.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"

#define EVENT "0198c7a0-0000-7000-8000-000000000001"
#define ORDER "0198c7a0-0000-7000-8000-00000000beef"

static struct arena *arena;
static struct consumer_facts facts;
static struct report report;

static int set_up(void **state) {
    (void)state;
    arena = arena_create(4096);
    facts = (struct consumer_facts){
        .has_dlq = true, .exists = true, .max_deliver = 4, .delivered = 100, .created_us = 1000};
    report = (struct report){.outcome = REPORT_RETRY,
                             .attempt = 4,
                             .event_id = SLICE_LITERAL(EVENT),
                             .text = SLICE_LITERAL("two\nlines"),
                             .time_us = 5000};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* Message 7 of ORDERS, which payment was given four times. */
static struct item item_of(enum notice_kind kind, const char *headers) {
    struct item item = {
        .notice = {kind, SLICE_LITERAL("ORDERS"), SLICE_LITERAL("payment"), 7, 4, 6000, NULL},
        .facts = &facts,
        .original = {.subject = mem_copy(SLICE_LITERAL("orders.evt.created")), .sequence = 7},
    };
    buf_append_text(&item.original.headers, headers);
    return item;
}

static void assert_named(struct item *item, const char *id) {
    assert_null(item_name_entry(item, arena));
    assert_slice_equal(item->id, id);
    stored_message_fini(&item->original);
}

/* --- doubts --- */

static void notice_that_the_facts_do_not_bear_out_is_doubted(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    assert_null(item_doubt(&item));
    facts.max_deliver = 5;
    assert_string_equal(item_doubt(&item), "too_few_deliveries");
    item.notice.kind = NOTICE_TERMINATED; /* at any delivery */
    assert_null(item_doubt(&item));
    facts.delivered = 6;
    assert_string_equal(item_doubt(&item), "not_delivered");
    facts.exists = false;
    assert_string_equal(item_doubt(&item), "unknown_consumer");
    facts.has_dlq = false;
    assert_string_equal(item_doubt(&item), "unknown_stream");
    stored_message_fini(&item.original);
}

static void report_is_final_by_its_outcome_or_by_its_attempt(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_REPORT, "");
    item.notice.report = &report;
    item.notice.deliveries = 3;
    assert_string_equal(item_doubt(&item), "too_few_deliveries");
    report.outcome = REPORT_REJECT;
    assert_null(item_doubt(&item));
    stored_message_fini(&item.original);
}

/* --- the last word --- */

static void chance_is_for_what_ran_out_without_a_last_word(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    assert_true(item_left_no_word(&item));
    assert_true(item_has_a_chance(&item));
    item.report = &report;
    report.attempt = 3; /* nothing was said of the fourth */
    assert_true(item_has_a_chance(&item));
    report.attempt = 4;
    assert_false(item_left_no_word(&item));
    assert_false(item_has_a_chance(&item));
    item.report = NULL;
    item.is_chance = true; /* of which some attempt was not even begun */
    assert_true(item_has_a_chance(&item));
    item.ends_its_reader = true;
    assert_false(item_has_a_chance(&item));
    item.ends_its_reader = item.is_chance = false;
    item.notice.kind = NOTICE_TERMINATED; /* somebody decided */
    assert_false(item_has_a_chance(&item));
    stored_message_fini(&item.original);
}

static void later_report_about_the_message_counts(void **state) {
    (void)state;
    struct error error;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    struct slice later =
        SLICE_LITERAL("{\"stream\":\"ORDERS\",\"consumer\":\"payment\",\"eventId\":\"" EVENT "\","
                      "\"streamSequence\":7,\"attempt\":4,\"outcome\":\"DONE\",\"time\":\"2026-01-"
                      "02T03:04:05Z\"}");
    item.notice.report = &report;
    assert_int_equal(item_join_report(&item, SLICE_LITERAL(""), arena, &error), STATUS_OK);
    assert_ptr_equal(item.report, &report);
    assert_int_equal(item_join_report(&item, later, arena, &error), STATUS_OK);
    assert_int_equal(item.report->outcome, REPORT_DONE);
    assert_string_equal(item_name_entry(&item, arena), "done");
    stored_message_fini(&item.original);
}

/* --- names --- */

static void entry_is_named_by_report_then_message_id_then_sequence(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    assert_named(&item, "ORDERS.payment.seq-7");
    assert_slice_equal(item.entry.reason, "no_report");
    item = item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nNats-Msg-Id: " ORDER "\r\n\r\n");
    assert_named(&item, "ORDERS.payment." ORDER);
    item = item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nNats-Msg-Id: " ORDER ".2\r\n\r\n");
    assert_named(&item, "ORDERS.payment." ORDER);
    item = item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nNats-Msg-Id: " ORDER ".x\r\n\r\n");
    assert_named(&item, "ORDERS.payment.seq-7");
    item = item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nNats-Msg-Id: " ORDER "\r\n\r\n");
    item.report = &report;
    assert_named(&item, "ORDERS.payment." EVENT);
    assert_slice_equal(item.entry.reason, "max_deliveries");
    assert_slice_equal(item.entry.error, "two lines");
    assert_int_equal(item.entry.failed_at_us, 5000);
}

static void replay_has_the_name_and_the_generation_of_what_it_replays(void **state) {
    (void)state;
    struct item item =
        item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nOm-Replay-Of: ORDERS.payment.seq-3\r\n"
                                       "Nats-Msg-Id: ORDERS.payment.seq-3.replay.12\r\n\r\n");
    item.report = &report;
    assert_named(&item, "ORDERS.payment.seq-3");
    assert_int_equal(item.replay_of, 12);
    item = item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nOm-Replay-Of: ORDERS.other.seq-3\r\n\r\n");
    assert_named(&item, "ORDERS.payment.seq-7"); /* another consumer's */
    assert_int_equal(item.replay_of, 0);
}

static void second_chance_replays_no_generation(void **state) {
    (void)state;
    struct item item =
        item_of(NOTICE_MAX_DELIVERIES, "NATS/1.0\r\nOm-Replay-Of: ORDERS.payment.seq-3\r\n"
                                       "Om-Replay-Alone: yes\r\n\r\n");
    assert_named(&item, "ORDERS.payment.seq-3");
    assert_true(item.is_chance);
    assert_int_equal(item.replay_of, 0);
    assert_slice_equal(item.entry.error,
                       "no failure report: the consumer crashed or lost it on each "
                       "of 4 deliveries, also when it was sent by itself");
}

static void termination_that_nobody_reported_is_nothing(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_TERMINATED, "");
    assert_string_equal(item_name_entry(&item, arena), "unreported");
    report.outcome = REPORT_REJECT;
    item.report = &report;
    assert_named(&item, "ORDERS.payment." EVENT);
    assert_slice_equal(item.entry.reason, "rejected");
}

/* --- the verdict --- */

static void verdict_follows_what_is_there(void **state) {
    (void)state;
    static const struct {
        bool is_dead; /* else replaying, replayed, resolved or discarded */
        uint64_t sequence;
        int replay_of;
        bool is_of_this_stream, is_event, is_new;
    } cases[] = {
        {true, 20, 0, true, true, false},  /* a second copy */
        {true, 20, 2, true, true, true},   /* its replay; the index is behind */
        {true, 20, 1, true, true, false},  /* the late copy of an earlier replay */
        {false, 20, 2, true, true, true},  /* fails again */
        {false, 20, 2, true, true, true},  /* fails before it is noted as published */
        {false, 20, 1, true, true, false}, /* the late copy of an earlier replay */
        {false, 10, 0, true, true, false}, /* the same message, said again */
        {false, 9, 0, true, true, false},  /* an older one, said late */
        {false, 9, 0, true, false, false},
        {false, 20, 0, true, true, true}, /* a new copy */
        {false, 20, 0, true, true, true},
        {false, 3, 0, false, true, true}, /* of a stream made anew */
        {true, 3, 0, false, true, false},
        {true, 3, 0, false, false, true},  /* another message by the same name */
        {true, 3, 1, false, false, false}, /* but a replay has the name of what it replays */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct entry_row row = {.is_dead = cases[i].is_dead,
                                      .sequence = 10,
                                      .dlq_sequence = 77,
                                      .generation = 2,
                                      .failed_at_us = cases[i].is_of_this_stream ? 1000 : 999};
        struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
        item.notice.sequence = cases[i].sequence;
        item.replay_of = cases[i].replay_of;
        item.entry.event_id = cases[i].is_event ? SLICE_LITERAL(EVENT) : SLICE_LITERAL("seq-3");
        item_judge(&item, &row);
        if (item.is_settled == cases[i].is_new)
            fail_msg("case %zu", i);
        assert_int_equal(item.entry.generation, cases[i].is_new ? 3 : 2);
        assert_int_equal(item.expected_sequence, 77);
        assert_ptr_equal(item.failure, cases[i].is_new ? NULL : &item.entry);
        stored_message_fini(&item.original);
    }
}

static void first_failure_expects_nothing_there(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    item_judge(&item, NULL);
    assert_false(item.is_settled);
    assert_int_equal(item.entry.generation, 1);
    assert_int_equal(item.expected_sequence, 0);
    item.is_corrected = true; /* what the stream says counts more */
    item.expected_sequence = 78;
    item_judge(&item, NULL);
    assert_int_equal(item.expected_sequence, 78);
    stored_message_fini(&item.original);
}

/* --- the rest --- */

static void order_is_found_in_a_body_that_is_not_parsed(void **state) {
    (void)state;
    struct item item = item_of(NOTICE_MAX_DELIVERIES, "");
    assert_slice_equal(item_order_id(&item), "");
    buf_append_text(&item.original.body, "{ broken \"subject\":\"" ORDER "\"");
    assert_slice_equal(item_order_id(&item), ORDER);
    item.original.body.len -= 2; /* cut off within it */
    assert_slice_equal(item_order_id(&item), "");
    stored_message_fini(&item.original);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(notice_that_the_facts_do_not_bear_out_is_doubted),
        TEST(report_is_final_by_its_outcome_or_by_its_attempt),
        TEST(chance_is_for_what_ran_out_without_a_last_word),
        TEST(later_report_about_the_message_counts),
        TEST(entry_is_named_by_report_then_message_id_then_sequence),
        TEST(replay_has_the_name_and_the_generation_of_what_it_replays),
        TEST(second_chance_replays_no_generation),
        TEST(termination_that_nobody_reported_is_nothing),
        TEST(verdict_follows_what_is_there),
        TEST(first_failure_expects_nothing_there),
        TEST(order_is_found_in_a_body_that_is_not_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

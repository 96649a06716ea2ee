#include "services/dlq/index/notice.h"
#include "tests/support/base/test.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* --- advisories --- */

#define ADVISORY(kind, stream, consumer) "$JS.EVENT.ADVISORY.CONSUMER." kind "." stream "." consumer
#define EXHAUSTED(stream, consumer, rest)                                                          \
    "{\"type\":\"io.nats.jetstream.advisory.v1.max_deliver\",\"id\":\"x\",\"timestamp\":"          \
    "\"2026-01-02T03:04:05.5Z\",\"stream\":\"" stream "\",\"consumer\":\"" consumer "\"," rest "}"

static enum status parse(const char *subject, const char *body, struct notice *notice) {
    struct error error = {0};
    return notice_parse_advisory(slice_of(subject), slice_of(body), arena, notice, &error);
}

static void advisory_says_which_message_was_given_up(void **state) {
    (void)state;
    struct notice notice;
    assert_int_equal(
        parse(ADVISORY("MAX_DELIVERIES", "ORDERS", "payment-failed"),
              EXHAUSTED("ORDERS", "payment-failed", "\"stream_seq\":17,\"deliveries\":4"), &notice),
        STATUS_OK);
    assert_int_equal(notice.kind, NOTICE_MAX_DELIVERIES);
    assert_slice_equal(notice.stream, "ORDERS");
    assert_slice_equal(notice.consumer, "payment-failed");
    assert_int_equal(notice.sequence, 17);
    assert_int_equal(notice.deliveries, 4);
    assert_int_equal(notice.time_us, 1767323045500000);
    assert_null(notice.report);
}

static void termination_is_told_from_exhaustion(void **state) {
    (void)state;
    struct notice notice;
    assert_int_equal(parse(ADVISORY("MSG_TERMINATED", "ORDERS", "order"),
                           "{\"type\":\"io.nats.jetstream.advisory.v1.terminated\",\"timestamp\":"
                           "\"2026-01-02T03:04:05Z\",\"stream\":\"ORDERS\",\"consumer\":\"order\","
                           "\"consumer_seq\":3,\"stream_seq\":2,\"deliveries\":1}",
                           &notice),
                     STATUS_OK);
    assert_int_equal(notice.kind, NOTICE_TERMINATED);
}

static void forged_or_broken_advisories_are_refused(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"),
         EXHAUSTED("INVENTORY", "order", "\"stream_seq\":1,\"deliveries\":4")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "other", "\"stream_seq\":1,\"deliveries\":4")},
        {ADVISORY("MSG_TERMINATED", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":1,\"deliveries\":4")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":0,\"deliveries\":4")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":\"1\",\"deliveries\":4")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":1")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"), "{}"},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order"), "not JSON"},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "order.more"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":1,\"deliveries\":4")},
        {ADVISORY("MAX_DELIVERIES", "ORDERS", "*"),
         EXHAUSTED("ORDERS", "*", "\"stream_seq\":1,\"deliveries\":4")},
        {ADVISORY("NAK", "ORDERS", "order"),
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":1,\"deliveries\":4")},
        {"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS",
         EXHAUSTED("ORDERS", "order", "\"stream_seq\":1,\"deliveries\":4")},
    };
    struct notice notice;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (parse(pairs[i][0], pairs[i][1], &notice) != STATUS_INVALID)
            fail_msg("%s %s", pairs[i][0], pairs[i][1]);
    }
}

/* --- reports --- */

#define REPORT(event_id, rest)                                                                     \
    "{\"stream\":\"ORDERS\",\"consumer\":\"order\",\"eventId\":\"" event_id                        \
    "\",\"streamSequence\":5,\"attempt\":2,\"outcome\":\"RETRY\",\"code\":\"DATA\",\"text\":"      \
    "\"why\",\"sqlstate\":\"\",\"service\":\"order\",\"instance\":\"o-1\"," rest                   \
    "\"time\":\"2026-01-02T03:04:05Z\"}"

static enum status parse_report_of(const char *subject, const char *body, struct report *report) {
    struct error error = {0};
    return report_parse(slice_of(subject), slice_of(body), arena, report, &error);
}

static void report_says_why(void **state) {
    (void)state;
    struct report report;
    assert_int_equal(parse_report_of("failures.ORDERS.order.seq-5", REPORT("seq-5", ""), &report),
                     STATUS_OK);
    assert_int_equal(report.outcome, REPORT_RETRY);
    assert_int_equal(report.attempt, 2);
    assert_int_equal(report.sequence, 5);
    assert_slice_equal(report.code, "DATA");
    assert_slice_equal(report.text, "why");
    assert_slice_equal(report.json, REPORT("seq-5", ""));
}

static void report_under_another_name_is_refused(void **state) {
    (void)state;
    static const char *const subjects[] = {
        "failures.ORDERS.order.seq-6",   "failures.ORDERS.other.seq-5",
        "failures.PAYMENTS.order.seq-5", "failures.ORDERS.order",
        "other.ORDERS.order.seq-5",      "failures.ORDERS.order.seq-5.more",
    };
    struct report report;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        assert_int_equal(parse_report_of(subjects[i], REPORT("seq-5", ""), &report),
                         STATUS_INVALID);
    assert_int_equal(parse_report_of("failures.ORDERS.order.*", REPORT("*", ""), &report),
                     STATUS_INVALID);
}

static void event_ids_are_uuids_or_sequences(void **state) {
    (void)state;
    assert_true(event_id_is_valid(SLICE_LITERAL("0198c7a0-0000-7000-8000-00000000beef")));
    assert_true(event_id_is_valid(SLICE_LITERAL("seq-18446")));
    assert_false(event_id_is_valid(SLICE_LITERAL("0198C7A0-0000-7000-8000-00000000BEEF")));
    assert_false(event_id_is_valid(SLICE_LITERAL("seq-")));
    assert_false(event_id_is_valid(SLICE_LITERAL("seq-1x")));
    assert_false(event_id_is_valid(SLICE_LITERAL("seq-1.2")));
    assert_false(event_id_is_valid(SLICE_LITERAL("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advisory_says_which_message_was_given_up),
        cmocka_unit_test(termination_is_told_from_exhaustion),
        cmocka_unit_test(forged_or_broken_advisories_are_refused),
        cmocka_unit_test(report_says_why),
        cmocka_unit_test(report_under_another_name_is_refused),
        cmocka_unit_test(event_ids_are_uuids_or_sequences),
    };
    return cmocka_run_group_tests_name("dlq_notice", tests, set_up, tear_down);
}

/* The facts of an order, and the counts that it adds. */
#include "services/analytics/histogram.h"
#include "services/analytics/measure.h"
#include "tests/support/base/test.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define START_US (INT64_C(1770000000) * 1000000)

static struct arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_create((size_t)64 * 1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct order_facts happened(enum fact fact, int64_t at_us) {
    struct order_facts facts = {0};
    facts.at_us[fact] = at_us;
    return facts;
}

static int64_t value_of(const struct tally *tally, enum granularity granularity,
                        enum measure measure, const char *label) {
    int64_t value = 0;
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_row *row = &tally->rows[i];
        if (row->granularity == granularity && row->measure == measure &&
            slice_is(row->label, label))
            value += row->value;
    }
    return value;
}

/* The bin of a stage's only latency; -1 for none. */
static int bin_of(const struct tally *tally, enum stage stage) {
    for (size_t i = 0; i < tally->count; i++) {
        if (tally->rows[i].measure == MEASURE_LATENCY &&
            slice_is(tally->rows[i].label, stage_name(stage)))
            return tally->rows[i].bin;
    }
    return -1;
}

/* --- facts --- */

static void joining_again_changes_nothing(void **state) {
    (void)state;
    struct order_facts facts = happened(FACT_FAILED, START_US);
    facts.reason = SLICE_LITERAL("out_of_stock");
    struct order_facts same = facts;
    assert_false(facts_merge(&facts, &same));
    assert_memory_equal(&facts, &same, sizeof(facts));
}

static void of_two_events_of_a_kind_the_earlier_counts_in_either_order(void **state) {
    (void)state;
    struct order_facts early = happened(FACT_PAID, START_US);
    struct order_facts late = happened(FACT_PAID, START_US + 1);
    early.captured = (struct amount){500, SLICE_LITERAL("EUR")};
    late.captured = (struct amount){400, SLICE_LITERAL("USD")};
    struct order_facts one = early, other = late;
    assert_false(facts_merge(&one, &late));
    assert_true(facts_merge(&other, &early));
    assert_int_equal(one.captured.minor, 500);
    assert_int_equal(other.captured.minor, 500);
    assert_int_equal(other.at_us[FACT_PAID], START_US);
    assert_slice_equal(other.captured.currency, "EUR");
}

static void of_two_at_the_same_moment_one_is_chosen_in_either_order(void **state) {
    (void)state;
    struct order_facts failed = happened(FACT_FAILED, START_US);
    struct order_facts cancelled = happened(FACT_CANCELLED, START_US);
    failed.reason = SLICE_LITERAL("saga_timeout");
    cancelled.reason = SLICE_LITERAL("cancelled_by_customer");
    struct order_facts one = failed, other = cancelled;
    assert_true(facts_merge(&one, &cancelled));
    assert_true(facts_merge(&other, &failed));
    assert_slice_equal(one.reason, "cancelled_by_customer");
    assert_slice_equal(other.reason, "cancelled_by_customer");
}

static void an_event_without_what_its_kind_must_say_is_invalid(void **state) {
    (void)state;
    struct error error;
    struct order_facts facts;
    static const struct json_value nothing = {.kind = JSON_KIND_OBJECT};
    struct event event = {.time_us = START_US, .data = &nothing};
    static const enum event_type strict[] = {EVENT_ORDER_CREATED,    EVENT_ORDER_FAILED,
                                             EVENT_ORDER_CANCELLED,  EVENT_PAYMENT_SUCCEEDED,
                                             EVENT_PAYMENT_REFUNDED, EVENT_PRODUCT_CHANGED};
    for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++) {
        event.type = strict[i];
        assert_int_equal(facts_read(&event, &facts, &error), STATUS_INVALID);
    }
    event.type = EVENT_ORDER_CONFIRMED;
    assert_int_equal(facts_read(&event, &facts, &error), STATUS_OK);
    event.time_us = -1;
    assert_int_equal(facts_read(&event, &facts, &error), STATUS_INVALID);
}

/* --- measures --- */

static void an_order_counts_in_its_minute_hour_and_day(void **state) {
    (void)state;
    struct order_facts facts = happened(FACT_CREATED, START_US + MINUTE_US + 1);
    struct tally tally = {.arena = arena};
    facts_measure(&facts, 1, &tally);
    tally_settle(&tally);
    for (int i = 0; i < GRANULARITY_COUNT; i++) {
        assert_int_equal(value_of(&tally, (enum granularity)i, MEASURE_STATUS, "PENDING"), 1);
        assert_int_equal(value_of(&tally, (enum granularity)i, MEASURE_FACT, "created"), 1);
    }
    assert_int_equal(tally.rows[0].at_us % MINUTE_US, 0);
}

static void what_is_added_and_taken_away_leaves_no_row(void **state) {
    (void)state;
    struct order_facts facts = happened(FACT_CREATED, START_US);
    struct tally tally = {.arena = arena};
    facts_measure(&facts, 1, &tally);
    facts_measure(&facts, -1, &tally);
    tally_settle(&tally);
    assert_int_equal(tally.count, 0);
}

static void a_status_moves_when_the_order_does(void **state) {
    (void)state;
    struct order_facts facts = happened(FACT_CREATED, START_US);
    struct tally tally = {.arena = arena};
    facts_measure(&facts, -1, &tally);
    facts.at_us[FACT_CONFIRMED] = START_US + 5;
    facts_measure(&facts, 1, &tally);
    tally_settle(&tally);
    assert_int_equal(value_of(&tally, GRANULARITY_DAY, MEASURE_STATUS, "PENDING"), -1);
    assert_int_equal(value_of(&tally, GRANULARITY_DAY, MEASURE_STATUS, "CONFIRMED"), 1);
    assert_int_equal(value_of(&tally, GRANULARITY_DAY, MEASURE_FACT, "created"), 0);
}

/* Orders for what nobody knows were missing among the orders by status. */
static void an_order_refused_at_once_counts_as_failed_until_it_was_created(void **state) {
    (void)state;
    struct order_facts facts = happened(FACT_FAILED, START_US + MINUTE_US);
    struct tally tally = {.arena = arena};
    facts_measure(&facts, 1, &tally);
    assert_int_equal(value_of(&tally, GRANULARITY_MINUTE, MEASURE_STATUS, "FAILED"), 1);
    facts_measure(&facts, -1, &tally);
    facts.at_us[FACT_CREATED] = START_US;
    facts_measure(&facts, 1, &tally);
    tally_settle(&tally);
    assert_int_equal(value_of(&tally, GRANULARITY_MINUTE, MEASURE_STATUS, "FAILED"), 1);
}

static void a_stage_begins_where_its_flow_says(void **state) {
    (void)state;
    static const struct {
        const char *flow;
        int64_t reservation_us, payment_us;
    } flows[] = {{"inventory-first", 10, 30}, {"payment-first", 0, 40}, {"parallel", 10, 40}};
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
        struct order_facts facts = happened(FACT_CREATED, START_US);
        struct tally tally = {.arena = arena};
        facts.flow = slice_of(flows[i].flow);
        facts.at_us[FACT_RESERVED] = START_US + 10;
        facts.at_us[FACT_PAID] = START_US + 40;
        facts.at_us[FACT_CONFIRMED] = START_US + 47;
        facts_measure(&facts, 1, &tally);
        tally_settle(&tally);
        assert_int_equal(bin_of(&tally, STAGE_RESERVATION), histogram_bin(flows[i].reservation_us));
        assert_int_equal(bin_of(&tally, STAGE_PAYMENT), histogram_bin(flows[i].payment_us));
        assert_int_equal(bin_of(&tally, STAGE_CONFIRMATION), histogram_bin(7));
        assert_int_equal(bin_of(&tally, STAGE_SHIPPING), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_again_changes_nothing),
        cmocka_unit_test(of_two_events_of_a_kind_the_earlier_counts_in_either_order),
        cmocka_unit_test(of_two_at_the_same_moment_one_is_chosen_in_either_order),
        cmocka_unit_test(an_event_without_what_its_kind_must_say_is_invalid),
        cmocka_unit_test(an_order_counts_in_its_minute_hour_and_day),
        cmocka_unit_test(what_is_added_and_taken_away_leaves_no_row),
        cmocka_unit_test(a_status_moves_when_the_order_does),
        cmocka_unit_test(an_order_refused_at_once_counts_as_failed_until_it_was_created),
        cmocka_unit_test(a_stage_begins_where_its_flow_says),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

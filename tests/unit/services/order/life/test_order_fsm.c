#include "services/order/life/order_fsm.h"
#include "tests/support/base/test.h"

#define FULFILLED (STEP_RESERVED | STEP_PAID | STEP_SHIPPED)
#define ALL_STEPS                                                                                  \
    (FULFILLED | STEP_CANCEL | STEP_OVERDUE | STEP_ON_SHIPMENT | STEP_AUTHORIZED |                 \
     STEP_UNCAPTURED | STEP_ACTION | STEP_ALLOCATED | STEP_PART_SHIPPED | STEP_LINES_CANCELLED |   \
     STEP_LINES_ASKED)

static const enum event_type events[] = {
    EVENT_ORDER_CANCEL,
    EVENT_INVENTORY_RESERVED,
    EVENT_INVENTORY_REJECTED,
    EVENT_PAYMENT_REFUNDED,
    EVENT_PAYMENT_SUCCEEDED,
    EVENT_INVENTORY_RELEASED,
    EVENT_PAYMENT_FAILED,
    EVENT_PAYMENT_AUTHORIZED,
    EVENT_PAYMENT_CAPTURED,
    EVENT_PAYMENT_CAPTURE_FAILED,
    EVENT_PAYMENT_VOIDED,
    EVENT_PAYMENT_ACTION_REQUIRED,
    EVENT_SHIPPING_SHIPPED,
    EVENT_SHIPPING_PART_SHIPPED,
    EVENT_SHIPPING_FAILED,
    EVENT_SHIPPING_STOPPED,
    ORDER_TIME_UP,
    ORDER_KEY_TAKEN,
    ORDER_MAY_START,
    ORDER_UNPAID,
    ORDER_RETURN_WANTED,
    ORDER_RETURN_RECEIVED,
    ORDER_RETURN_REFUSED,
    ORDER_LINES_WANTED,
    ORDER_LINES_STOPPED,
    ORDER_LINES_SENT,
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static const enum order_flow flows[] = {FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL};
#define FLOWS (sizeof(flows) / sizeof(flows[0]))

typedef void (*visit_fn)(struct order_state before, enum event_type event);

static void walk(visit_fn visit) {
    for (size_t flow = 0; flow < FLOWS; flow++) {
        for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
            for (unsigned steps = 0; steps <= ALL_STEPS; steps++) {
                for (size_t i = 0; i < EVENTS; i++)
                    visit((struct order_state){flows[flow], (enum order_status)status, steps},
                          events[i]);
            }
        }
    }
}

static void expect_row(struct order_state before, enum event_type event) {
    struct order_state after = before;
    const struct order_transition *row = order_fsm_step(&after, event);
    if (row == NULL)
        fail_msg("%s: no row for %s in %s, steps %u", order_flow_name(before.flow),
                 order_fsm_event_name(event), order_status_name(before.status), before.steps);
    assert_true(row->why[0] != 0);
}

static void every_event_has_a_row_in_every_status(void **state) {
    (void)state;
    walk(expect_row);
}

static void expect_legal(struct order_state before, enum event_type event) {
    struct order_state after = before;
    order_fsm_step(&after, event);
    assert_int_equal(after.steps & before.steps, before.steps);
    if (order_status_is_final(before.status))
        assert_int_equal(after.status, before.status);
    assert_false(before.status == ORDER_CONFIRMED && after.status == ORDER_PENDING);
}

static void a_final_status_stays_and_no_step_is_undone(void **state) {
    (void)state;
    walk(expect_legal);
}

static void expect_announcement(struct order_state before, enum event_type event) {
    struct order_state after = before;
    const struct order_transition *row = order_fsm_step(&after, event);
    bool has_changed = before.status != after.status;
    bool was_confirmed = before.status == ORDER_PENDING &&
                         (after.status == ORDER_CONFIRMED || after.status == ORDER_COMPLETED);
    assert_int_equal((row->actions & ORDER_FAIL) != 0, has_changed && after.status == ORDER_FAILED);
    assert_int_equal((row->actions & ORDER_CANCEL) != 0,
                     has_changed && after.status == ORDER_CANCELLED);
    assert_int_equal((row->actions & ORDER_COMPLETE) != 0,
                     has_changed && after.status == ORDER_COMPLETED);
    assert_int_equal((row->actions & ORDER_CONFIRM) != 0, was_confirmed);
}

static void each_change_of_status_is_announced_and_nothing_else(void **state) {
    (void)state;
    walk(expect_announcement);
}

static void expect_settled(struct order_state before, enum event_type event) {
    struct order_state once = before, twice;
    order_fsm_step(&once, event);
    twice = once;
    const struct order_transition *row = order_fsm_step(&twice, event);
    assert_int_equal(twice.status, once.status);
    assert_int_equal(twice.steps, once.steps);
    /* That is told once: submit.h, and once for each return: returns.h; and pieces with the order's
       confirmation or its shipment, which are there once. */
    if (event != ORDER_MAY_START && event != ORDER_RETURN_RECEIVED &&
        event != ORDER_LINES_STOPPED && event != ORDER_LINES_SENT)
        assert_int_equal(row->actions & ~(unsigned)(ORDER_RECORD | ORDER_REFUSE), 0);
}

static void the_same_event_again_changes_nothing(void **state) {
    (void)state;
    walk(expect_settled);
}

static bool is_reached[200];

static void reach(struct order_state before, enum event_type event) {
    is_reached[order_fsm_step(&before, event) - order_fsm_rows] = true;
}

static void every_row_is_reached(void **state) {
    (void)state;
    assert_true(order_fsm_row_count <= sizeof(is_reached) / sizeof(is_reached[0]));
    walk(reach);
    for (size_t i = 0; i < order_fsm_row_count; i++) {
        if (!is_reached[i])
            fail_msg("row %zu is never reached: %s", i, order_fsm_rows[i].why);
    }
}

static void expect_one_question(struct order_state before, enum event_type event) {
    struct order_state after = before;
    const struct order_transition *row = order_fsm_step(&after, event);
    bool was_asked =
        (before.steps & (STEP_CANCEL | STEP_OVERDUE | STEP_SHIPPED | STEP_PART_SHIPPED)) != 0;
    bool is_asked = (after.steps & (STEP_CANCEL | STEP_OVERDUE)) != 0;
    assert_int_equal((row->actions & ORDER_STOP) != 0, before.status == ORDER_CONFIRMED &&
                                                           after.status == ORDER_CONFIRMED &&
                                                           is_asked && !was_asked);
}

static void shipping_is_asked_to_stop_once_and_only_a_confirmed_order(void **state) {
    (void)state;
    walk(expect_one_question);
}

static void only_what_shipping_decides_ends_a_confirmed_order(void **state) {
    (void)state;
    for (size_t flow = 0; flow < FLOWS; flow++) {
        for (size_t i = 0; i < EVENTS; i++) {
            struct order_state order = {flows[flow], ORDER_CONFIRMED, STEP_RESERVED | STEP_PAID};
            bool is_decision = events[i] == EVENT_SHIPPING_SHIPPED ||
                               events[i] == EVENT_SHIPPING_FAILED ||
                               events[i] == EVENT_SHIPPING_STOPPED;
            order_fsm_step(&order, events[i]);
            assert_int_equal(order.status != ORDER_CONFIRMED, is_decision);
        }
    }
}

/* Runs `count` events in every order, in every flow, and expects the same end. `end->flow` is not
   read. */
static void permute(enum event_type *sequence, size_t count, size_t from,
                    const struct order_state *end) {
    if (from == count) {
        for (size_t flow = 0; flow < FLOWS; flow++) {
            struct order_state order = {flows[flow], ORDER_PENDING, end->steps & STEP_ON_SHIPMENT};
            for (size_t i = 0; i < count; i++)
                order_fsm_step(&order, sequence[i]);
            assert_int_equal(order.status, end->status);
            assert_int_equal(order.steps, end->steps);
        }
        return;
    }
    for (size_t i = from; i < count; i++) {
        enum event_type first = sequence[i];
        sequence[i] = sequence[from];
        sequence[from] = first;
        permute(sequence, count, from + 1, end);
        sequence[from] = sequence[i];
        sequence[i] = first;
    }
}

static void a_fulfilled_order_completes_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type sequence[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                                  EVENT_SHIPPING_SHIPPED};
    permute(sequence, 3, 0, &(struct order_state){.status = ORDER_COMPLETED, .steps = FULFILLED});
}

static void a_declined_order_fails_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type sequence[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_FAILED,
                                  EVENT_INVENTORY_RELEASED};
    /* Only payment-first reserves for paid orders alone, and a declined one is never reserved. */
    for (size_t i = 0; i < 2; i++) {
        struct order_state order = {i == 0 ? FLOW_INVENTORY_FIRST : FLOW_PARALLEL, ORDER_PENDING,
                                    0};
        for (size_t j = 0; j < 3; j++)
            order_fsm_step(&order, sequence[j]);
        assert_int_equal(order.status, ORDER_FAILED);
        assert_int_equal(order.steps, STEP_RESERVED);
    }
}

static void an_order_that_cannot_be_shipped_fails_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type sequence[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                                  EVENT_SHIPPING_FAILED, EVENT_INVENTORY_RELEASED,
                                  EVENT_PAYMENT_REFUNDED};
    permute(sequence, 5, 0,
            &(struct order_state){.status = ORDER_FAILED, .steps = STEP_RESERVED | STEP_PAID});
}

static void a_late_wish_to_cancel_changes_no_end(void **state) {
    (void)state;
    const enum order_status ends[] = {ORDER_COMPLETED, ORDER_FAILED};
    for (size_t i = 0; i < 2; i++) {
        struct order_state order = {FLOW_PARALLEL, ends[i], FULFILLED};
        const struct order_transition *row = order_fsm_step(&order, EVENT_ORDER_CANCEL);
        assert_int_equal(order.status, ends[i]);
        assert_int_equal(row->actions, ORDER_RECORD | ORDER_REFUSE);
    }
}

static void a_stopped_order_ends_as_what_stopped_it_wanted(void **state) {
    (void)state;
    const unsigned both = STEP_RESERVED | STEP_PAID;
    struct order_state wish = {FLOW_PARALLEL, ORDER_CONFIRMED, both | STEP_CANCEL};
    struct order_state time = {FLOW_PARALLEL, ORDER_CONFIRMED, both | STEP_OVERDUE};
    order_fsm_step(&wish, EVENT_SHIPPING_STOPPED);
    order_fsm_step(&time, EVENT_SHIPPING_STOPPED);
    assert_int_equal(wish.status, ORDER_CANCELLED);
    assert_int_equal(time.status, ORDER_FAILED);
}

static void an_order_paid_on_shipment_completes_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type paid[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_AUTHORIZED,
                              EVENT_SHIPPING_SHIPPED, EVENT_PAYMENT_CAPTURED};
    enum event_type unpaid[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_AUTHORIZED,
                                EVENT_SHIPPING_SHIPPED, EVENT_PAYMENT_CAPTURE_FAILED};
    enum event_type early[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                               EVENT_SHIPPING_SHIPPED};
    const unsigned held = STEP_RESERVED | STEP_SHIPPED | STEP_ON_SHIPMENT | STEP_AUTHORIZED;
    permute(paid, 4, 0,
            &(struct order_state){.status = ORDER_COMPLETED, .steps = held | STEP_PAID});
    permute(unpaid, 4, 0,
            &(struct order_state){.status = ORDER_COMPLETED, .steps = held | STEP_UNCAPTURED});
    permute(
        early, 3, 0,
        &(struct order_state){.status = ORDER_COMPLETED, .steps = FULFILLED | STEP_ON_SHIPMENT});
}

static void an_order_paid_on_shipment_waits_for_its_money(void **state) {
    (void)state;
    for (size_t flow = 0; flow < FLOWS; flow++) {
        struct order_state order = {flows[flow], ORDER_PENDING, STEP_ON_SHIPMENT};
        order_fsm_step(&order, EVENT_INVENTORY_RESERVED);
        order_fsm_step(&order, EVENT_PAYMENT_AUTHORIZED);
        assert_int_equal(order.status, ORDER_CONFIRMED);
        const struct order_transition *row = order_fsm_step(&order, EVENT_SHIPPING_SHIPPED);
        assert_int_equal(order.status, ORDER_CONFIRMED);
        assert_int_equal(row->actions, ORDER_RECORD | ORDER_CAPTURE);
        assert_int_equal(order_fsm_step(&order, ORDER_TIME_UP)->actions, 0);
        assert_int_equal(order_fsm_step(&order, EVENT_ORDER_CANCEL)->actions,
                         ORDER_RECORD | ORDER_REFUSE);
        assert_int_equal(order_fsm_step(&order, EVENT_PAYMENT_CAPTURED)->actions,
                         ORDER_RECORD | ORDER_COMPLETE);
    }
}

/* The money of all others is never asked for. */
static void expect_no_capture(struct order_state before, enum event_type event) {
    struct order_state after = before;
    const struct order_transition *row = order_fsm_step(&after, event);
    if (row->actions & ORDER_CAPTURE)
        assert_true(event == EVENT_SHIPPING_SHIPPED && (before.steps & STEP_ON_SHIPMENT));
}

static void only_the_shipment_of_an_order_paid_on_it_asks_for_its_money(void **state) {
    (void)state;
    walk(expect_no_capture);
}

/* Nobody takes a parcel back that has left. */
static void expect_no_way_back(struct order_state before, enum event_type event) {
    struct order_state after = before;
    if (before.status != ORDER_CONFIRMED || !(before.steps & STEP_PART_SHIPPED))
        return;
    const struct order_transition *row = order_fsm_step(&after, event);
    assert_int_equal(row->actions & (ORDER_FAIL | ORDER_CANCEL | ORDER_STOP), 0);
}

static void once_a_part_has_been_shipped_the_rest_follows(void **state) {
    (void)state;
    walk(expect_no_way_back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_a_row_in_every_status),
        cmocka_unit_test(a_final_status_stays_and_no_step_is_undone),
        cmocka_unit_test(each_change_of_status_is_announced_and_nothing_else),
        cmocka_unit_test(the_same_event_again_changes_nothing),
        cmocka_unit_test(every_row_is_reached),
        cmocka_unit_test(shipping_is_asked_to_stop_once_and_only_a_confirmed_order),
        cmocka_unit_test(once_a_part_has_been_shipped_the_rest_follows),
        cmocka_unit_test(only_what_shipping_decides_ends_a_confirmed_order),
        cmocka_unit_test(a_fulfilled_order_completes_in_whatever_order_its_events_come),
        cmocka_unit_test(a_declined_order_fails_in_whatever_order_its_events_come),
        cmocka_unit_test(an_order_that_cannot_be_shipped_fails_in_whatever_order_its_events_come),
        cmocka_unit_test(a_late_wish_to_cancel_changes_no_end),
        cmocka_unit_test(a_stopped_order_ends_as_what_stopped_it_wanted),
        cmocka_unit_test(an_order_paid_on_shipment_completes_in_whatever_order_its_events_come),
        cmocka_unit_test(an_order_paid_on_shipment_waits_for_its_money),
        cmocka_unit_test(only_the_shipment_of_an_order_paid_on_it_asks_for_its_money),
    };
    return cmocka_run_group_tests_name("order_fsm", tests, NULL, NULL);
}

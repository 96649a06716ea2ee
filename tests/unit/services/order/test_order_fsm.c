#include "services/order/order_fsm.h"
#include "tests/unit/unit.h"

#define ALL_STEPS (STEP_RESERVED | STEP_PAID | STEP_SHIPPED)

static const enum event_type events[] = {
    EVENT_INVENTORY_RESERVED, EVENT_INVENTORY_REJECTED, EVENT_INVENTORY_RELEASED,
    EVENT_PAYMENT_SUCCEEDED,  EVENT_PAYMENT_FAILED,     EVENT_PAYMENT_REFUNDED,
    EVENT_SHIPPING_SHIPPED,   EVENT_SHIPPING_FAILED,
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static struct order_state state_of(enum order_status status, unsigned steps) {
    return (struct order_state){FLOW_INVENTORY_FIRST, status, steps};
}

typedef void (*visit_fn)(struct order_state before, enum event_type event);

static void walk(visit_fn visit) {
    for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
        for (unsigned steps = 0; steps <= ALL_STEPS; steps++) {
            for (size_t i = 0; i < EVENTS; i++)
                visit(state_of((enum order_status)status, steps), events[i]);
        }
    }
}

static void expect_row(struct order_state before, enum event_type event) {
    struct order_state after = before;
    const struct order_transition *row = order_fsm_step(&after, event);
    if (row == NULL)
        fail_msg("no row for %s in %s, steps %u", event_info(event)->type,
                 order_status_name(before.status), before.steps);
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
    bool has_failed = before.status != ORDER_FAILED && after.status == ORDER_FAILED;
    bool has_completed = before.status != ORDER_COMPLETED && after.status == ORDER_COMPLETED;
    bool was_confirmed = before.status == ORDER_PENDING &&
                         (after.status == ORDER_CONFIRMED || after.status == ORDER_COMPLETED);
    assert_int_equal((row->actions & ORDER_FAIL) != 0, has_failed);
    assert_int_equal((row->actions & ORDER_COMPLETE) != 0, has_completed);
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
    assert_int_equal(row->actions & ~(unsigned)ORDER_RECORD, 0);
}

static void the_same_event_again_changes_nothing(void **state) {
    (void)state;
    walk(expect_settled);
}

static void every_row_is_reached(void **state) {
    (void)state;
    for (size_t i = 0; i < order_fsm_row_count; i++) {
        bool is_reached = false;
        for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
            for (unsigned steps = 0; steps <= ALL_STEPS; steps++) {
                struct order_state before = state_of((enum order_status)status, steps);
                is_reached |=
                    order_fsm_step(&before, order_fsm_rows[i].event) == &order_fsm_rows[i];
            }
        }
        if (!is_reached)
            fail_msg("row %zu is never reached: %s", i, order_fsm_rows[i].why);
    }
}

/* Runs `count` events in every order and expects the same end. */
static void permute(enum event_type *sequence, size_t count, size_t from,
                    const struct order_state *end) {
    if (from == count) {
        struct order_state order = state_of(ORDER_PENDING, 0);
        for (size_t i = 0; i < count; i++)
            order_fsm_step(&order, sequence[i]);
        assert_int_equal(order.status, end->status);
        assert_int_equal(order.steps, end->steps);
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
    struct order_state end = state_of(ORDER_COMPLETED, ALL_STEPS);
    permute(sequence, 3, 0, &end);
}

static void a_declined_order_fails_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type sequence[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_FAILED,
                                  EVENT_INVENTORY_RELEASED};
    struct order_state end = state_of(ORDER_FAILED, STEP_RESERVED);
    permute(sequence, 3, 0, &end);
}

static void an_order_that_cannot_be_shipped_fails_in_whatever_order_its_events_come(void **state) {
    (void)state;
    enum event_type sequence[] = {EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                                  EVENT_SHIPPING_FAILED, EVENT_INVENTORY_RELEASED,
                                  EVENT_PAYMENT_REFUNDED};
    struct order_state end = state_of(ORDER_FAILED, STEP_RESERVED | STEP_PAID);
    permute(sequence, 5, 0, &end);
}

static void only_flows_with_rows_are_served(void **state) {
    (void)state;
    assert_true(order_fsm_serves(FLOW_INVENTORY_FIRST));
    assert_false(order_fsm_serves(FLOW_PAYMENT_FIRST));
    assert_false(order_fsm_serves(FLOW_PARALLEL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_a_row_in_every_status),
        cmocka_unit_test(a_final_status_stays_and_no_step_is_undone),
        cmocka_unit_test(each_change_of_status_is_announced_and_nothing_else),
        cmocka_unit_test(the_same_event_again_changes_nothing),
        cmocka_unit_test(every_row_is_reached),
        cmocka_unit_test(a_fulfilled_order_completes_in_whatever_order_its_events_come),
        cmocka_unit_test(a_declined_order_fails_in_whatever_order_its_events_come),
        cmocka_unit_test(an_order_that_cannot_be_shipped_fails_in_whatever_order_its_events_come),
        cmocka_unit_test(only_flows_with_rows_are_served),
    };
    return cmocka_run_group_tests_name("order_fsm", tests, NULL, NULL);
}

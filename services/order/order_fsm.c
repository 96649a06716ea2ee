#include "services/order/order_fsm.h"

/* Flows. */
#define INVENTORY_FIRST (1u << FLOW_INVENTORY_FIRST)
#define ALL (1u << FLOW_INVENTORY_FIRST | 1u << FLOW_PAYMENT_FIRST | 1u << FLOW_PARALLEL)

/* Statuses. */
#define PENDING (1u << ORDER_PENDING)
#define CONFIRMED (1u << ORDER_CONFIRMED)
#define COMPLETED (1u << ORDER_COMPLETED)
#define BROKEN_OFF (1u << ORDER_FAILED | 1u << ORDER_CANCELLED)
#define ANY (PENDING | CONFIRMED | COMPLETED | BROKEN_OFF)

#define STAY ORDER_STAY
#define RECORD ORDER_RECORD
#define CONFIRM ORDER_CONFIRM
#define COMPLETE ORDER_COMPLETE
#define FAIL ORDER_FAIL

const struct order_transition order_fsm_rows[] = {
    /* Repeats: another message says what is known. */
    {ALL, ANY, EVENT_INVENTORY_RESERVED, STEP_RESERVED, STAY, 0, 0, "reserved is known"},
    {ALL, ANY, EVENT_PAYMENT_SUCCEEDED, STEP_PAID, STAY, 0, 0, "paid is known"},
    {ALL, ANY, EVENT_SHIPPING_SHIPPED, STEP_SHIPPED, STAY, 0, 0, "shipped is known"},

    /* The way forward. */
    {INVENTORY_FIRST, PENDING, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "stock is held; payment charges on the same event"},
    {INVENTORY_FIRST, PENDING, EVENT_PAYMENT_SUCCEEDED, 0, ORDER_CONFIRMED, STEP_PAID,
     RECORD | CONFIRM, "only reserved orders are charged, so reserved is implied"},
    {ALL, CONFIRMED, EVENT_SHIPPING_SHIPPED, 0, ORDER_COMPLETED, STEP_SHIPPED, RECORD | COMPLETE,
     "the last step"},
    {ALL, PENDING, EVENT_SHIPPING_SHIPPED, 0, ORDER_COMPLETED, STEP_SHIPPED,
     RECORD | CONFIRM | COMPLETE, "only confirmed orders are shipped, so paid is implied"},

    /* Failures: the order service alone decides, and order.failed starts every compensation. */
    {ALL, PENDING, EVENT_INVENTORY_REJECTED, 0, ORDER_FAILED, 0, RECORD | FAIL, "nothing to sell"},
    {ALL, PENDING, EVENT_PAYMENT_FAILED, 0, ORDER_FAILED, 0, RECORD | FAIL, "nobody pays"},
    {ALL, PENDING | CONFIRMED, EVENT_SHIPPING_FAILED, 0, ORDER_FAILED, 0, RECORD | FAIL,
     "nothing can be sent"},

    /* Overtaken: the fact is noted, the decision has been taken. */
    {ALL, CONFIRMED | COMPLETED, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "the payment came by first"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "the shipment came by first"},
    {ALL, COMPLETED, EVENT_SHIPPING_SHIPPED, 0, STAY, STEP_SHIPPED, RECORD,
     "completed by other means"},
    {ALL, BROKEN_OFF, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "inventory releases it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "payment refunds it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_SHIPPING_SHIPPED, 0, STAY, STEP_SHIPPED, RECORD,
     "it left the house all the same; the timeline shows it"},

    /* Too late to fail: kept for who reads the timeline. */
    {ALL, CONFIRMED | COMPLETED, EVENT_INVENTORY_REJECTED, 0, STAY, 0, RECORD,
     "contradicts the payment taken on the reservation"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_FAILED, 0, STAY, 0, RECORD,
     "contradicts the payment taken"},
    {ALL, COMPLETED, EVENT_SHIPPING_FAILED, 0, STAY, 0, RECORD, "contradicts the shipment"},
    {ALL, BROKEN_OFF, EVENT_INVENTORY_REJECTED, 0, STAY, 0, RECORD, "it has ended already"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_FAILED, 0, STAY, 0, RECORD, "it has ended already"},
    {ALL, BROKEN_OFF, EVENT_SHIPPING_FAILED, 0, STAY, 0, RECORD, "it has ended already"},

    /* Compensations: never change where the order stands. */
    {ALL, BROKEN_OFF, EVENT_INVENTORY_RELEASED, 0, STAY, 0, RECORD, "compensated"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_REFUNDED, 0, STAY, 0, RECORD, "compensated"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_INVENTORY_RELEASED, 0, STAY, 0, RECORD,
     "came by before the failure it compensates"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_PAYMENT_REFUNDED, 0, STAY, 0, RECORD,
     "came by before the failure it compensates"},
};
const size_t order_fsm_row_count = sizeof(order_fsm_rows) / sizeof(order_fsm_rows[0]);

bool order_fsm_serves(enum order_flow flow) {
    struct order_state state = {.flow = flow, .status = ORDER_PENDING};
    return order_fsm_step(&state, EVENT_INVENTORY_RESERVED) != NULL;
}

static bool fits(const struct order_transition *row, const struct order_state *state,
                 enum event_type event) {
    return row->event == event && (row->flows & 1u << state->flow) &&
           (row->statuses & 1u << state->status) && (row->needs & state->steps) == row->needs;
}

const struct order_transition *order_fsm_step(struct order_state *state, enum event_type event) {
    for (size_t i = 0; i < order_fsm_row_count; i++) {
        const struct order_transition *row = &order_fsm_rows[i];
        if (!fits(row, state, event))
            continue;
        if (row->next != ORDER_STAY)
            state->status = (enum order_status)row->next;
        state->steps |= row->sets;
        return row;
    }
    return NULL;
}

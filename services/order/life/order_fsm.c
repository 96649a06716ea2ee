#include "services/order/life/order_fsm.h"

/* Flows. */
#define INVENTORY_FIRST (1u << FLOW_INVENTORY_FIRST)
#define PAYMENT_FIRST (1u << FLOW_PAYMENT_FIRST)
#define PARALLEL (1u << FLOW_PARALLEL)
#define ALL (INVENTORY_FIRST | PAYMENT_FIRST | PARALLEL)

/* Statuses. */
#define PENDING (1u << ORDER_PENDING)
#define CONFIRMED (1u << ORDER_CONFIRMED)
#define COMPLETED (1u << ORDER_COMPLETED)
#define FAILED (1u << ORDER_FAILED)
#define CANCELLED (1u << ORDER_CANCELLED)
#define BROKEN_OFF (FAILED | CANCELLED)
#define ANY (PENDING | CONFIRMED | COMPLETED | BROKEN_OFF)

#define STAY ORDER_STAY
#define RECORD ORDER_RECORD
#define CONFIRM ORDER_CONFIRM
#define COMPLETE ORDER_COMPLETE
#define FAIL ORDER_FAIL
#define CANCEL ORDER_CANCEL
#define STOP ORDER_STOP
#define REFUSE ORDER_REFUSE
#define START ORDER_START
#define CAPTURE ORDER_CAPTURE
#define RETURN ORDER_RETURN
#define STOP_LINES ORDER_STOP_LINES
#define CUT ORDER_CUT
#define KEEP ORDER_KEEP

/* Steps of an order whose money is taken once it is shipped. */
#define ON_SHIPMENT STEP_ON_SHIPMENT

const struct order_transition order_fsm_rows[] = {
    /* Repeats: another message says what is known. */
    {ALL, ANY, EVENT_INVENTORY_RESERVED, STEP_RESERVED, STAY, 0, 0, "reserved is known"},
    {ALL, ANY, EVENT_PAYMENT_SUCCEEDED, STEP_PAID, STAY, 0, 0, "paid is known"},
    {ALL, ANY, EVENT_PAYMENT_AUTHORIZED, STEP_AUTHORIZED, STAY, 0, 0, "authorized is known"},
    {ALL, ANY, EVENT_PAYMENT_CAPTURED, STEP_PAID, STAY, 0, 0, "paid is known"},
    {ALL, ANY, EVENT_PAYMENT_CAPTURE_FAILED, STEP_UNCAPTURED, STAY, 0, 0, "uncaptured is known"},
    {ALL, ANY, EVENT_SHIPPING_SHIPPED, STEP_SHIPPED, STAY, 0, 0, "shipped is known"},
    {ALL, ANY, EVENT_ORDER_CANCEL, STEP_CANCEL, STAY, 0, 0, "the wish is known"},

    /* The way forward, as each flow goes it. */
    {INVENTORY_FIRST, PENDING, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "stock is held; payment charges on the same event"},
    {INVENTORY_FIRST, PENDING, EVENT_PAYMENT_SUCCEEDED, 0, ORDER_CONFIRMED, STEP_PAID,
     RECORD | CONFIRM, "only reserved orders are charged, so reserved is implied"},
    {PAYMENT_FIRST, PENDING, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "money is there; inventory reserves on the same event"},
    {PAYMENT_FIRST, PENDING, EVENT_INVENTORY_RESERVED, 0, ORDER_CONFIRMED, STEP_RESERVED,
     RECORD | CONFIRM, "only paid orders are reserved, so paid is implied"},
    {PARALLEL, PENDING, EVENT_INVENTORY_RESERVED, STEP_PAID, ORDER_CONFIRMED, STEP_RESERVED,
     RECORD | CONFIRM, "both are in"},
    {PARALLEL, PENDING, EVENT_PAYMENT_SUCCEEDED, STEP_RESERVED, ORDER_CONFIRMED, STEP_PAID,
     RECORD | CONFIRM, "both are in"},
    {PARALLEL, PENDING, EVENT_INVENTORY_RESERVED, STEP_AUTHORIZED, ORDER_CONFIRMED, STEP_RESERVED,
     RECORD | CONFIRM, "both are in"},
    {PARALLEL, PENDING, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "the payment is still to come"},
    {PARALLEL, PENDING, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "the stock is still to come"},

    /* Money that is held at first goes the same way, and is taken once the order is shipped. */
    {INVENTORY_FIRST, PENDING, EVENT_PAYMENT_AUTHORIZED, 0, ORDER_CONFIRMED, STEP_AUTHORIZED,
     RECORD | CONFIRM, "only reserved orders are authorized, so reserved is implied"},
    {PAYMENT_FIRST, PENDING, EVENT_PAYMENT_AUTHORIZED, 0, STAY, STEP_AUTHORIZED, RECORD,
     "money is held; inventory reserves on the same event"},
    {PARALLEL, PENDING, EVENT_PAYMENT_AUTHORIZED, STEP_RESERVED, ORDER_CONFIRMED, STEP_AUTHORIZED,
     RECORD | CONFIRM, "both are in"},
    {PARALLEL, PENDING, EVENT_PAYMENT_AUTHORIZED, 0, STAY, STEP_AUTHORIZED, RECORD,
     "the stock is still to come"},
    {ALL, CONFIRMED, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT | STEP_PAID, ORDER_COMPLETED, STEP_SHIPPED,
     RECORD | COMPLETE, "a payment service of an earlier version charged it at once"},
    {ALL, PENDING, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT | STEP_PAID, ORDER_COMPLETED, STEP_SHIPPED,
     RECORD | CONFIRM | COMPLETE, "only confirmed orders are shipped, so the rest is implied"},
    {ALL, CONFIRMED, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT | STEP_UNCAPTURED, ORDER_COMPLETED,
     STEP_SHIPPED, RECORD | COMPLETE, "its money cannot be taken, which is known"},
    {ALL, PENDING, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT | STEP_UNCAPTURED, ORDER_COMPLETED,
     STEP_SHIPPED, RECORD | CONFIRM | COMPLETE, "its money cannot be taken, which is known"},
    {ALL, CONFIRMED, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT, STAY, STEP_SHIPPED, RECORD | CAPTURE,
     "it has left the house: its money is due"},
    {ALL, PENDING, EVENT_SHIPPING_SHIPPED, ON_SHIPMENT, ORDER_CONFIRMED, STEP_SHIPPED,
     RECORD | CONFIRM | CAPTURE, "only confirmed orders are shipped, so the rest is implied"},
    {ALL, CONFIRMED, EVENT_PAYMENT_CAPTURED, STEP_SHIPPED, ORDER_COMPLETED, STEP_PAID,
     RECORD | COMPLETE, "the last step"},
    {ALL, CONFIRMED, EVENT_PAYMENT_SUCCEEDED, STEP_SHIPPED, ORDER_COMPLETED, STEP_PAID,
     RECORD | COMPLETE, "a payment service of an earlier version charged it at once"},
    {ALL, CONFIRMED, EVENT_PAYMENT_CAPTURE_FAILED, STEP_SHIPPED, ORDER_COMPLETED, STEP_UNCAPTURED,
     RECORD | COMPLETE, "it has left the house unpaid: there is nothing to take back"},
    {ALL, CONFIRMED, EVENT_SHIPPING_FAILED, STEP_SHIPPED, STAY, 0, RECORD,
     "contradicts the shipment"},
    {ALL, CONFIRMED, EVENT_SHIPPING_STOPPED, STEP_SHIPPED, STAY, 0, RECORD,
     "contradicts the shipment"},

    {ALL, CONFIRMED, EVENT_SHIPPING_SHIPPED, 0, ORDER_COMPLETED, STEP_SHIPPED, RECORD | COMPLETE,
     "the last step"},
    {ALL, PENDING, EVENT_SHIPPING_SHIPPED, 0, ORDER_COMPLETED, STEP_SHIPPED,
     RECORD | CONFIRM | COMPLETE, "only confirmed orders are shipped, so the rest is implied"},

    /* Several warehouses send it: its parcels leave one after the other, and shipping.shipped tells
       that the last one has. Shipping has decided on all of it by then, so nothing stops the rest.
     */
    {ALL, CONFIRMED, EVENT_SHIPPING_PART_SHIPPED, 0, STAY, STEP_PART_SHIPPED, RECORD,
     "the rest follows"},
    {ALL, PENDING, EVENT_SHIPPING_PART_SHIPPED, 0, ORDER_CONFIRMED, STEP_PART_SHIPPED,
     RECORD | CONFIRM, "only confirmed orders are shipped, so the rest is implied"},
    {ALL, COMPLETED, EVENT_SHIPPING_PART_SHIPPED, 0, STAY, STEP_PART_SHIPPED, RECORD,
     "what it led to came by first"},
    {ALL, BROKEN_OFF, EVENT_SHIPPING_PART_SHIPPED, 0, STAY, STEP_PART_SHIPPED, RECORD,
     "it left the house all the same; the timeline shows it"},
    {ALL, CONFIRMED, EVENT_ORDER_CANCEL, STEP_PART_SHIPPED, STAY, STEP_CANCEL, RECORD | REFUSE,
     "some of it has been shipped, and the rest follows"},
    {ALL, CONFIRMED, EVENT_SHIPPING_FAILED, STEP_PART_SHIPPED, STAY, 0, RECORD,
     "contradicts the shipment"},
    {ALL, CONFIRMED, EVENT_SHIPPING_STOPPED, STEP_PART_SHIPPED, STAY, 0, RECORD,
     "contradicts the shipment"},
    {ALL, CONFIRMED, ORDER_TIME_UP, STEP_PART_SHIPPED, STAY, 0, 0,
     "some of it has been shipped, and the rest follows"},

    /* The payment waits for the customer, as long as the payment service says. */
    {ALL, ANY, EVENT_PAYMENT_ACTION_REQUIRED, STEP_ACTION, STAY, 0, 0, "the question is known"},
    {ALL, PENDING, EVENT_PAYMENT_ACTION_REQUIRED, 0, STAY, STEP_ACTION, RECORD,
     "its customer is to confirm the payment"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_ACTION_REQUIRED, 0, STAY, STEP_ACTION, RECORD,
     "the customer has answered already"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_ACTION_REQUIRED, 0, STAY, STEP_ACTION, RECORD,
     "payment withdraws the question on the order's end"},

    /* Failures: the order service alone decides, and order.failed starts every compensation. */
    {ALL, PENDING, EVENT_INVENTORY_REJECTED, 0, ORDER_FAILED, 0, RECORD | FAIL, "nothing to sell"},
    {ALL, PENDING, EVENT_PAYMENT_FAILED, 0, ORDER_FAILED, 0, RECORD | FAIL, "nobody pays"},
    {ALL, PENDING | CONFIRMED, EVENT_SHIPPING_FAILED, 0, ORDER_FAILED, 0, RECORD | FAIL,
     "nothing can be sent"},

    /* The customer cancels. Once confirmed, the parcel may be leaving: shipping decides which came
       first, and its answer ends the order one way or the other. */
    {ALL, PENDING, EVENT_ORDER_CANCEL, 0, ORDER_CANCELLED, STEP_CANCEL, RECORD | CANCEL,
     "not announced as confirmed, so nobody ships it"},
    {ALL, CONFIRMED, EVENT_ORDER_CANCEL, STEP_SHIPPED, STAY, STEP_CANCEL, RECORD | REFUSE,
     "it has been shipped, and is being paid"},
    {ALL, CONFIRMED, EVENT_ORDER_CANCEL, STEP_OVERDUE, STAY, STEP_CANCEL, RECORD,
     "shipping has been asked to stop already"},
    {ALL, CONFIRMED, EVENT_ORDER_CANCEL, 0, STAY, STEP_CANCEL, RECORD | STOP,
     "shipping stops it, or has shipped it"},
    {ALL, COMPLETED | BROKEN_OFF, EVENT_ORDER_CANCEL, 0, STAY, STEP_CANCEL, RECORD | REFUSE,
     "it has ended already"},

    /* The watchdog: nothing hangs. */
    {ALL, PENDING, ORDER_TIME_UP, 0, ORDER_FAILED, STEP_OVERDUE, FAIL,
     "not announced as confirmed, so nobody ships it"},
    {ALL, CONFIRMED, ORDER_TIME_UP, STEP_SHIPPED, STAY, 0, 0,
     "it has been shipped, and payment asks for its money until that is settled"},
    {ALL, CONFIRMED, ORDER_TIME_UP, STEP_OVERDUE, STAY, 0, 0, "shipping has been asked to stop"},
    {ALL, CONFIRMED, ORDER_TIME_UP, STEP_CANCEL, STAY, 0, 0, "shipping has been asked to stop"},
    {ALL, CONFIRMED, ORDER_TIME_UP, 0, STAY, STEP_OVERDUE, STOP,
     "shipping stops it, or has shipped it"},
    {ALL, COMPLETED | BROKEN_OFF, ORDER_TIME_UP, 0, STAY, 0, 0, "it has ended already"},

    /* A reservation ends unless it is paid. */
    {ALL, PENDING, ORDER_UNPAID, STEP_PAID, STAY, 0, 0, "it has been paid meanwhile"},
    {ALL, PENDING, ORDER_UNPAID, STEP_AUTHORIZED, STAY, 0, 0, "its money is held meanwhile"},
    {ALL, PENDING, ORDER_UNPAID, 0, ORDER_FAILED, STEP_OVERDUE, FAIL,
     "its goods are for who pays for them"},
    {ALL, CONFIRMED | COMPLETED | BROKEN_OFF, ORDER_UNPAID, 0, STAY, 0, 0,
     "it has gone on meanwhile"},

    /* An order that was held back for an older one with its key, perhaps. */
    {ALL, PENDING, ORDER_MAY_START, 0, STAY, 0, START, "no older order has its key"},
    {ALL, CONFIRMED | COMPLETED | BROKEN_OFF, ORDER_MAY_START, 0, STAY, 0, 0,
     "it has ended already"},
    {ALL, PENDING, ORDER_KEY_TAKEN, 0, ORDER_FAILED, 0, FAIL, "an older order has its key"},
    {ALL, CONFIRMED | COMPLETED | BROKEN_OFF, ORDER_KEY_TAKEN, 0, STAY, 0, 0,
     "too late to give the key back, or no need to"},

    /* Shipping has stopped: it will never ship this order. */
    {ALL, CONFIRMED, EVENT_SHIPPING_STOPPED, STEP_CANCEL, ORDER_CANCELLED, 0, RECORD | CANCEL,
     "as its customer wanted"},
    {ALL, PENDING | CONFIRMED, EVENT_SHIPPING_STOPPED, 0, ORDER_FAILED, 0, RECORD | FAIL,
     "its time was up"},
    {ALL, COMPLETED | BROKEN_OFF, EVENT_SHIPPING_STOPPED, 0, STAY, 0, RECORD,
     "it has ended already"},

    /* Pieces are cancelled: nobody sends them before the order is confirmed, and the order tells of
       them then. Later shipping decides, as on all of an order: it sends what is left, or has sent
       all. What it decided is told with shipping.shipped, whose own row comes first. */
    {ALL, PENDING, ORDER_LINES_WANTED, 0, STAY, STEP_LINES_CANCELLED, RECORD,
     "not announced as confirmed, so nobody ships them"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, STEP_SHIPPED, STAY, 0, 0, "it has been shipped"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, STEP_PART_SHIPPED, STAY, 0, 0,
     "some of it has been shipped, and the rest follows"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, STEP_CANCEL, STAY, 0, 0, "all of it is being stopped"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, STEP_OVERDUE, STAY, 0, 0, "all of it is being stopped"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, STEP_LINES_ASKED, STAY, 0, 0,
     "shipping has been asked already"},
    {ALL, CONFIRMED, ORDER_LINES_WANTED, 0, STAY, STEP_LINES_ASKED, RECORD | STOP_LINES,
     "shipping sends what is left, or has sent all of it"},
    {ALL, COMPLETED | BROKEN_OFF, ORDER_LINES_WANTED, 0, STAY, 0, 0, "it has ended already"},
    {ALL, CONFIRMED | COMPLETED, ORDER_LINES_STOPPED, 0, STAY, STEP_LINES_CANCELLED, CUT,
     "inventory and payment give them back"},
    {ALL, PENDING | BROKEN_OFF, ORDER_LINES_STOPPED, 0, STAY, 0, 0,
     "all of it is given back, or nothing was taken"},
    {ALL, CONFIRMED | COMPLETED, ORDER_LINES_SENT, 0, STAY, 0, KEEP,
     "shipping had decided before it was asked"},
    {ALL, PENDING | BROKEN_OFF, ORDER_LINES_SENT, 0, STAY, 0, 0, "it was decided otherwise"},

    /* Returns: of what has been sent, once all of it has. Otherwise nothing happens, and who asks
       is told so. */
    {ALL, COMPLETED, ORDER_RETURN_WANTED, 0, STAY, 0, RECORD, "it has been sent"},
    {ALL, PENDING | CONFIRMED | BROKEN_OFF, ORDER_RETURN_WANTED, 0, STAY, 0, 0,
     "it is not completed: nothing has been sent, or its payment is still due"},
    {ALL, COMPLETED, ORDER_RETURN_RECEIVED, 0, STAY, 0, RETURN, "inventory and payment take it up"},
    {ALL, PENDING | CONFIRMED | BROKEN_OFF, ORDER_RETURN_RECEIVED, 0, STAY, 0, 0,
     "nothing of it was announced"},
    {ALL, COMPLETED, ORDER_RETURN_REFUSED, 0, STAY, 0, RECORD, "nobody waits for it any more"},
    {ALL, PENDING | CONFIRMED | BROKEN_OFF, ORDER_RETURN_REFUSED, 0, STAY, 0, 0,
     "nothing of it was announced"},

    /* Overtaken: the fact is noted, the decision has been taken. */
    {ALL, CONFIRMED | COMPLETED, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "what it led to came by first"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "what it led to came by first"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_AUTHORIZED, 0, STAY, STEP_AUTHORIZED, RECORD,
     "what it led to came by first"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_PAYMENT_CAPTURED, 0, STAY, STEP_PAID, RECORD,
     "what it led to came by first"},
    {ALL, COMPLETED, EVENT_SHIPPING_SHIPPED, 0, STAY, STEP_SHIPPED, RECORD,
     "completed by other means"},
    {ALL, BROKEN_OFF, EVENT_INVENTORY_RESERVED, 0, STAY, STEP_RESERVED, RECORD,
     "inventory releases it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_SUCCEEDED, 0, STAY, STEP_PAID, RECORD,
     "payment refunds it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_AUTHORIZED, 0, STAY, STEP_AUTHORIZED, RECORD,
     "payment voids it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_CAPTURED, 0, STAY, STEP_PAID, RECORD,
     "payment refunds it on the order's end"},
    {ALL, BROKEN_OFF, EVENT_SHIPPING_SHIPPED, 0, STAY, STEP_SHIPPED, RECORD,
     "it left the house all the same; the timeline shows it"},

    /* Too late to fail: kept for who reads the timeline. */
    {ALL, CONFIRMED | COMPLETED, EVENT_INVENTORY_REJECTED, 0, STAY, 0, RECORD,
     "contradicts the reservation"},
    {ALL, CONFIRMED | COMPLETED, EVENT_PAYMENT_FAILED, 0, STAY, 0, RECORD,
     "contradicts the payment taken"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_PAYMENT_CAPTURE_FAILED, 0, STAY, STEP_UNCAPTURED,
     RECORD, "nobody has asked for its money"},
    {ALL, COMPLETED, EVENT_SHIPPING_FAILED, 0, STAY, 0, RECORD, "contradicts the shipment"},
    {ALL, BROKEN_OFF, EVENT_INVENTORY_REJECTED, 0, STAY, 0, RECORD, "it has ended already"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_FAILED, 0, STAY, 0, RECORD, "it has ended already"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_CAPTURE_FAILED, 0, STAY, STEP_UNCAPTURED, RECORD,
     "it has ended already"},
    {ALL, BROKEN_OFF, EVENT_SHIPPING_FAILED, 0, STAY, 0, RECORD, "it has ended already"},

    /* Compensations: never change where the order stands. */
    {ALL, BROKEN_OFF, EVENT_INVENTORY_RELEASED, 0, STAY, 0, RECORD, "compensated"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_REFUNDED, 0, STAY, 0, RECORD, "compensated"},
    {ALL, BROKEN_OFF, EVENT_PAYMENT_VOIDED, 0, STAY, 0, RECORD, "compensated"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_INVENTORY_RELEASED, 0, STAY, 0, RECORD,
     "came by before the failure it compensates"},
    {ALL, CONFIRMED, EVENT_PAYMENT_REFUNDED, STEP_LINES_CANCELLED, STAY, 0, RECORD,
     "pieces of it were cancelled"},
    {ALL, PENDING | CONFIRMED, EVENT_PAYMENT_REFUNDED, 0, STAY, 0, RECORD,
     "came by before the failure it compensates"},
    {ALL, COMPLETED, EVENT_PAYMENT_REFUNDED, 0, STAY, 0, RECORD, "some of it is given back"},
    {ALL, PENDING | CONFIRMED | COMPLETED, EVENT_PAYMENT_VOIDED, 0, STAY, 0, RECORD,
     "came by before the failure it compensates"},
};
const size_t order_fsm_row_count = sizeof(order_fsm_rows) / sizeof(order_fsm_rows[0]);

const char *order_fsm_event_name(enum event_type event) {
    static const char *const own[] = {
        "time_up",         "key_taken",      "may_start",    "unpaid",        "return_wanted",
        "return_received", "return_refused", "lines_wanted", "lines_stopped", "lines_sent",
    };
    return event >= EVENT_TYPE_COUNT ? own[event - EVENT_TYPE_COUNT] : event_info(event)->type;
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

/*
 * One order's saga: every event may come late, again and in any order, processes may die between
 * any two steps, the customer may cancel and the order's time may be up at any moment, in each flow.
 *
 * tables.pml is printed from the tables of services/order and services/payment (tables.c).
 *
 * A delivery that is not acknowledged is still to come; one that is may come again at any time, at
 * two processes at once. All that is asserted of the end is asserted of every state in which nothing
 * is still to come.
 *
 * Its money is taken at once, or, with HELD, held at first and taken once the order is shipped.
 *
 * With ASKED its customer may have to confirm it first.
 *
 * Runs: -DCALM -DCALM,ltl=ends -DHELD_CALM,ltl=ends -DHELD -DSTORM
 * Runs: -DASKED_CALM,ltl=ends -DASKED_HELD_CALM,ltl=ends
 */

#ifdef ASKED_HELD_CALM
#define ASKED_CALM
#define HELD
#endif
#ifdef ASKED_CALM
#define ASKED
#define CALM
#endif

#ifdef HELD_CALM
#define HELD
#define CALM
#endif

/* --- rules that can be dropped: README.md ----------------------------------------------------- */

#ifdef WITHOUT_KNOWN_STEPS
#define KEEPS_RESERVED_IS_KNOWN false
#define KEEPS_PAID_IS_KNOWN false
#endif
#ifdef WITHOUT_LATE_CHARGE
#define KEEPS_THE_ORDER_ENDED_WHILE_IT_WAS_BEING_CHARGED false
#endif

#include "tables.pml"

/* --- what must hold, by name ------------------------------------------------------------------ */

hidden byte every_order_ends, completed_is_paid, broken_off_costs_nothing, completed_is_shipped,
    broken_off_holds_no_stock, broken_off_is_not_shipped, told_is_what_the_ledger_says,
    each_wish_is_noted, nothing_is_announced_twice, every_event_has_a_row, timeline_has_each_once,
    shipped_is_paid_and_reserved, captured_at_most_once, nothing_healthy_is_a_dead_letter;

#define MUST(name, condition) name = (condition); assert(name); name = false

/* --- events and deliveries -------------------------------------------------------------------- */

int said;                                             /* published, as bits 1 << event */
int told_order, told_inventory, told_payment, told_shipping; /* acknowledged by its consumer */
bool gave_up;                                         /* some delivery is a dead letter */
byte captured, refunded;                              /* times, by the provider's ledger */
bool is_held_there;                                   /* the money, by the provider's ledger */
#ifdef HELD
#define FIRST_STEPS STEP_ON_SHIPMENT
#define FIRST_STATUS PAYMENT_AUTHORIZING
#define FIRST_OPERATION PAYMENT_AUTHORIZE
#else
#define FIRST_STEPS 0
#define FIRST_STATUS PAYMENT_INTENT
#define FIRST_OPERATION PAYMENT_CHARGE
#endif

#define BIT(event) (1 << (event))
#define SAID(event) ((said & BIT(event)) != 0)
#define TO_COME(told, event) (SAID(event) && (told & BIT(event)) == 0)
#ifdef CALM
#define COMES(told, event) TO_COME(told, event)
#else
#define COMES(told, event) SAID(event)
#endif

inline say(event) {
    MUST(nothing_is_announced_twice, !SAID(event));
#ifdef WITHOUT_OUTBOX
    /* Another transaction than what it tells of, and the process dies in between. */
    if
    :: said = said | BIT(event)
    :: skip
    fi
#else
    said = said | BIT(event)
#endif
}

/* --- the order service: order_fsm.c, handler.c, submit.c, watchdog.c -------------------------- */

byte flow, status;
int steps;
bool has_order, is_held, is_wished;
int timeline;

#define IS_FINAL (status >= ORDER_COMPLETED)
#define IS_BROKEN_OFF (has_order && (status == ORDER_FAILED || status == ORDER_CANCELLED))
#define HAS(bit) ((actions & (bit)) != 0)
#define NO_EVENT 254

/* handler.c: consequences[] */
inline act(event) {
    MUST(every_event_has_a_row, actions != NO_ROW);
    if
    :: HAS(ORDER_RECORD) ->
        MUST(timeline_has_each_once, (timeline & BIT(event)) == 0);
        timeline = timeline | BIT(event)
    :: else
    fi;
    if
    :: HAS(ORDER_START) -> say(EVENT_ORDER_CREATED)
    :: else
    fi;
    if
    :: HAS(ORDER_CONFIRM) -> say(EVENT_ORDER_CONFIRMED)
    :: else
    fi;
    if
    :: HAS(ORDER_COMPLETE) -> say(EVENT_ORDER_COMPLETED)
    :: else
    fi;
    if
    :: HAS(ORDER_STOP) -> say(EVENT_ORDER_STOP_REQUESTED)
    :: else
    fi;
    if
    :: HAS(ORDER_CAPTURE) -> say(EVENT_ORDER_CAPTURE_REQUESTED)
    :: else
    fi;
    if
    :: HAS(ORDER_FAIL) -> say(EVENT_ORDER_FAILED)
    :: else
    fi;
    if
    :: HAS(ORDER_CANCEL) -> say(EVENT_ORDER_CANCELLED)
    :: else
    fi
}

/* The inbox knows these; what is a step is known to the order itself (ONCE_BY_EFFECT). */
#ifdef WITHOUT_INBOX
#define COMES_ONCE(event) COMES(told_order, event)
#else
#define COMES_ONCE(event) TO_COME(told_order, event)
#endif

/* The watchdog ends what would not end by itself, or has it stopped, once. */
#ifdef WITHOUT_WATCHDOG
#define IS_WATCHED false
#else
#define IS_WATCHED (gave_up && (status == ORDER_PENDING || \
    (status == ORDER_CONFIRMED && (steps & (STEP_OVERDUE | STEP_CANCEL | STEP_SHIPPED)) == 0)))
#endif
#ifdef WITHOUT_WATCHDOG
#define TIME_MAY_BE_UP false
#elif defined(CALM)
#define TIME_MAY_BE_UP IS_WATCHED
#else
#define TIME_MAY_BE_UP true
#endif

active proctype order_service() {
    byte event = NO_EVENT;
    int actions;
end:
    do
    :: atomic {
        if
        :: !has_order && SAID(EVENT_ORDER_SUBMIT) ->
            has_order = true;
            steps = FIRST_STEPS;
            told_order = told_order | BIT(EVENT_ORDER_SUBMIT);
            if
            :: say(EVENT_ORDER_CREATED)
            :: is_held = true /* until all older orders are taken in */
            :: status = ORDER_FAILED; /* unknown product, key taken: nobody starts on it */
               say(EVENT_ORDER_FAILED)
            fi;
            if
            :: is_wished -> event = EVENT_ORDER_CANCEL
            :: else
            fi
        :: !has_order && SAID(EVENT_ORDER_CANCEL) && !is_wished ->
#ifndef WITHOUT_KEPT_WISH
            is_wished = true; /* store_cancel.c keeps it */
#endif
            told_order = told_order | BIT(EVENT_ORDER_CANCEL)
        :: has_order && COMES(told_order, EVENT_ORDER_CANCEL) -> event = EVENT_ORDER_CANCEL
        :: has_order && COMES(told_order, EVENT_INVENTORY_RESERVED) -> event = EVENT_INVENTORY_RESERVED
        :: has_order && COMES_ONCE(EVENT_INVENTORY_REJECTED) -> event = EVENT_INVENTORY_REJECTED
        :: has_order && COMES_ONCE(EVENT_INVENTORY_RELEASED) -> event = EVENT_INVENTORY_RELEASED
        :: has_order && COMES(told_order, EVENT_PAYMENT_SUCCEEDED) -> event = EVENT_PAYMENT_SUCCEEDED
#ifdef HELD
        :: has_order && COMES(told_order, EVENT_PAYMENT_AUTHORIZED) -> event = EVENT_PAYMENT_AUTHORIZED
        :: has_order && COMES(told_order, EVENT_PAYMENT_CAPTURED) -> event = EVENT_PAYMENT_CAPTURED
        :: has_order && COMES(told_order, EVENT_PAYMENT_CAPTURE_FAILED) ->
            event = EVENT_PAYMENT_CAPTURE_FAILED
        :: has_order && COMES_ONCE(EVENT_PAYMENT_VOIDED) -> event = EVENT_PAYMENT_VOIDED
#endif
#ifdef ASKED
        :: has_order && COMES(told_order, EVENT_PAYMENT_ACTION_REQUIRED) ->
            event = EVENT_PAYMENT_ACTION_REQUIRED
#endif
        :: has_order && COMES_ONCE(EVENT_PAYMENT_FAILED) -> event = EVENT_PAYMENT_FAILED
        :: has_order && COMES_ONCE(EVENT_PAYMENT_REFUNDED) -> event = EVENT_PAYMENT_REFUNDED
        :: has_order && COMES(told_order, EVENT_SHIPPING_SHIPPED) -> event = EVENT_SHIPPING_SHIPPED
        :: has_order && COMES_ONCE(EVENT_SHIPPING_FAILED) -> event = EVENT_SHIPPING_FAILED
        :: has_order && COMES_ONCE(EVENT_SHIPPING_STOPPED) -> event = EVENT_SHIPPING_STOPPED
        :: has_order && TIME_MAY_BE_UP -> event = ORDER_TIME_UP
        :: is_held -> event = ORDER_MAY_START; is_held = false
#ifndef CALM
        :: has_order -> event = ORDER_KEY_TAKEN
#endif
        fi;
        if
        :: event != NO_EVENT ->
#ifdef WITHOUT_STOP_ON_CANCEL
            if /* a confirmed order is cancelled, or fails, without asking shipping */
            :: status == ORDER_CONFIRMED && event == EVENT_ORDER_CANCEL ->
                status = ORDER_CANCELLED;
                actions = ORDER_CANCEL
            :: status == ORDER_CONFIRMED && event == ORDER_TIME_UP ->
                status = ORDER_FAILED;
                actions = ORDER_FAIL
            :: else -> order_fsm(event)
            fi;
#else
            order_fsm(event);
#endif
            act(event);
            if
            :: event < ORDER_TIME_UP -> told_order = told_order | BIT(event)
            :: else
            fi
        :: else
        fi;
        event = NO_EVENT;
        actions = 0
    }
    od
}

/* --- inventory: services/inventory/handler.c -------------------------------------------------- */

mtype:held = {NOTHING, RESERVED, REJECTED, RELEASED, SHIPPED};
mtype:held reservation = NOTHING;

#define STOCK_EVENT(event, wants) (COMES(told_inventory, event) && wants)

inline inventory_reserve() {
    if
    :: reservation == NOTHING ->
        if
        :: reservation = RESERVED; say(EVENT_INVENTORY_RESERVED)
        :: reservation = REJECTED; say(EVENT_INVENTORY_REJECTED)
        fi
    :: else /* it has had its answer, and a tombstone refuses it */
    fi
}

inline inventory_release() {
    MUST(nothing_healthy_is_a_dead_letter, reservation != SHIPPED);
    if
    :: reservation == NOTHING ->
#ifdef WITHOUT_TOMBSTONE_OF_STOCK
        skip
#else
        reservation = RELEASED
#endif
    :: reservation == RESERVED -> reservation = RELEASED; say(EVENT_INVENTORY_RELEASED)
    :: else
    fi
}

active proctype inventory() {
end:
    do
#ifdef WITHOUT_FLOWS
    :: atomic { COMES(told_inventory, EVENT_ORDER_CREATED) ->
#else
    :: atomic { STOCK_EVENT(EVENT_ORDER_CREATED, STOCK_WANTS_EVENT_ORDER_CREATED) ->
#endif
        inventory_reserve();
        told_inventory = told_inventory | BIT(EVENT_ORDER_CREATED) }
    :: atomic { STOCK_EVENT(EVENT_PAYMENT_SUCCEEDED, STOCK_WANTS_EVENT_PAYMENT_SUCCEEDED) ->
        inventory_reserve();
        told_inventory = told_inventory | BIT(EVENT_PAYMENT_SUCCEEDED) }
    :: atomic { STOCK_EVENT(EVENT_PAYMENT_AUTHORIZED, STOCK_WANTS_EVENT_PAYMENT_AUTHORIZED) ->
        inventory_reserve();
        told_inventory = told_inventory | BIT(EVENT_PAYMENT_AUTHORIZED) }
    :: atomic { COMES(told_inventory, EVENT_ORDER_FAILED) ->
        inventory_release();
        told_inventory = told_inventory | BIT(EVENT_ORDER_FAILED) }
    :: atomic { COMES(told_inventory, EVENT_ORDER_CANCELLED) ->
        inventory_release();
        told_inventory = told_inventory | BIT(EVENT_ORDER_CANCELLED) }
    :: atomic { COMES(told_inventory, EVENT_ORDER_COMPLETED) && reservation != NOTHING ->
        MUST(nothing_healthy_is_a_dead_letter, reservation == RESERVED || reservation == SHIPPED);
        reservation = SHIPPED;
        told_inventory = told_inventory | BIT(EVENT_ORDER_COMPLETED) }
    :: atomic { TO_COME(told_inventory, EVENT_ORDER_CREATED) && STOCK_WANTS_EVENT_ORDER_CREATED ->
        gave_up = true; /* it cannot be read, say */
        told_inventory = told_inventory | BIT(EVENT_ORDER_CREATED) }
    od
}

/* --- shipping: services/shipping/handler.c ---------------------------------------------------- */

mtype:parcel = {NO_PARCEL, SENT, NOT_SENT, STOPPED};
mtype:parcel shipment = NO_PARCEL;

#define IS_PAYABLE (refunded == 0 && (captured == 1 || is_held_there))

active proctype shipping() {
end:
    do
    :: atomic { COMES(told_shipping, EVENT_ORDER_CONFIRMED) ->
        if
        :: shipment == NO_PARCEL ->
            if
            :: shipment = SENT;
               MUST(shipped_is_paid_and_reserved,
                    reservation == RESERVED && IS_PAYABLE);
               say(EVENT_SHIPPING_SHIPPED)
            :: shipment = NOT_SENT;
               say(EVENT_SHIPPING_FAILED)
            fi
        :: else
        fi;
        told_shipping = told_shipping | BIT(EVENT_ORDER_CONFIRMED) }
    :: atomic { COMES(told_shipping, EVENT_ORDER_STOP_REQUESTED) ->
        if
#ifdef WITHOUT_ONE_SHIPMENT
        :: !SAID(EVENT_SHIPPING_STOPPED) -> say(EVENT_SHIPPING_STOPPED)
#else
        :: shipment == NO_PARCEL -> shipment = STOPPED; say(EVENT_SHIPPING_STOPPED)
#endif
        :: else
        fi;
        told_shipping = told_shipping | BIT(EVENT_ORDER_STOP_REQUESTED) }
    :: atomic { TO_COME(told_shipping, EVENT_ORDER_CONFIRMED) ->
        gave_up = true;
        told_shipping = told_shipping | BIT(EVENT_ORDER_CONFIRMED) }
    od
}

/* --- payment: services/payment/handler.c, owed_steps.c, provider.h -------------------------- */

#define NO_PAYMENT 100
byte payment = NO_PAYMENT;
bool was_wanted; /* the row has a payment method */
bool is_settled; /* the provider has said that nothing was taken */

/* At the provider: what came of the charge's key. */
mtype:key = {UNUSED, CHARGED, DECLINED, VOIDED, OPEN, CANCELLED};
mtype:key charge_key = UNUSED;
bool was_asked; /* its customer was: the charge's key answers so for ever */
bool is_stray; /* a charge whose process is gone, or has waited too long, still under way */

inline provider_charge(is_over) {
    if
    :: charge_key == UNUSED && is_over ->
#ifndef WITHOUT_VOIDED_KEY
        charge_key = VOIDED;
#endif
        answer = PROVIDER_NOTHING
    :: charge_key == UNUSED && !is_over ->
        if
#ifdef HELD
        :: is_held_there = true; charge_key = CHARGED; answer = PROVIDER_DONE
#else
        :: captured++; charge_key = CHARGED; answer = PROVIDER_DONE
#endif
        :: charge_key = DECLINED; answer = PROVIDER_DECLINED
#ifdef ASKED
        :: charge_key = OPEN; was_asked = true; answer = PROVIDER_ACTION
#endif
        fi
    :: was_asked -> answer = PROVIDER_ACTION
#ifdef WITHOUT_CHARGE_KEY
    :: charge_key == CHARGED && !was_asked -> captured++; answer = PROVIDER_DONE
#else
    :: charge_key == CHARGED && !was_asked -> answer = PROVIDER_DONE
#endif
    :: charge_key == DECLINED && !was_asked -> answer = PROVIDER_DECLINED
    :: charge_key == VOIDED -> answer = (is_over -> PROVIDER_NOTHING : PROVIDER_REFUSED)
    fi;
    MUST(captured_at_most_once, captured <= 1)
}

/* The hold may have run out, and then nothing is taken for good. */
inline provider_capture() {
    if
#ifdef WITHOUT_CAPTURE_KEY
    :: captured > 0 -> captured++; answer = PROVIDER_DONE
#else
    :: captured > 0 -> answer = PROVIDER_DONE /* the capture's key is known */
#endif
    :: captured == 0 && is_held_there -> is_held_there = false; captured++; answer = PROVIDER_DONE
    :: captured == 0 -> is_held_there = false; answer = PROVIDER_DECLINED
    fi;
    MUST(captured_at_most_once, captured <= 1)
}

inline provider_void() {
    if
    :: captured > 0 -> answer = PROVIDER_DECLINED
    :: else -> is_held_there = false; answer = PROVIDER_DONE
    fi
}

inline provider_refund() {
    if
    :: captured > refunded -> refunded++; answer = PROVIDER_DONE
    :: captured == 0 -> answer = PROVIDER_NOTHING
    :: else -> answer = PROVIDER_DONE /* the refund's key is known */
    fi
}

#ifdef ASKED
/* provider_stripe.c: inquire(). What its customer failed to confirm is closed with that. */
inline provider_inquire() {
    answer = (charge_key == OPEN -> PROVIDER_ACTION :
        (charge_key == CHARGED -> PROVIDER_DONE :
        (charge_key == DECLINED -> PROVIDER_DECLINED : PROVIDER_NOTHING)))
}

/* A hold goes with it; what was captured does not. */
inline provider_withdraw() {
    if
    :: captured > 0 -> answer = PROVIDER_DECLINED
    :: else -> is_held_there = false; charge_key = CANCELLED; answer = PROVIDER_DONE
    fi
}

/* The customer confirms, or does not, or never comes. */
active proctype bank() {
end:
    do
    :: atomic { charge_key == OPEN ->
        if
#ifdef HELD
        :: is_held_there = true; charge_key = CHARGED
#else
        :: captured++; charge_key = CHARGED
#endif
        :: charge_key = DECLINED
        fi }
    od
}
#endif

active proctype provider() {
    byte answer;
end:
    do
    :: atomic { is_stray -> is_stray = false; provider_charge(false); answer = 0 }
    od
}

#define OWED 99 /* as `cause` */
#define CHARGE_EVENT(event, wants) (COMES(told_payment, event) && wants)

inline forget() {
    cause = 0;
    operation = 0;
    answer = 0;
    says = 0;
    is_over = false;
    has_row = false;
    must_return = false
}

inline acknowledge() {
    if
    :: cause != OWED -> told_payment = told_payment | BIT(cause)
    :: else
    fi;
    forget()
}

inline give_up() {
    gave_up = true;
    acknowledge()
}

/* payment_fsm_owes(), owed_task() */
inline owed_task() {
    if
    :: payment == PAYMENT_CAPTURING -> operation = PAYMENT_CAPTURE
    :: payment == PAYMENT_VOIDING -> operation = PAYMENT_VOID
    :: payment == PAYMENT_REFUNDING -> operation = PAYMENT_REFUND
#if defined(ASKED) && !defined(WITHOUT_WITHDRAWAL)
    :: payment == PAYMENT_WITHDRAWING -> operation = PAYMENT_WITHDRAW
#endif
    :: else -> operation = NO_EVENT
    fi
}

/* capture_prepare(), payment_fsm_due() */
inline capture_prepare() {
    MUST(nothing_healthy_is_a_dead_letter, payment == PAYMENT_AUTHORIZED ||
         payment == PAYMENT_CAPTURING || payment == PAYMENT_CAPTURED || payment == PAYMENT_UNCAPTURED);
    payment = (payment == PAYMENT_AUTHORIZED -> PAYMENT_CAPTURING : payment);
    owed_task()
}

/* charge_prepare(), charge_task() */
inline charge_prepare() {
    if
    :: payment == NO_PAYMENT ->
#ifndef WITHOUT_INTENT
        was_wanted = true;
#endif
        payment = FIRST_STATUS
    :: else
    fi;
    if
#ifdef WITHOUT_ASKING_AGAIN
    :: payment == PAYMENT_INTENT ->
#else
    :: payment == PAYMENT_INTENT || (payment == PAYMENT_VOIDED && was_wanted) ->
#endif
        operation = PAYMENT_CHARGE;
        is_over = (payment == PAYMENT_VOIDED)
#ifdef WITHOUT_ASKING_AGAIN
    :: payment == PAYMENT_AUTHORIZING ->
#else
    :: payment == PAYMENT_AUTHORIZING || payment == PAYMENT_ABANDONED ->
#endif
        operation = PAYMENT_AUTHORIZE;
        is_over = (payment == PAYMENT_ABANDONED)
    :: else -> owed_task()
    fi
}

/* end_prepare(), end_task() */
inline end_prepare() {
    if
    :: payment == NO_PAYMENT ->
#ifndef WITHOUT_TOMBSTONE_OF_PAYMENT
        payment = PAYMENT_VOIDED;
#endif
        operation = NO_EVENT
    :: else ->
#ifndef WITHOUT_REFUND
        payment_end();
#endif
        owed_task()
    fi
}

inline payment_call() {
    if
    :: operation == PAYMENT_CHARGE || operation == PAYMENT_AUTHORIZE -> provider_charge(is_over)
    :: operation == PAYMENT_CAPTURE -> provider_capture()
    :: operation == PAYMENT_VOID -> provider_void()
    :: operation == PAYMENT_REFUND -> provider_refund()
#ifdef ASKED
    :: operation == PAYMENT_INQUIRE -> provider_inquire()
    :: operation == PAYMENT_WITHDRAW -> provider_withdraw()
#endif
    fi
}

/* settle(), take_answer() */
inline payment_apply() {
    payment_fsm(operation, answer);
    if
    :: has_row && (answer == PROVIDER_NOTHING || answer == PROVIDER_DECLINED) -> is_settled = true
    :: else
    fi;
    if
    :: says != SAYS_NOTHING -> say(says)
    :: else
    fi;
    if
    :: must_return -> forget() /* it comes again */
    :: else -> acknowledge()
    fi
}

/* owed_steps.c: money is to be given back; or the order ended, and nobody knows what came of its
   charge. */
#ifdef WITHOUT_OWED_REFUNDS
#define IS_OWED false
#else
#define IS_OWED (payment == PAYMENT_REFUNDING || payment == PAYMENT_VOIDING || \
    payment == PAYMENT_CAPTURING || IS_WITHDRAWING)
#endif
#if defined(ASKED) && !defined(WITHOUT_WITHDRAWAL)
#define IS_WITHDRAWING (payment == PAYMENT_WITHDRAWING)
#else
#define IS_WITHDRAWING false
#endif
/* actions.c: the clock asks what became of it, and withdraws it when its time is up. */
#ifdef ASKED
#define IS_CHALLENGED (payment == PAYMENT_CHALLENGED || payment == PAYMENT_HOLD_CHALLENGED)
#else
#define IS_CHALLENGED false
#endif
#if defined(WITHOUT_OWED_CHARGES) || defined(WITHOUT_ASKING_AGAIN)
#define IS_UNSETTLED false
#else
#define IS_UNSETTLED (!is_settled && (payment == PAYMENT_ABANDONED || \
    (payment == PAYMENT_VOIDED && was_wanted)))
#endif

#ifdef CALM
#define WORKERS 1
#else
#define WORKERS 2
#endif

/* Takes a delivery, or its turn by the clock, and asks the provider where there is something to ask.
   Between any two of these steps it may be killed, or overtaken by the other one. */
active [WORKERS] proctype payment_worker() {
    byte cause, operation, answer, says;
    bool is_over, has_row, must_return;
prepare:
end:
    atomic {
        if
        :: CHARGE_EVENT(EVENT_ORDER_CREATED, CHARGE_WANTS_EVENT_ORDER_CREATED) ->
            cause = EVENT_ORDER_CREATED; charge_prepare()
        :: CHARGE_EVENT(EVENT_INVENTORY_RESERVED, CHARGE_WANTS_EVENT_INVENTORY_RESERVED) ->
            cause = EVENT_INVENTORY_RESERVED; charge_prepare()
        :: COMES(told_payment, EVENT_ORDER_FAILED) -> cause = EVENT_ORDER_FAILED; end_prepare()
        :: COMES(told_payment, EVENT_ORDER_CANCELLED) -> cause = EVENT_ORDER_CANCELLED; end_prepare()
#ifdef HELD
        :: COMES(told_payment, EVENT_ORDER_CAPTURE_REQUESTED) && payment != NO_PAYMENT &&
            payment != PAYMENT_AUTHORIZING ->
            cause = EVENT_ORDER_CAPTURE_REQUESTED; capture_prepare()
#endif
        :: IS_OWED -> cause = OWED; owed_task()
        :: IS_UNSETTLED -> cause = OWED; operation = FIRST_OPERATION; is_over = true
#ifdef ASKED
        :: IS_CHALLENGED && charge_key != OPEN -> cause = OWED; operation = PAYMENT_INQUIRE
        :: IS_CHALLENGED -> cause = OWED; operation = PAYMENT_WITHDRAW
#endif
        fi;
        if
        :: operation == NO_EVENT -> acknowledge(); goto prepare
        :: else
        fi
    }
    if
    :: atomic {
        payment_call();
        if
        :: answer == PROVIDER_REFUSED -> give_up(); goto prepare
        :: else
        fi }
#ifndef CALM
    :: atomic { operation == FIRST_OPERATION && !is_over -> is_stray = true; forget(); goto prepare }
    :: atomic { forget(); goto prepare } /* killed */
#endif
    :: atomic { cause != OWED -> /* it fails four times, and may have been made even so */
        if
        :: operation == FIRST_OPERATION && !is_over -> is_stray = true
        :: skip
        fi;
        give_up();
        goto prepare }
    fi;
    if
    :: atomic { payment_apply(); goto prepare }
#ifndef CALM
    :: atomic { forget(); goto prepare } /* killed */
#endif
    fi
}

/* --- the customer, and what must hold --------------------------------------------------------- */

active proctype customer() {
    atomic {
        if
        :: flow = FLOW_INVENTORY_FIRST
        :: flow = FLOW_PAYMENT_FIRST
        :: flow = FLOW_PARALLEL
        fi;
        say(EVENT_ORDER_SUBMIT)
    }
    if
    :: atomic { say(EVENT_ORDER_CANCEL) }
    :: skip
    fi
}

/* What each consumer is sent, and has to have acknowledged. */
#define OF_ORDER (said & (BIT(EVENT_ORDER_SUBMIT) | BIT(EVENT_ORDER_CANCEL) | \
    BIT(EVENT_INVENTORY_RESERVED) | BIT(EVENT_INVENTORY_REJECTED) | BIT(EVENT_INVENTORY_RELEASED) | \
    BIT(EVENT_PAYMENT_AUTHORIZED) | BIT(EVENT_PAYMENT_CAPTURED) | BIT(EVENT_PAYMENT_VOIDED) | \
    BIT(EVENT_PAYMENT_CAPTURE_FAILED) | BIT(EVENT_PAYMENT_ACTION_REQUIRED) | \
    BIT(EVENT_PAYMENT_SUCCEEDED) | BIT(EVENT_PAYMENT_FAILED) | BIT(EVENT_PAYMENT_REFUNDED) | \
    BIT(EVENT_SHIPPING_SHIPPED) | BIT(EVENT_SHIPPING_FAILED) | BIT(EVENT_SHIPPING_STOPPED)))
#define OF_ENDS (BIT(EVENT_ORDER_FAILED) | BIT(EVENT_ORDER_CANCELLED))
#define IF(wants, event) (wants -> BIT(event) : 0)
#define OF_INVENTORY (said & (OF_ENDS | BIT(EVENT_ORDER_COMPLETED) | \
    IF(STOCK_WANTS_EVENT_ORDER_CREATED, EVENT_ORDER_CREATED) | \
    IF(STOCK_WANTS_EVENT_PAYMENT_AUTHORIZED, EVENT_PAYMENT_AUTHORIZED) | \
    IF(STOCK_WANTS_EVENT_PAYMENT_SUCCEEDED, EVENT_PAYMENT_SUCCEEDED)))
#define OF_PAYMENT (said & (OF_ENDS | BIT(EVENT_ORDER_CAPTURE_REQUESTED) | \
    IF(CHARGE_WANTS_EVENT_ORDER_CREATED, EVENT_ORDER_CREATED) | \
    IF(CHARGE_WANTS_EVENT_INVENTORY_RESERVED, EVENT_INVENTORY_RESERVED)))
#define OF_SHIPPING (said & (BIT(EVENT_ORDER_CONFIRMED) | BIT(EVENT_ORDER_STOP_REQUESTED)))
#define ALL_TOLD(of, told) ((of & ~told) == 0)


bool is_judged;

/* Nothing is still to come. */
#define IS_QUIET (has_order && !is_held && !is_stray && !IS_WATCHED && !IS_OWED && !IS_UNSETTLED && \
    !IS_CHALLENGED && \
    ALL_TOLD(OF_ORDER, told_order) && ALL_TOLD(OF_INVENTORY, told_inventory) && \
    ALL_TOLD(OF_PAYMENT, told_payment) && ALL_TOLD(OF_SHIPPING, told_shipping))

/* It has no end label: where it never comes so far, spin reports an invalid end state. */
active proctype judge() {
    atomic {
        IS_QUIET ->
        MUST(every_order_ends, IS_FINAL);
        MUST(completed_is_paid, status != ORDER_COMPLETED || (captured == 1 && refunded == 0) ||
             (steps & STEP_UNCAPTURED) != 0);
        MUST(broken_off_costs_nothing,
             !is_held_there && (status == ORDER_COMPLETED || captured == refunded));
        MUST(completed_is_shipped,
             status != ORDER_COMPLETED || (reservation == SHIPPED && shipment == SENT));
        MUST(broken_off_holds_no_stock,
             status == ORDER_COMPLETED || (reservation != RESERVED && reservation != SHIPPED));
        MUST(broken_off_is_not_shipped, status == ORDER_COMPLETED || shipment != SENT);
        MUST(told_is_what_the_ledger_says, (!SAID(EVENT_PAYMENT_SUCCEEDED) || captured == 1) &&
             (!SAID(EVENT_PAYMENT_CAPTURED) || captured == 1) &&
             SAID(EVENT_PAYMENT_REFUNDED) == (refunded == 1));
        MUST(each_wish_is_noted,
             is_wished || !SAID(EVENT_ORDER_CANCEL) || (steps & STEP_CANCEL) != 0);
        is_judged = true
    }
}

/* Where nothing goes wrong any more, nothing goes on for ever either. */
ltl ends { <> is_judged }

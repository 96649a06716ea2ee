/*
 * The life of an order as one table.
 *
 * A row says: in these flows and statuses, on this event, with these steps already known, go to
 * `next`, note `sets` and do `actions`, because `why`. The first row that fits counts. Every event
 * has a row in every status, so stale, repeated and overtaken events are decisions and not
 * accidents; tests/unit/services/order/test_order_fsm.c walks them all. A new flow is further rows.
 *
 * Pure: no I/O, no clock, thread safe. Stepping is repeatable: it changes nothing but *state.
 */
#ifndef OM_SERVICES_ORDER_LIFE_ORDER_FSM_H
#define OM_SERVICES_ORDER_LIFE_ORDER_FSM_H

#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

#include <stdbool.h>
#include <stddef.h>

/* The actions of the order service on a transition, as bits: id, bit, name in the export. */
#define ORDER_ACTION_TABLE(X)                                                                      \
    X(RECORD, 1, "record")     /* the event joins the timeline */                                  \
    X(CONFIRM, 2, "confirm")   /* OrderConfirmed joins it too, and order.confirmed goes out */     \
    X(COMPLETE, 4, "complete") /* OrderCompleted, order.completed */                               \
    X(FAIL, 8, "fail")         /* OrderFailed with a reason, order.failed: all compensate */       \
    X(CANCEL, 16, "cancel")    /* OrderCancelled, order.cancelled: all compensate */               \
    X(STOP, 32, "stop")        /* order.stop_requested: shipping ships or stops, and says which */ \
    X(REFUSE, 64, "refuse")    /* the request comes too late; the timeline says so */              \
    X(START, 128, "start")     /* order.created goes out: the others begin */                      \
    X(CAPTURE, 256, "capture") /* order.capture_requested: payment takes what it holds */          \
    X(RETURN, 512, "return")   /* order.returned: pieces are here again, and their money is due */ \
    X(STOP_LINES, 1024, "stop_lines") /* order.lines_stop_requested: shipping sends the rest */    \
    X(CUT, 2048, "cut")   /* order.lines_cancelled: stock and money of these pieces are due */     \
    X(KEEP, 4096, "keep") /* LinesNotCancelled joins it: the pieces have been sent */

enum order_action {
#define ORDER_ACTION_ENUM(id, bit, name) ORDER_##id = (bit),
    ORDER_ACTION_TABLE(ORDER_ACTION_ENUM)
#undef ORDER_ACTION_ENUM
};

#define ORDER_STAY (-1) /* as `next` */

/* The events that no stream carries: the watchdog finds that the order's time is up; an order that
   was accepted before has its key (store_keys.h); and nothing that was can have it any more; its
   goods are reserved, and nobody has paid for them in time (unpaid.h). Its customer wants to send
   pieces back; they are here; or nobody waits for them any more (returns.h). Its customer wants
   pieces cancelled; they are not sent; or they have been (cancel_lines.h). */
#define ORDER_TIME_UP EVENT_TYPE_COUNT
#define ORDER_KEY_TAKEN (EVENT_TYPE_COUNT + 1)
#define ORDER_MAY_START (EVENT_TYPE_COUNT + 2)
#define ORDER_UNPAID (EVENT_TYPE_COUNT + 3)
#define ORDER_RETURN_WANTED (EVENT_TYPE_COUNT + 4)
#define ORDER_RETURN_RECEIVED (EVENT_TYPE_COUNT + 5)
#define ORDER_RETURN_REFUSED (EVENT_TYPE_COUNT + 6)
#define ORDER_LINES_WANTED (EVENT_TYPE_COUNT + 7)
#define ORDER_LINES_STOPPED (EVENT_TYPE_COUNT + 8)
#define ORDER_LINES_SENT (EVENT_TYPE_COUNT + 9)
#define ORDER_EVENT_COUNT (EVENT_TYPE_COUNT + 10)

struct order_transition {
    unsigned flows;    /* bits 1 << enum order_flow */
    unsigned statuses; /* bits 1 << enum order_status */
    enum event_type event;
    unsigned needs; /* enum order_step bits that must all be known */
    int next;       /* enum order_status or ORDER_STAY */
    unsigned sets;  /* enum order_step bits */
    unsigned actions;
    const char *why;
};

extern const struct order_transition order_fsm_rows[];
extern const size_t order_fsm_row_count;

struct order_state {
    enum order_flow flow;
    enum order_status status;
    unsigned steps; /* enum order_step bits */
};

/* "io.ordermesh.payment.failed", "time_up". */
const char *order_fsm_event_name(enum event_type event);
/* Applies the row for `event` to *state and returns it; NULL when no row fits. */
const struct order_transition *order_fsm_step(struct order_state *state, enum event_type event);

#endif

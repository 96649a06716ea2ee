/*
 * What an order waits for, as one table: in these flows and statuses, with these steps in its
 * timeline and without those, it waits for `what`, which comes about by these consumers, one after
 * the other. The first row that fits counts. Each order that has not ended fits one; one that has,
 * and fits none, waits for nothing. Pure; thread safe.
 */
#ifndef OM_SHARED_DIAGNOSIS_ORDER_WAIT_H
#define OM_SHARED_DIAGNOSIS_ORDER_WAIT_H

#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

/* The steps of a timeline that tell: id, bit, name there. */
#define ORDER_SIGN_TABLE(X)                                                                        \
    X(RESERVED, 1, "InventoryReserved")                                                            \
    X(PAID, 2, "PaymentSucceeded")                                                                 \
    X(SHIPPED, 4, "OrderShipped")                                                                  \
    X(STOP, 8, "StopRequested")                                                                    \
    X(RELEASED, 16, "InventoryReleased")                                                           \
    X(REFUNDED, 32, "PaymentRefunded")                                                             \
    X(AUTHORIZED, 64, "PaymentAuthorized")                                                         \
    X(CAPTURE, 128, "CaptureRequested")                                                            \
    X(CAPTURED, 256, "PaymentCaptured")                                                            \
    X(VOIDED, 512, "PaymentVoided")                                                                \
    X(ACTION, 1024, "PaymentActionRequired")

enum order_sign {
#define ORDER_SIGN_ENUM(id, bit, name) SIGN_##id = (bit),
    ORDER_SIGN_TABLE(ORDER_SIGN_ENUM)
#undef ORDER_SIGN_ENUM
};

/* The bit of a timeline's entry; 0 for one that tells nothing here. */
unsigned order_sign(struct slice timeline_event);

enum { ORDER_WAIT_CONSUMERS_MOST = 4 };

/* A consumer on the way, and what it is to be given. */
struct awaited_consumer {
    const char *stream, *name; /* NULL: no further one */
    enum event_type event;
};

struct order_wait {
    unsigned flows;    /* bits 1 << enum order_flow */
    unsigned statuses; /* bits 1 << enum order_status */
    unsigned has, lacks;
    const char *what; /* behind "It waits for " */
    struct awaited_consumer consumers[ORDER_WAIT_CONSUMERS_MOST];
};

extern const struct order_wait order_wait_rows[];
extern const size_t order_wait_row_count;
/* Of an order that the order service does not have yet. */
extern const struct order_wait order_wait_intake;

/* NULL: for nothing. */
const struct order_wait *order_wait_of(enum order_flow flow, enum order_status status,
                                       unsigned signs);

#endif

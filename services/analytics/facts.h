/*
 * The facts known of one order: when the first event of each kind happened, and what some said.
 *
 * Facts join: facts_merge() is commutative, associative and idempotent. So what is known after a
 * set of events is the same whatever their order and however often each came, and a replay may meet
 * events that were applied before. Where two events of a kind differ, the earlier one counts, but
 * of refunds the one by which the most was given back.
 *
 * Plain values; texts borrow. Pure.
 */
#ifndef OM_SERVICES_ANALYTICS_FACTS_H
#define OM_SERVICES_ANALYTICS_FACTS_H

#include "shared/base/slice.h"
#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"

/* name, also that of its column, and the event that tells it; in the order of the columns */
#define FACT_TABLE(X)                                                                              \
    X(CREATED, "created", ORDER_CREATED)                                                           \
    X(RESERVED, "reserved", INVENTORY_RESERVED)                                                    \
    X(REJECTED, "rejected", INVENTORY_REJECTED)                                                    \
    X(RELEASED, "released", INVENTORY_RELEASED)                                                    \
    X(PAID, "paid", PAYMENT_SUCCEEDED)                                                             \
    X(DECLINED, "declined", PAYMENT_FAILED)                                                        \
    X(REFUNDED, "refunded", PAYMENT_REFUNDED)                                                      \
    X(CONFIRMED, "confirmed", ORDER_CONFIRMED)                                                     \
    X(SHIPPED, "shipped", SHIPPING_SHIPPED)                                                        \
    X(UNSHIPPED, "unshipped", SHIPPING_FAILED)                                                     \
    X(COMPLETED, "completed", ORDER_COMPLETED)                                                     \
    X(FAILED, "failed", ORDER_FAILED)                                                              \
    X(CANCELLED, "cancelled", ORDER_CANCELLED)                                                     \
    X(NOTIFIED, "notified", NOTIFICATION_SENT)                                                     \
    X(UNNOTIFIED, "unnotified", NOTIFICATION_FAILED)

enum fact {
#define FACT_ENUM(id, name, event) FACT_##id,
    FACT_TABLE(FACT_ENUM)
#undef FACT_ENUM
        FACT_COUNT
};

struct amount {
    int64_t minor;
    struct slice currency;
};

/* What events say besides, which no row of facts keeps (terms.h). */
struct order_told {
    const struct order_snapshot *order; /* CREATED, FAILED, CANCELLED; NULL: not said */
    struct slice payment_id;            /* PAID; or empty */
    const struct slice *parcels;        /* SHIPPED: the number of each */
    size_t parcel_count;
};

struct order_facts {
    struct uuid order_id;
    int64_t at_us[FACT_COUNT]; /* 0: not seen */
    struct slice flow;         /* said by CREATED, as are the others by theirs */
    struct slice reason;       /* FAILED or CANCELLED, whichever came first */
    struct amount captured;    /* PAID */
    struct amount refunded;    /* REFUNDED */
    struct order_told told;
};

const char *fact_name(enum fact fact);
enum event_type fact_event(enum fact fact);
bool fact_of_event(enum event_type type, enum fact *fact);

/* Reads the facts that one event tells. Borrows from the event. INVALID: it lacks a fact that its
   kind must tell. */
enum status facts_read(const struct event *event, struct order_facts *facts,
                       struct error *error) MUST_CHECK;
/* Adds the facts of `more`, about the same order, and what it was told; false when none of the
   facts is new. */
bool facts_merge(struct order_facts *facts, const struct order_facts *more);

#endif

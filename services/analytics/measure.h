/*
 * The counts that one order adds: a pure function of its facts. A projection is the sum over all
 * orders, so that applying an event means to take away the order's old counts and to add its new
 * ones, and the sums do not depend on the order of events.
 */
#ifndef OM_SERVICES_ANALYTICS_MEASURE_H
#define OM_SERVICES_ANALYTICS_MEASURE_H

#include "services/analytics/facts.h"
#include "services/analytics/tally.h"
#include "shared/base/slice.h"
#include "shared/contract/order_terms.h"

/* The stages of an order whose time is taken. In inventory-first a reservation begins at creation
   and a payment at the reservation; in payment-first it is the other way round; in parallel both
   begin at creation. */
#define STAGE_TABLE(X)                                                                             \
    X(RESERVATION, "reservation")                                                                  \
    X(PAYMENT, "payment")                                                                          \
    X(CONFIRMATION, "confirmation") /* since both are there */                                     \
    X(SHIPPING, "shipping")         /* since the confirmation */                                   \
    X(COMPLETION, "completion")     /* since the shipment */                                       \
    X(ORDER, "order")               /* from creation to completion */                              \
    X(FAILURE, "failure")           /* from creation to failure or cancellation */

enum stage {
#define STAGE_ENUM(id, name) STAGE_##id,
    STAGE_TABLE(STAGE_ENUM)
#undef STAGE_ENUM
        STAGE_COUNT
};

const char *stage_name(enum stage stage);
bool stage_parse(struct slice text, enum stage *stage);

enum order_status facts_status(const struct order_facts *facts);

/* Adds what an order counts for `times` (1, or -1 to take it away). Labels borrow from `facts`. */
void facts_measure(const struct order_facts *facts, int times, struct tally *tally);

#endif

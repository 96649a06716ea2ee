/*
 * What a shop may show of an order beside its status: one plain sentence for what happens now, and
 * for why it ended otherwise than wished. The texts are one table; order_terms.h has those of the
 * reasons. They are English; a client with other languages goes by status and reason. Pure; thread
 * safe.
 */
#ifndef OM_SHARED_CONTRACT_ORDER_MESSAGE_H
#define OM_SHARED_CONTRACT_ORDER_MESSAGE_H

#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

/* Of an order that the order service does not have yet. */
#define ORDER_MESSAGE_ACCEPTED "We have your order and are about to start on it."
/* Of one whose customer has just asked for its end, and of one that had it before. */
#define ORDER_MESSAGE_CANCELLING                                                                   \
    "You have cancelled your order: we are stopping it, unless it has been sent already."
#define ORDER_MESSAGE_CANCELLED "Your order is cancelled."

/* How an order stands. */
struct order_stand {
    enum order_flow flow;
    enum order_status status;
    unsigned steps; /* enum order_step bits */
    enum order_reason reason;
};

const char *order_message(const struct order_stand *stand);

#endif

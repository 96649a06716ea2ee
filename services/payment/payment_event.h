/*
 * What the payment service tells: the data of each of its events, and their count. No event has a
 * card's number, since nobody here is ever told one. Pure but for the count; thread safe.
 */
#ifndef OM_SERVICES_PAYMENT_PAYMENT_EVENT_H
#define OM_SERVICES_PAYMENT_PAYMENT_EVENT_H

#include "services/payment/store.h"
#include "shared/base/buf.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"

struct payment_facts {
    const struct payment_row *row; /* as it is to be stored */
    /* Of payment.succeeded, payment.authorized and payment.action_required; NULL where no event
       says what was ordered, since the order has ended. */
    const struct order_snapshot *order;
    const char *provider;
    const char *auth_code;    /* of payment.authorized */
    enum order_reason reason; /* of payment.failed */
    const char *action_url;   /* of payment.action_required */
};

/* Replaces what is in `data`. */
void payment_event_write(struct buf *data, enum event_type type, const struct payment_facts *facts);
void payment_event_count(enum event_type type);

#endif

/*
 * Events becoming deliveries: what the handlers read and write of webhooks.endpoints, deliveries
 * and refunds. Set-based; runs in the batch's open transaction. Whatever is queued again stays as
 * it is.
 */
#ifndef OM_SERVICES_WEBHOOKS_STORE_H
#define OM_SERVICES_WEBHOOKS_STORE_H

#include "shared/consume/batch.h"
#include "shared/pg/pg_param.h"

/* Events from a little before a webhook's creation are sent, too: clocks differ. */
#define WEBHOOK_GRACE_S "10"

/* A tenant, and an event's public name that one of its webhooks wants. */
struct interest {
    struct slice tenant;
    struct slice name;
};

struct interests {
    struct interest *rows;
    size_t count;
};

/* Those of the tenants, into the batch's arena. */
enum status webhooks_store_interests(struct batch *batch, struct pg_array *tenants,
                                     struct interests *interests, struct error *error) MUST_CHECK;
/* Whether anybody wants refunds. */
enum status webhooks_store_wants_refunds(struct batch *batch, bool *wants,
                                         struct error *error) MUST_CHECK;

/* Borrows. */
struct new_delivery {
    struct uuid event_id, order_id;
    struct slice tenant; /* empty: a refund's, which is not known yet */
    const char *name;
    int64_t time_us;
    struct slice body;
};

/* Queues one row for each webhook of the tenant that wants it. */
enum status webhooks_store_add(struct batch *batch, const struct new_delivery *deliveries,
                               size_t count, struct error *error) MUST_CHECK;
/* Queues that these orders, which have ended, are of their tenants: of order_id and tenant only. A
   refund that waits for that becomes deliveries. */
enum status webhooks_store_add_ends(struct batch *batch, const struct new_delivery *ends,
                                    size_t count, struct error *error) MUST_CHECK;
/* Queues refunds, which become deliveries as soon as their orders' tenants are known. */
enum status webhooks_store_add_refunds(struct batch *batch, const struct new_delivery *refunds,
                                       size_t count, struct error *error) MUST_CHECK;

#endif

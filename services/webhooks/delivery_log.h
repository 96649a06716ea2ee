/*
 * The log of a webhook's deliveries as its tenant reads it, and what it may have sent at once: the
 * table webhooks.deliveries. NOT_FOUND where the tenant has no such webhook, or it no such
 * delivery. Blocks as pg_query() does.
 */
#ifndef OM_SERVICES_WEBHOOKS_DELIVERY_LOG_H
#define OM_SERVICES_WEBHOOKS_DELIVERY_LOG_H

#include "services/webhooks/subscriptions.h"

struct delivery_page {
    struct slice status; /* empty: of all */
    int64_t limit;
    struct uuid before; /* the last id of the page before */
};

/* Writes the member "deliveries", the newest first; *end is the page's last. */
enum status delivery_log_page(struct pg *pg, const struct webhook_key *key,
                              const struct delivery_page *page, struct json_writer *w,
                              bool *goes_on, struct uuid *end, struct error *error) MUST_CHECK;
/* Each makes a delivery due at once, and replies with it. CONFLICT: the webhook is switched off. */
enum status delivery_log_ping(struct pg *pg, const struct webhook_key *key, struct buf *reply,
                              struct error *error) MUST_CHECK;
enum status delivery_log_resend(struct pg *pg, const struct webhook_key *key,
                                const struct uuid *event_id, struct buf *reply,
                                struct error *error) MUST_CHECK;

#endif

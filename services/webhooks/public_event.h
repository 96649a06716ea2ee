/*
 * The events that a tenant may subscribe to: their names, and what a request says of one:
 *
 *     {"id":"<event id>","type":"order.created","timestamp":"...","data":{...}}
 *
 * `data` has the members of the event that are meant for tenants. What the mesh needs for itself
 * and sealed personal data stay inside. Pure and thread safe.
 */
#ifndef OM_SERVICES_WEBHOOKS_PUBLIC_EVENT_H
#define OM_SERVICES_WEBHOOKS_PUBLIC_EVENT_H

#include "shared/contract/event.h"

#define PUBLIC_EVENT_ALL "*"
#define PUBLIC_EVENT_PING "webhook.ping" /* asked for by a tenant, and subscribed to by nobody */
#define PUBLIC_EVENT_REFUNDED "payment.refunded"

/* "order.created"; NULL when it is not public. */
const char *public_event_name(enum event_type type);
/* Whether it can be subscribed to: such a name, or PUBLIC_EVENT_ALL. */
bool public_event_is_choice(struct slice name);
/* Appends the names that can be subscribed to, in one line for people. */
void public_event_list(struct buf *out);
/* Appends the request's body. */
void public_event_write(const struct event *event, struct buf *body);
void public_event_write_ping(const struct uuid *id, const struct uuid *endpoint_id,
                             struct buf *body);

#endif

/* What the gateway asks of webhooks, on behalf of a tenant. Requests and replies are JSON. */
#ifndef OM_SERVICES_WEBHOOKS_ENDPOINT_H
#define OM_SERVICES_WEBHOOKS_ENDPOINT_H

#include "shared/service/service.h"

/* mesh.webhooks.create {"tenant","id","url","eventTypes","description"?} -> the webhook, with its
   secret. INVALID says what is wrong, as "<member>: ..."; CONFLICT: there are too many. */
enum status webhooks_endpoint_create(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.list {"tenant"} -> {"webhooks"} */
enum status webhooks_endpoint_list(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.get {"tenant","id"} -> the webhook */
enum status webhooks_endpoint_get(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.change {"tenant","id","url"?,"eventTypes"?,"description"?,"enabled"?} -> the
 * webhook
 */
enum status webhooks_endpoint_change(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.delete {"tenant","id"} -> {} */
enum status webhooks_endpoint_delete(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.deliveries {"tenant","id","status"?,"limit"?,"cursor"?} ->
   {"deliveries","nextCursor"?}. INVALID: the cursor is of another list. */
enum status webhooks_endpoint_deliveries(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.ping {"tenant","id"} -> the delivery. CONFLICT: the webhook is switched off. */
enum status webhooks_endpoint_ping(struct endpoint_call *call, struct error *error);
/* mesh.webhooks.resend {"tenant","id","deliveryId"} -> the delivery. CONFLICT, as above. */
enum status webhooks_endpoint_resend(struct endpoint_call *call, struct error *error);

#endif

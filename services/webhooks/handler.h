/* Events become deliveries to the webhooks of their tenant; where it has none, an event costs its
   share of one question a batch. */
#ifndef OM_SERVICES_WEBHOOKS_HANDLER_H
#define OM_SERVICES_WEBHOOKS_HANDLER_H

#include "shared/consume/batch.h"

/* Events that name their tenant. The context is a struct webhooks. */
extern const struct handler webhooks_handler;
/* payment.refunded, whose tenant is told by the end of its order. */
extern const struct handler webhooks_refund_handler;

#endif

/* What gateways ask of notification: customers' keys. Requests and replies are JSON. */
#ifndef OM_SERVICES_NOTIFICATION_ENDPOINT_H
#define OM_SERVICES_NOTIFICATION_ENDPOINT_H

#include "shared/service/service.h"

/* mesh.notification.seal_keys {"customers":[{"tenant","customerId"}]}, SEAL_KEYS_MOST at most ->
   {"keys"}, which seal for them, in the same order; {} -> {"shared","erased"}: the shared key, and
   who was erased lately (customer_keys.h). Either with "masterKey"?, the id of the one that the
   gateway seals with. NOT_FOUND without OM_PII_KEY_FILE, or where that has another key. */
#define SEAL_KEYS_MOST 64
enum status notification_endpoint_seal_keys(struct endpoint_call *call, struct error *error);
/* mesh.notification.erase {"tenant","customerId","actor"} -> {"customerId","erasedAt","keys",
   "times"} */
enum status notification_endpoint_erase(struct endpoint_call *call, struct error *error);

#endif

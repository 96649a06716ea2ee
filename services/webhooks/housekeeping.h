/* What is done by the clock: old deliveries go, secrets follow a change of the key, and what waits
   is counted. */
#ifndef OM_SERVICES_WEBHOOKS_HOUSEKEEPING_H
#define OM_SERVICES_WEBHOOKS_HOUSEKEEPING_H

#include "shared/service/periodic.h"

/* The context is a struct webhooks. */
extern const struct periodic webhooks_housekeeping;

#endif

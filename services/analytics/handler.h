/* Every event about an order goes into the projection. */
#ifndef OM_SERVICES_ANALYTICS_HANDLER_H
#define OM_SERVICES_ANALYTICS_HANDLER_H

#include "shared/consume/batch.h"

/* One handler for all that facts.h lists. It rejects an event that lacks what its kind must say. */
extern const struct handler analytics_handler;

#endif

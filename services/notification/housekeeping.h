/* What is done by the clock: shared keys come and go, and what opens follows a change of the master
   key. */
#ifndef OM_SERVICES_NOTIFICATION_HOUSEKEEPING_H
#define OM_SERVICES_NOTIFICATION_HOUSEKEEPING_H

#include "shared/service/periodic.h"

/* The context is a struct notification. */
extern const struct periodic notification_housekeeping;

#endif

/*
 * What operators discarded at a service's consumers, where the dead letters are in another database
 * than the service's: it is fetched from the dead-letter service, so that an event which is
 * published again after the broker lost data does not wake it. Where both share a database,
 * om.keep_own_discarded() does it, and this ends at once.
 *
 * A worker (worker.h) whose context is a pointer to the struct service *. It asks every five
 * seconds. While the dead-letter service is away nothing is missed, as it is asked for all that has
 * come since.
 */
#ifndef OM_SHARED_SERVICE_DISCARDED_H
#define OM_SHARED_SERVICE_DISCARDED_H

#include "shared/service/worker.h"

extern const struct worker_spec discarded_worker;

#endif

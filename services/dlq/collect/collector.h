/*
 * The worker that makes dead letters: reads the server's advisories in batches through the
 * examiner, and between them sweeps for what advisories missed (sweep.h). Its context is the
 * service's struct dlq_settings.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_COLLECTOR_H
#define OM_SERVICES_DLQ_COLLECT_COLLECTOR_H

#include "shared/service/worker.h"

void collector_run(struct worker *worker);

#endif

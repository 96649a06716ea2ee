/*
 * The worker that reads failure reports into the index: the last word of a consumer on a message,
 * for the examiner to join, for the sweep to find, and to learn that a replay was done.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_REPORTS_H
#define OM_SERVICES_DLQ_COLLECT_REPORTS_H

#include "shared/service/worker.h"

void reports_run(struct worker *worker);

#endif

/*
 * How far the reading of failure reports is behind. A report is stored before the advisory that
 * follows from it, but read into the index by another worker, perhaps of another instance.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_REPORT_LAG_H
#define OM_SERVICES_DLQ_COLLECT_REPORT_LAG_H

#include "shared/nats/request_batch.h"

/* Returns when all reports stored before the call are in the index, or after 2 s: then what is
   wanting is found by the sweep. */
enum status report_lag_wait(struct request_batch *requests, struct error *error) MUST_CHECK;

#endif

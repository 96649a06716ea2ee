/*
 * The worker that finds what advisories missed: a message whose consumer said for the last time
 * that it failed, and that has no entry after the grace period, becomes a dead letter by its
 * report. It also closes replays, forgets old reports, and takes the figures of the index.
 *
 * Several instances may sweep at once; the examiner makes one entry of it. Its context is the
 * service's struct dlq_settings.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_SWEEP_H
#define OM_SERVICES_DLQ_COLLECT_SWEEP_H

#include "shared/service/worker.h"

/* The service's own configuration, read once before any thread starts. */
struct dlq_settings {
    int64_t grace_ms; /* how long a final failure report may wait for its advisory */
};

void sweep_run(struct worker *worker);

#endif

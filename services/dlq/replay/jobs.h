/*
 * The worker that carries out what was begun: jobs at their rates, and entries that were taken for
 * a replay by a process that has ended since.
 *
 * One instance works, the leader by an advisory lock of the database. A job's entries are taken a
 * twentieth of a second's worth at a time, evenly spaced, so that live traffic keeps its latency;
 * a slow broker is not made up for by a burst. All of a job's state is in dlq.jobs: the
 * next leader goes on where the last one was.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_JOBS_H
#define OM_SERVICES_DLQ_REPLAY_JOBS_H

#include "shared/service/worker.h"

void jobs_run(struct worker *worker);

#endif

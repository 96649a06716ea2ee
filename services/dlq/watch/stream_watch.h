/*
 * The worker that looks at all streams and consumers, for the alerts: how full each stream is, how
 * old the oldest message is that a consumer is not done with, and who is paused. Nobody else sees
 * that of a consumer whose service is away. Only this service may read what streams hold.
 *
 * It also shows when the certificate of the NATS server ends.
 *
 * Each instance looks for itself: three round trips every ten seconds, whatever the backlog.
 */
#ifndef OM_SERVICES_DLQ_WATCH_STREAM_WATCH_H
#define OM_SERVICES_DLQ_WATCH_STREAM_WATCH_H

#include "shared/service/worker.h"

void stream_watch_run(struct worker *worker);

#endif

/*
 * The worker that gives second chances. A message whose deliveries ran out without a last word may
 * be what ended its consumer's process, or only have been in hand when something else did. So it is
 * sent to that consumer once more (republish.h), by itself: one at a time for each service, whose
 * consumers (<service> or <service>-...) share a process; the next when the one before was done,
 * failed, became a dead letter, or had time enough. A healthy message passes; poison crashes
 * alone, and becomes a dead letter by its own advisory. One that ran out of time before its turn
 * came, in the hands of a process that lived, has another chance, as often as that happens.
 *
 * Everything is in dlq.chances, so a restart goes on where it was. One of several instances gives.
 *
 *     waiting -> given                    sent, one at a time for each service
 *     given -> passed | failed | expired  it was done; it failed, or became a dead letter; nobody
 *                                         said anything in time
 */
#ifndef OM_SERVICES_DLQ_COLLECT_SECOND_CHANCES_H
#define OM_SERVICES_DLQ_COLLECT_SECOND_CHANCES_H

#include "shared/service/worker.h"

void chances_run(struct worker *worker);

#endif

/*
 * The sweep finds what advisories missed: a message whose consumer said for the last time that it
 * failed, and that has no entry after the grace period. It becomes a dead letter by its report.
 * The figures of the index are taken along the way.
 *
 * Several instances may sweep at once; the examiner makes one entry of it. One thread, the
 * examiner's.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_SWEEP_H
#define OM_SERVICES_DLQ_COLLECT_SWEEP_H

#include "services/dlq/collect/examiner.h"

struct sweep;

struct sweep *sweep_create(struct examiner *examiner, int64_t grace_ms);
void sweep_destroy(struct sweep **sweep);
/* Does what is due, if anything is; a failure is logged, and tried again next time. While
   advisories wait to be read, few reports are without one: then it sweeps rarely. */
void sweep_turn(struct sweep *sweep, bool has_advisories);

#endif

/*
 * Reads failure reports into the index: the last word of a consumer on a message, which the
 * examiner joins, the sweep looks for, and a replay is resolved by.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_REPORTS_H
#define OM_SERVICES_DLQ_COLLECT_REPORTS_H

#include "shared/consume/batch.h"

/* Takes raw messages of FAILURES. One that is malformed is counted. */
enum status reports_take(struct batch *batch, struct error *error) MUST_CHECK;

#endif
